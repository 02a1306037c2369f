"""Projecting 10,000 cached meshes of LSFM's size against reading their bytes; `make bench-meshes` prints the table.

Cold: the file is dropped from the system's cache before every run, so both wait for the disk. Warm: all of it is in
memory already (where that is large enough), and reading is nothing but copying: there the arithmetic shows.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models3d.face_model import FaceModel, basis_from_displacements, empty_basis, synthesize
from pipeline.project_meshes import Coefficients, coefficients
from pipeline.settings.meshes import ProjectMeshes
from pipeline.shards import new_shard, read_shard

MESHES, VERTICES = 10_000, 53_215
IDENTITIES, EXPRESSIONS = 60, 30
A_CLIP = 100
"""Meshes with one neutral face."""
BLOCK = 50
MOST = 1.5
"""Times the reading, cold."""


def lsfm_sized_model(rng: np.random.Generator) -> FaceModel:
    """As many numbers as the real one's, without its shape."""
    mean = rng.normal(scale=60, size=(VERTICES, 3)).astype(np.float32)
    identity, expression = (
        basis_from_displacements(rng.normal(size=(count, VERTICES, 3)), tuple(map(str, range(count))))
        for count in (IDENTITIES, EXPRESSIONS)
    )
    triangles = np.arange(3 * (VERTICES // 3), dtype=np.int32).reshape(-1, 3)
    landmarks = np.arange(68, dtype=np.int32)
    parts = {"identity": identity, "expression": expression, "speech": empty_basis(VERTICES)}
    return FaceModel("size", mean, triangles, landmarks, **parts, source="benchmark", licence="MIT")


@pytest.fixture(scope="module")
def cached(tmp_path_factory) -> tuple[Path, FaceModel, np.ndarray]:
    """The cache, its model, and the true expressions."""
    rng = np.random.default_rng(0)
    model, path = lsfm_sized_model(rng), tmp_path_factory.mktemp("projection") / "cache.h5"
    p_exp = rng.normal(size=(MESHES, EXPRESSIONS))
    clips = MESHES // A_CLIP
    people = synthesize(model, rng.normal(size=(clips, IDENTITIES)), np.zeros((clips, EXPRESSIONS)))
    bare = replace(model, mean_mm=np.zeros_like(model.mean_mm))
    shapes = {"vertices": (MESHES, VERTICES, 3), "neutrals": (clips, VERTICES, 3)}
    with new_shard(path, "mesh_cache", shapes) as shard:
        for person in people:
            shard.append("neutrals", person)
        for start in range(0, MESHES, BLOCK):
            moved = people[start // A_CLIP] + synthesize(bare, np.zeros((BLOCK, 0)), p_exp[start : start + BLOCK])
            for mesh in moved:
                shard.append("vertices", mesh)
        numbers = np.arange(MESHES, dtype=np.int32)
        texts = {name: ["x"] * MESHES for name in ("subject", "session", "sequence")}
        nothing = {"texture": np.full(MESHES, -1, np.int32), "textures": np.empty((0, VERTICES, 3), np.uint8)}
        arrays = {"id": list(map(str, numbers)), "frame": numbers, "neutral": numbers // A_CLIP, **texts, **nothing}
        shard.finish(arrays, {})
    os.sync()
    return path, model, p_exp


def read_all(path: Path) -> None:
    """Every byte of the file, in large pieces."""
    piece = bytearray(BLOCK * VERTICES * 12)
    with path.open("rb", buffering=0) as stream:
        while stream.readinto(piece):
            pass


def projected(path: Path, model: FaceModel, chosen: ProjectMeshes, found: list[Coefficients]) -> None:
    """What the stage does but for its tables."""
    found.append(coefficients(model, read_shard(path, "mesh_cache"), chosen))


def seconds(path: Path, cold: bool, work: Callable[[], None]) -> float:
    if cold:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.benchmark
def test_projection_takes_as_long_as_reading(cached):
    path, model, p_exp = cached
    ratios = {}
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    size = f"{path.stat().st_size / 1e9:.1f} GB"
    print(f"\n{MESHES} meshes of {VERTICES} vertices, {size}; OPENBLAS_NUM_THREADS: {threads}")
    print(f"{'':18}{'read, s':>10}{'project, s':>12}{'ratio':>8}{'worst error, sigma':>20}")
    for method in ("neutral", "joint"):
        chosen = ProjectMeshes(method=method, scaled=False, batch=BLOCK, max_residual_mm=1.0, max_reject_rate=0.0)
        for cold in (True, False):
            reading = seconds(path, cold, partial(read_all, path))
            found: list[Coefficients] = []
            work = partial(projected, path, model, chosen, found)
            projecting = seconds(path, cold, work)
            ratios[method, cold] = projecting / reading
            error = np.abs(found[0].expression - p_exp).max()
            name = f"{method}, {'cold' if cold else 'warm'}"
            print(f"{name:18}{reading:10.2f}{projecting:12.2f}{projecting / reading:8.2f}{error:20.1e}")
            assert error < 1e-3
    assert all(ratio < MOST for (_, cold), ratio in ratios.items() if cold)
