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
