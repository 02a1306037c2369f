"""How long an edit on the page takes, from a moved slider to two encoded pictures: 150 ms are allowed on two cores.

Networks of the demo's size and of the paper's, a head of the size of scan-built models. `make bench-sliders` runs it
on one thread; on two: python -m pytest tests/benchmarks/sliders -s -m benchmark
"""

import time

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from pipeline.edit.alignment import align, find_face
from pipeline.edit.retouch import view_of
from pipeline.gan.editing import read_editor
from pipeline.gan.networks import Dimensions
from pipeline.sliders.library import Library
from pipeline.sliders.saving import jpeg
from pipeline.sliders.studio import VIEW_PX, Sitter, Studio
from tests.pipeline.tiny_checkpoint import write_checkpoint

SIZES = {
    "the demo's, 64 px": Dimensions(10, 64, 16, 8, 2, "none", True, True),
    "the paper's, 128 px": Dimensions(10, 128, 64, 64, 6, "instance", False, False),
}
REPEATS = 15


def timed(work) -> tuple[float, float]:
    """Medians of wall and of CPU time, in ms."""
    work()
    taken = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(taken, axis=0) * 1e3
    return float(wall), float(cpu)


@pytest.mark.benchmark
def test_an_edit(template_model, tmp_path):
    names, bounds = template_model.expression.names, tuple(map(tuple, (template_model.expression.bounds / 3).tolist()))
    threads, vertices = torch.get_num_threads(), len(template_model.mean_mm)
    print(f"\n{threads} threads, head of {vertices} vertices; medians of {REPEATS}, ms wall (ms of CPU)")
    print(f"{'networks':<22}{'generated':>18}{'3D face':>18}{'both':>18}")
    for label, dimensions in SIZES.items():
        path = write_checkpoint(tmp_path / f"{dimensions.size_px}.pt", names, bounds, "m", dimensions=dimensions)
        studio = Studio(read_editor(path, "off"), Library(tmp_path, {}, {}, template_model, (), None))
        aligned = align(astronaut(), find_face(astronaut()), studio.editor.description.condition)
        sitter = Sitter("astronaut", aligned, view_of(aligned, VIEW_PX), None)
        params = studio.random(np.random.default_rng(0))
        generated = timed(lambda at=(studio, sitter, params): jpeg(at[0].view(at[1], at[2])))
        head = timed(lambda at=(studio, sitter, params): jpeg(at[0].head(at[1], at[2], -0.3)))
        both = tuple(map(sum, zip(generated, head, strict=True)))
        cells = "".join(f"{f'{wall:.1f} ({cpu:.1f})':>18}" for wall, cpu in (generated, head, both))
        print(f"{label:<22}{cells}")
        assert both[0] > 0
