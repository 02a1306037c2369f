"""Every number of a dataset's labels as one table, for people who do not read shards: a CSV, or an NPZ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from models3d.camera import CAMERA_FIELDS
from models3d.errors import InputError
from pipeline.files import Paths, whole_file, write_table
from pipeline.settings.dataset import ExportCoefficients
from pipeline.shards import Shard, read_shard

STAGE = "export_coefficients"

SHARED = ("model_digest", "component_names", "range")
"""Attributes that all of the shards have alike."""


def run(inputs: Paths, outputs: Paths, settings: ExportCoefficients) -> None:
    """Write the labels of `inputs["shards"]`, of kind `annotated`, in their order, as `outputs["table"]`.

    A row of a CSV: id, status and residual; a column a component with its parameter (expression in standard
    deviations over the shard's range); identity_000, ... in standard deviations; the camera. An NPZ holds the same
    as arrays, with the names of the components and the range.
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


def write_csv(path: Path, shards: Sequence[Shard]) -> None:
    """Numbers as the shortest decimals that give the same float32 back."""
    write_table(path, header(shards[0]), (row for shard in shards for row in table_rows(shard)))


def header(shard: Shard) -> list[str]:
    names: list[str] = shard.attributes["component_names"]  # type: ignore[assignment]
    identity = [f"identity_{number:03d}" for number in range(shard["identity"].shape[1])]
    return ["id", "status", "residual", *names, *identity, *CAMERA_FIELDS]


def table_rows(shard: Shard) -> Iterator[list[str]]:
    """The rows of one shard; nothing of the others is in memory."""
    numbers = np.concatenate([shard["residual"][:, None], *(shard[name] for name in NUMBERS)], axis=1)
    for name, status, row in zip(shard.text("id"), shard.text("status"), numbers, strict=True):
        yield [name, status, *map(str, row)]


def write_npz(path: Path, shards: Sequence[Shard]) -> None:
    """Without pickles: `numpy.load(path)` opens it."""
    arrays: dict[str, np.ndarray] = {
        name: np.array([text for shard in shards for text in shard.text(name)], str) for name in ("id", "status")
    }
    arrays |= {name: np.concatenate([shard[name] for shard in shards]) for name in ("residual", *NUMBERS)}
    arrays["component_names"] = np.array(shards[0].attributes["component_names"], str)
    arrays["range"] = np.array(shards[0].attributes["range"])
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


NUMBERS = ("params", "identity", "camera")
"""Arrays of a shard that fill a group of columns each, in the order of the header."""

WRITERS: Mapping[str, Callable[[Path, Sequence[Shard]], None]] = {".csv": write_csv, ".npz": write_npz}
