"""The records of the stages of `workflow/rules/dataset.smk`: the dataset as a whole."""

from dataclasses import dataclass


@dataclass(frozen=True)
class JoinShards:
    """Which kind of shard is joined: the rule's own wildcard, no setting."""

    kind: str


@dataclass(frozen=True)
class ValidateShards:
    """Nothing to set: every promise is kept or not."""


@dataclass(frozen=True)
class IndexDataset:
    """Nothing to set: what the dataset holds follows from the shards."""


@dataclass(frozen=True)
class ExportCoefficients:
    """Nothing to set: the extension of the file says which kind of table it is."""


@dataclass(frozen=True)
class DrawStatistics:
    """Which kind of shard is drawn: the rule's own wildcard, no setting."""

    kind: str


@dataclass(frozen=True)
class CountFates:
    """See `count_fates` in the configuration's schema, and `index_images` for `max_pixels`."""

    thumbnails: int
    tile_px: int
    max_pixels: int


@dataclass(frozen=True)
class DescribeCroissant:
    """See `describe_croissant` in the configuration's schema."""

    name: str
    description: str
    licence: str
    url: str
    creators: tuple[str, ...]


@dataclass(frozen=True)
class ExportShard:
    """See `export_shard` in the configuration's schema; the kind of shard is the rule's own wildcard."""

    format: str
    kind: str


@dataclass(frozen=True)
class DescribeExport:
    """See `describe_croissant` in the configuration's schema: the card says the same."""

    name: str
    description: str
    licence: str
