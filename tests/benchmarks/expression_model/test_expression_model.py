"""Eq. 1 on 1,000 meshes of the sample against the paper's algorithm written plainly; `make bench-expression_model`.

Both start from the same point. The plain algorithm makes its ten rounds; ours compresses the data (counted), comes as
low as that, and goes on until it stands still. Then the whole of ours from its own start: which actions of the sample
it finds, how much of the face each component acts on, and the memory that it takes.
"""

import multiprocessing
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from models3d.face_model import FaceModel
from models3d.geodesics import edge_graph
from models3d.principal_components import LowRank, compress
from models3d.sparse_components import (
    Factors,
    SparseFit,
    Sparsity,
    penalty_around,
    refine,
    sparse_components,
    standard_deviation,
)
from pipeline.build_expression_model import ACTS
from pipeline.sample.expressions import sequence
from pipeline.sample.population import make_population
from pipeline.settings.sample import MakeSample
from tests.benchmarks.expression_model import plain_reference

MESHES, FRAMES = 1_000, 10
COMPONENTS, RANK = 30, 100
SPARSITY = Sparsity(True, 2.0, (0.1, 0.7), 3e-4, 400)
SHOWN = 0.9
"""|cosine| from which a component is said to be an action."""


class Meshes(NamedTuple):
    path: Path
    model: FaceModel
    extent: float

    @property
    def differences(self) -> np.ndarray:
        return np.memmap(self.path, np.float32, "r", shape=(MESHES, self.model.mean_mm.size))


@pytest.fixture(scope="module")
def meshes(tmp_path_factory) -> Meshes:
    """Difference vectors of clips, as `build_expression_model` gathers them."""
    model = make_population(MakeSample(0, 60, 1, 1, 1, 1, 1, 256)).model
    path, random = tmp_path_factory.mktemp("expression_model") / "differences", np.random.default_rng(0)
    rows = np.memmap(path, np.float32, "w+", shape=(MESHES, model.mean_mm.size))
    displacements = model.expression.displacements_mm.reshape(len(model.expression), -1)
    for start in range(0, MESHES, FRAMES):
        rows[start : start + FRAMES] = sequence(random, model.expression, FRAMES) @ displacements
    rows.flush()
    return Meshes(path, model, float(np.ptp(model.mean_mm, axis=0).max()))


def timed(work: Callable):
    """What the work returns, and the seconds of processor time that it took, of all cores together."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


@pytest.mark.benchmark
def test_against_the_plain_algorithm(meshes):
    graph = edge_graph(meshes.model.mean_mm, meshes.model.triangles)
    penalty = penalty_around(graph, meshes.extent, SPARSITY)

    def support(centre: int) -> np.ndarray:
        return penalty(int(centre)) / SPARSITY.strength

    x = plain_reference.normalised(meshes.differences.reshape(MESHES, -1, 3))
    begin, _ = timed(lambda: plain_reference.start(x, COMPONENTS, True, support))
    plain, plain_s = timed(lambda: plain_reference.refine(x, begin, True, support, SPARSITY.strength))
    data, compress_s = timed(lambda: compress(meshes.differences, RANK, np.random.default_rng(0)))
    scale = standard_deviation(data)
    normalised = LowRank(data.left, data.right / np.float32(scale), data.energy / scale**2)
    start = Factors(begin.weights, np.moveaxis(begin.components, 0, 2), begin.centres)
    fit, refine_s = timed(lambda: refine(normalised, start, penalty, SPARSITY))
    found, reached = (plain_reference.objective(x, each, support, SPARSITY.strength) for each in (as_plain(fit), plain))
    rounds = int(np.argmax(np.array(fit.objectives) <= reached)) + 1
    _, as_low_s = timed(lambda: refine(normalised, start, penalty, SPARSITY._replace(max_rounds=rounds)))
    print(
        f"\n{MESHES} meshes of {len(meshes.model.mean_mm)} vertices, {COMPONENTS} components, seconds of processor time"
    )
    print(f"{'':22}{'rounds':>8}{'seconds':>10}{'objective':>14}")
    print(f"{'plain':22}{10:8}{plain_s:10.1f}{reached:14.1f}")
    print(f"{'ours, until as low':22}{rounds:8}{compress_s + as_low_s:10.1f}{fit.objectives[rounds - 1]:14.1f}")
    print(f"{'ours, to the end':22}{len(fit.objectives):8}{compress_s + refine_s:10.1f}{found:14.1f}")
    print(f"of which the streamed SVD takes {compress_s:.1f} s")
    print(f"{plain_s / (compress_s + as_low_s):.1f} times as fast to the same objective")
    assert fit.converged and found <= reached


def as_plain(fit: SparseFit) -> plain_reference.Decomposition:
    weights, components, centres = fit.factors
    return plain_reference.Decomposition(weights, np.moveaxis(components, 2, 0), centres)


@pytest.mark.benchmark
def test_finds_the_actions_of_the_sample(meshes):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        components, shares, peak_gb = pool.apply(learnt, (meshes,))
    basis = meshes.model.expression
    cosines = np.abs(components.reshape(len(components), -1) @ basis.components.reshape(len(basis), -1).T)
    matched = linear_sum_assignment(-cosines)
    likeness = cosines[matched]
    lengths = np.linalg.norm(components, axis=2)
    acts = np.mean(lengths > ACTS * lengths.max(axis=1, keepdims=True), axis=1)
    print(f"\n{np.count_nonzero(likeness >= SHOWN)} of {len(components)} components are one of {len(basis)} actions")
    for component, action in sorted(zip(*matched, strict=True), key=lambda pair: -cosines[pair]):
        share = shares[component]
        print(
            f"{basis.names[action]:24}{cosines[component, action]:6.2f}{acts[component]:8.0%} of the face{share:9.2%}"
        )
    print(f"peak memory {peak_gb:.2f} GB, mapped pages of the meshes included")
    assert acts.max() < 1 / 3
    assert peak_gb < 4


def learnt(meshes: Meshes) -> tuple[np.ndarray, np.ndarray, float]:
    """The components of the meshes, their shares, and the most memory that this process had."""
    data = compress(meshes.differences, RANK, np.random.default_rng(0))
    graph = edge_graph(meshes.model.mean_mm, meshes.model.triangles)
    found = sparse_components(data, meshes.extent, graph, COMPONENTS, SPARSITY)
    return found.basis.components, found.shares, peak_memory_gb()


def peak_memory_gb() -> float:
    """Of this process. Not by getrusage, whose figure a process inherits from the one that started it."""
    [peak_kb] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak_kb) * 1024 / 1e9
