"""Which fits the synthesis takes: the first so many good ones, in the order in which the dataset lists its photos."""

from collections.abc import Sequence

import numpy as np

from pipeline.files import Paths, write_table
from pipeline.settings.paired import SelectFaces
from pipeline.shards import read_shard

STAGE = "select_faces"

HEADER = ("shard", "faces")


def run(inputs: Paths, outputs: Paths, settings: SelectFaces) -> None:
    """Share `faces` out over `inputs["fits"]`, all shards of a dataset in their order; write `outputs["selected"]`.

    A row says how many fits of a shard are taken, from its first on. Photos added at the end move no other.
    """
    counts = [len(read_shard(path, "fits")["id"]) for path in inputs["fits"]]
    taken = shares(counts, settings.faces)
    write_table(
        outputs["selected"], HEADER, [(path.stem, count) for path, count in zip(inputs["fits"], taken, strict=True)]
    )


def shares(counts: Sequence[int], wanted: int) -> list[int]:
    """How many each gives until there are as many as wanted."""
    reached = np.minimum(np.cumsum(counts, dtype=np.int64), wanted)
    return np.diff(reached, prepend=0).tolist()
