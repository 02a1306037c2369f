"""Every number of a dataset's labels as one table, for people who do not read shards: a CSV, or a Parquet file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from models3d.camera import CAMERA_FIELDS
from models3d.errors import InputError
from pipeline.files import Paths, whole_file, write_table
from pipeline.settings.dataset import ExportCoefficients
from pipeline.shards import Shard, read_shard, stated

STAGE = "export_coefficients"

SHARED = ("model_digest", "component_names", "range")
"""Attributes that all of the shards have alike."""

TEXTS = ("id", "person", "status")
NUMBERS = ("residual", "params", "params_sigma", "identity", "camera")
"""Arrays of a shard that fill a column or a group of columns each, in the order of the header."""


def run(inputs: Paths, outputs: Paths, settings: ExportCoefficients) -> None:
    """Write the labels of `inputs["shards"]`, of kind `annotated`, in their order, as `outputs["table"]`.

    Columns: id, person, status and residual; a column a component with its parameter (expression in standard deviations
    over the shard's range), then one with its standard error in the same unit; identity_000, ... in standard
    deviations; the camera. A Parquet file also says the range and the model's digest in its metadata.
    One shard is in memory at a time.
    Raises InputError for another extension, and if the shards are not of one model and range.
    """
    path = outputs["table"]
    if path.suffix not in WRITERS:
        raise InputError(
            path, f"a table of kind '{path.suffix}' cannot be written", f"name it {' or '.join(sorted(WRITERS))}"
        )
    shards = [read_shard(shard, "annotated") for shard in inputs["shards"]]
    if not shards:
        raise InputError(path, "there are no shards to take coefficients from", "give at least one")
    for shard, part in zip(inputs["shards"], shards, strict=True):
        for name in SHARED:
            if part.attributes[name] != shards[0].attributes[name]:
                raise InputError(
                    shard, f"has another {name} than {inputs['shards'][0]}", "export datasets of different models apart"
                )
    WRITERS[path.suffix](path, shards)


def header(shard: Shard) -> list[str]:
    """The names of the columns, the texts first."""
    names: list[str] = shard.attributes["component_names"]  # type: ignore[assignment]
    identity = [f"identity_{number:03d}" for number in range(shard["identity"].shape[1])]
    return [*TEXTS, "residual", *names, *(f"{name}_sigma" for name in names), *identity, *CAMERA_FIELDS]


def numbers(shard: Shard) -> np.ndarray:
    """The columns of numbers of one shard, a row an item, float32."""
    return np.concatenate([np.atleast_2d(shard[name].T).T for name in NUMBERS], axis=1)


def write_csv(path: Path, shards: Sequence[Shard]) -> None:
    """Numbers as the shortest decimals that give the same float32 back."""
    write_table(path, header(shards[0]), (row for shard in shards for row in table_rows(shard)))


def table_rows(shard: Shard) -> Iterator[list[str]]:
    """The rows of one shard; nothing of the others is in memory."""
    for *texts, row in zip(*map(shard.text, TEXTS), numbers(shard), strict=True):
        yield [*texts, *map(str, row)]


def write_parquet(path: Path, shards: Sequence[Shard]) -> None:
    """A row group a shard."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = header(shards[0])
    types = [pa.string()] * len(TEXTS) + [pa.float32()] * (len(columns) - len(TEXTS))
    said = {name: str(stated(shards[0].attributes[name])) for name in SHARED}
    schema = pa.schema(list(zip(columns, types, strict=True)), metadata=said)
    with whole_file(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for shard in shards:
            arrays = [*map(shard.text, TEXTS), *np.ascontiguousarray(numbers(shard).T)]
            writer.write_table(
                pa.table([pa.array(array, kind) for array, kind in zip(arrays, types, strict=True)], schema)
            )


WRITERS: Mapping[str, Callable[[Path, Sequence[Shard]], None]] = {".csv": write_csv, ".parquet": write_parquet}
