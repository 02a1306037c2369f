"""The binary cache of a shard's meshes: each parsed once, on one topology, then mapped by whoever needs it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8
from tqdm import tqdm

from models3d.errors import UnusableDatum
from pipeline.files import Reject
from pipeline.mesh_tables import MeshRow
from pipeline.shards import ShardWriter, new_shard

NONE = -1
"""The index of a neutral face or a texture that an item lacks."""


class Entry(NamedTuple):
    """One mesh file, brought to the topology."""

    vertices_mm: Float32[np.ndarray, "n 3"]
    colours: Callable[[Path | None], UInt8[np.ndarray, "n 3"]]
    """sRGB on the topology's vertices, of a texture file or else the mesh's own. Raises UnusableDatum."""


Parse = Callable[[Path], Entry]
"""Raises UnusableDatum."""


def write_cache(
    path: Path, rows: Sequence[MeshRow], vertex_count: int, parse: Parse, attributes: Mapping[str, object]
) -> list[Reject]:
    """Parse every mesh of the rows and write the cache (kind `mesh_cache`), mesh by mesh.

    A mesh that cannot be used is a reject. So are a neutral face and a texture; their meshes stay, without them, as
    there are uses for a mesh that need neither. The rejects' stage is that of the attributes.
    """
    stage = str(attributes["stage"])
    room = {"vertices": len(rows), "neutrals": len({row.neutral_mesh for row in rows} - {""})}
    shapes = {name: (count, vertex_count, 3) for name, count in room.items()}
    with new_shard(path, "mesh_cache", shapes) as shard:
        cache = _Cache(shard, parse)
        for row in tqdm(rows, desc=stage, unit="mesh"):
            cache.add(row)
        shard.finish(cache.arrays(vertex_count), attributes)
    return [Reject(item, stage, reason) for item, reason in cache.reasons.items()]


class _Cache:
    """What is known of the meshes that came so far."""

    def __init__(self, shard: ShardWriter, parse: Parse) -> None:
        self._shard, self._parse = shard, parse
        self._rows: list[MeshRow] = []
        self._neutral: list[int] = []
        self._texture: list[int] = []
        self._textures: list[UInt8[np.ndarray, "n 3"]] = []
        self._neutral_of: dict[str, int] = {"": NONE}
        self._texture_of: dict[tuple[str, str], int] = {}
        self.reasons: dict[str, str] = {}

    def add(self, row: MeshRow) -> None:
        """Parse the mesh of a row, and its neutral face and texture where these are new."""
        try:
            entry = self._parse(Path(row.mesh))
        except UnusableDatum as error:
            self.reasons[row.id] = str(error)
            return
        if row.session_key not in self._texture_of:
            self._texture_of[row.session_key] = self._add_texture(row, entry)
        if row.neutral_mesh not in self._neutral_of:
            self._neutral_of[row.neutral_mesh] = self._add_neutral(row, entry)
        self._shard.append("vertices", entry.vertices_mm)
        self._rows.append(row)
        self._neutral.append(self._neutral_of[row.neutral_mesh])
        self._texture.append(self._texture_of[row.session_key])

    def _add_neutral(self, row: MeshRow, entry: Entry) -> int:
        try:
            neutral = entry if row.neutral_mesh == row.mesh else self._parse(Path(row.neutral_mesh))
            self._shard.append("neutrals", neutral.vertices_mm)
        except UnusableDatum as error:
            self.reasons.setdefault(row.id_of(row.neutral_mesh), f"as a neutral face: {error}")
            return NONE
        return max(self._neutral_of.values()) + 1

    def _add_texture(self, row: MeshRow, entry: Entry) -> int:
        try:
            self._textures.append(entry.colours(Path(row.texture) if row.texture else None))
        except UnusableDatum as error:
            self.reasons.setdefault(row.id_of(row.texture or row.mesh), f"as a texture: {error}")
            return NONE
        return len(self._textures) - 1

    def arrays(self, vertex_count: int) -> Mapping[str, object]:
        """What `LAYOUTS["mesh_cache"]` lists beside the streamed arrays."""
        rows = self._rows
        return {
            **{name: [getattr(row, name) for row in rows] for name in ("id", "subject", "session", "sequence")},
            "frame": np.array([row.frame for row in rows], np.int32),
            "neutral": np.array(self._neutral, np.int32),
            "texture": np.array(self._texture, np.int32),
            "textures": np.array(self._textures, np.uint8).reshape(-1, vertex_count, 3),
        }


def read_ahead(
    meshes: Float32[np.ndarray, "m n 3"], runs: Iterable[range]
) -> Iterator[tuple[range, Float32[np.ndarray, "b n 3"]]]:
    """Copies of runs of mapped meshes, the next one being read from the disk while its predecessor is in use."""
    with ThreadPoolExecutor(1) as reader:
        coming: deque[tuple[range, Future]] = deque()
        for run in runs:
            coming.append((run, reader.submit(np.array, meshes[run.start : run.stop])))
            if len(coming) > 1:
                run, block = coming.popleft()
                yield run, block.result()
        for run, block in coming:
            yield run, block.result()
