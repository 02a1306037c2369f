"""Frames a second on one core: the warp, its floor, pyrender; `make bench-synthesis` prints the table.

All at 128 x 128 from the sample's model (55,522 vertices). pyrender draws the whole mesh, moved by the same
expressions, with the photo's colours at its vertices; nothing is composed onto the photo there, so it does less.
"""

import os
from collections.abc import Callable

import numpy as np
import pytest

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.errors import InputError
from models3d.face_model import synthesize
from models3d.raster import rasterise
from models3d.raster_gl import GlRasteriser
from models3d.warp.portrait import render
from models3d.warp.z_buffer import place, z_buffer
from tests.benchmarks.synthesis.timed_synthesis import FRAMES, core_seconds, expressions
from tests.warped_people import crowd, portrait_of

SIZE = 128
LEAST_FRAMES, LEAST_RATIO = 600, 25


def floor(number: int, motion: np.ndarray) -> None:
    """Nothing but the product with the basis, the projection and the z-buffer of the mesh that the warp draws."""
    face = portrait_of(number)
    moved = motion @ face.motion_mm.reshape(len(face.motion_mm), -1)
    for vertices in moved.reshape(len(motion), -1, 3) + face.rest_mm:
        points = place(vertices, face.scene.pose, face.scene.lens, face.scene.offset)
        z_buffer(points, face.scene.skin, face.scene.inside, SIZE, SIZE)


def whole_mesh(number: int) -> tuple[Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Pixels and depths of all vertices of the model for an expression, and a colour for each of them."""
    model, person, face = crowd().model, crowd().people[number], portrait_of(number)
    crop = face.scene.lens[:, :2] / person.camera.focal_px
    camera = Camera(person.camera.rotation_rad, person.camera.translation_mm, *unit_lens())
    rest = synthesize(model, person.identity, np.zeros(0))
    displacements = np.ascontiguousarray(model.expression.displacements_mm.reshape(len(model.expression), -1))

    def seen(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        placed = head_to_camera(camera, rest + (row @ displacements).reshape(-1, 3))
        flat = camera_to_pixel(camera, placed) * person.camera.focal_px
        return (flat @ crop.T + face.scene.lens[:, 2]).astype(np.float32), placed[:, 2].astype(np.float32)

    points, _ = seen(person.expression)
    columns, rows = np.clip(points, 0, SIZE - 1).astype(int).T
    return seen, face.picture[rows, columns]


def unit_lens() -> tuple[np.float64, np.ndarray]:
    """Focal length and centre with which `camera_to_pixel` gives (x / z, y / z)."""
    return np.float64(1.0), np.zeros(2)


def drawn_by_pyrender(gl: GlRasteriser, number: int, motion: np.ndarray) -> None:
    seen, colours = whole_mesh(number)
    corners = colours[crowd().model.triangles.reshape(-1)]
    for row in motion:
        gl.draw(*seen(row), crowd().model.triangles, corners, SIZE, SIZE)


def drawn_whole(number: int, motion: np.ndarray) -> None:
    """The whole mesh through `models3d.raster`: what decimation saves."""
    seen, _ = whole_mesh(number)
    for row in motion:
        rasterise(*seen(row), crowd().model.triangles, SIZE, SIZE)


@pytest.mark.benchmark
def test_frames_a_second_on_a_core():
    assert os.environ.get("OPENBLAS_NUM_THREADS") == "1", "set it to 1, or the basis product runs on all cores"
    motion, few = expressions(), expressions(6)
    spent = {
        "the warp, finished pictures": core_seconds(lambda: render(portrait_of(0), motion)) / FRAMES,
        "floor: basis product and z-buffer": core_seconds(lambda: floor(0, motion)) / FRAMES,
        "basis and z-buffer, whole mesh": core_seconds(lambda: drawn_whole(0, few), 3) / len(few),
    }
    try:
        gl = GlRasteriser()
    except InputError as reason:
        absent = str(reason)
    else:
        absent = ""
        spent["pyrender, renderer reused"] = core_seconds(lambda: drawn_by_pyrender(gl, 0, few), 3) / len(few)
        gl.close()
    own = spent["the warp, finished pictures"]
    vertices, triangles = len(crowd().model.mean_mm), len(crowd().model.triangles)
    print(f"\n{SIZE} x {SIZE} pixels, {vertices} vertices, {triangles} triangles, one core, time on it")
    print(f"{'':36}{'ms a frame':>12}{'frames/s':>10}{'times the warp':>16}")
    for name, seconds in spent.items():
        print(f"{name:36}{1e3 * seconds:12.2f}{1 / seconds:10.0f}{seconds / own:16.2f}")
    if absent:
        print(f"{'pyrender':36} not on this machine: {absent}")
    print(f"to reach: {LEAST_FRAMES} frames/s on an idle core, and pyrender at {LEAST_RATIO} times the warp")
    assert absent or spent["pyrender, renderer reused"] / own > LEAST_RATIO
