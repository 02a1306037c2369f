"""What each component of an expression model does, from -3 to +3 standard deviations, as in the paper's figure 2."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from models3d.camera import Camera
from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.readers.native import read_native
from pipeline.clay import CLAY, clay_picture, portrait
from pipeline.files import Paths, read_table
from pipeline.media import caption, tile, write_png
from pipeline.settings.models import DrawComponents

STAGE = "draw_components"

MOVED = np.array([0.85, 0.16, 0.05], np.float32)
"""Linear RGB of what moves most."""
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
