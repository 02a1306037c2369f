"""What each component of an expression model does, from -3 to +3 standard deviations, as in the paper's figure 2."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from models3d.camera import FLIP, Camera, head_to_camera
from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.readers.native import read_native
from models3d.render import draw, over, to_srgb, vertex_normals
from pipeline.files import Paths, read_table
from pipeline.media import caption, tile, write_png
from pipeline.settings.models import DrawComponents

STAGE = "draw_components"

YAW_RAD = -0.35
"""Of the head, so that what moves forward is seen to."""
FACE_SHARE = 0.78
"""Of a picture's side, the longer side of the box around the mean face's landmarks."""
FOCAL = 6.0
"""In picture sides: a long lens."""
LAMP, AMBIENT = np.array([-0.48, -0.6, -0.64], np.float32), 0.10
"""Unit vector to the lamp, in the camera's axes."""
CLAY, MOVED = np.array([0.60, 0.62, 0.66], np.float32), np.array([0.85, 0.16, 0.05], np.float32)
"""Linear RGB of what rests and of what moves most."""
PAPER = 1.0
ROWS_SIDE_BY_SIDE = 2


def run(inputs: Paths, outputs: Paths, settings: DrawComponents) -> None:
    """Draw every expression component of `inputs["model"]` into `outputs["sheet"]`, most significant first.

    Each row: the face at even steps through the component's bounds, then where it moves. The caption says how far a
    standard deviation takes the skin and, from `inputs["components"]`, its share of the variance.
    Raises InputError if the model has no expressions, or the table is of another model.
    """
    model = read_native(inputs["model"])
    if not len(model.expression):
        raise InputError(inputs["model"], "has no expression components to draw", "name a model that has some")
    table = {row["component"]: row for row in read_table(inputs["components"])}
    if list(table) != list(model.expression.names):
        raise InputError(inputs["components"], f"is not the table of '{model.name}'", "give both from one build")
    camera = portrait(model, settings.tile_px)
    rows = []
    for number, name in enumerate(tqdm(model.expression.names, desc=STAGE, unit="component")):
        pictures = tile(component_pictures(model, number, camera, settings), columns=settings.steps + 1, gap_px=2)
        rows.append(caption(pictures, described(number, table[name], model), height_px=max(14, settings.tile_px // 8)))
    write_png(outputs["sheet"], tile(rows, columns=ROWS_SIDE_BY_SIDE, gap_px=6))


def described(number: int, row: Mapping[str, str], model: FaceModel) -> str:
    """The caption of a component."""
    low, high = model.expression.bounds[number]
    farthest_mm = np.linalg.norm(model.expression.displacements_mm[number], axis=1).max()
    return (
        f"{row['component']}: {low:+.3g} to {high:+.3g} sigma of up to {farthest_mm:.1f} mm; "
        f"{float(row['share_of_variance']):.1%} of the variance, {float(row['share_of_face']):.0%} of the face"
    )


def component_pictures(
    model: FaceModel, number: int, camera: Camera, settings: DrawComponents
) -> list[UInt8[np.ndarray, "s s 3"]]:
    """The face at each step in clay, then the neutral face coloured by how far the component moves each vertex."""
    low, high = model.expression.bounds[number]
    displacement = model.expression.displacements_mm[number]
    shapes = [model.mean_mm + np.float32(step) * displacement for step in np.linspace(low, high, settings.steps)]
    distance = np.linalg.norm(displacement, axis=1, keepdims=True)
    heat = CLAY + (MOVED - CLAY) * distance / distance.max()
    clay = np.broadcast_to(CLAY, heat.shape)
    drawn = [clay_picture(shape, model, camera, clay, settings.tile_px) for shape in shapes]
    return [*drawn, clay_picture(model.mean_mm, model, camera, heat, settings.tile_px)]


def clay_picture(
    vertices_mm: Float32[np.ndarray, "n 3"],
    model: FaceModel,
    camera: Camera,
    albedo: Float32[np.ndarray, "n 3"],
    size_px: int,
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Matt, under one lamp and a little light from everywhere."""
    points = head_to_camera(camera, vertices_mm)
    light = AMBIENT + (1 - AMBIENT) * np.maximum(vertex_normals(points, model.triangles) @ LAMP, 0)
    picture = draw(points, model.triangles, albedo * light[:, None], camera, size_px, size_px)
    return to_srgb(over(picture, np.full((size_px, size_px, 3), PAPER)))


def portrait(model: FaceModel, size_px: int) -> Camera:
    """A camera that has the mean face's landmarks in the middle of a square picture, the head turned a little."""
    marked: Float[np.ndarray, "68 3"] = model.mean_mm[model.landmarks].astype(np.float64)
    low, high = marked.min(0), marked.max(0)
    distance = FOCAL * (high - low)[:2].max() / FACE_SHARE
    turn = np.array([0.0, YAW_RAD, 0.0])
    centre = FLIP @ Rotation.from_rotvec(turn).as_matrix() @ ((low + high) / 2)
    return Camera(turn, np.array([0.0, 0.0, distance]) - centre, np.asarray(FOCAL * size_px), np.full(2, size_px / 2))
