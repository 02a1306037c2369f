"""One picture to judge a dataset's fits by: photo, landmarks and fitted mesh of the best, the median and the worst."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8
from tqdm import tqdm

from models3d.camera import Camera, head_to_camera, unpack
from models3d.errors import InputError
from models3d.face_model import FaceModel, synthesize
from models3d.landmarks import CLOSED_CURVES, OPEN_CURVES
from models3d.readers.native import read_native
from models3d.render import draw, to_srgb, vertex_normals
from pipeline.crops import cut, to_crop
from pipeline.files import Paths
from pipeline.images import read_indexed
from pipeline.media import blend, caption, draw_line, draw_points, tile, write_png
from pipeline.photo_tables import Photo, read_index
from pipeline.settings.photos import DrawContactSheet
from pipeline.shards import read_shard

STAGE = "draw_contact_sheet"

FACE_SHARE = 0.6
"""Of a tile's side, the longer side of the box around the landmarks."""

GIVEN, FITTED = (255, 221, 51), (51, 187, 238)
"""Colours of the photo's landmarks and of the fitted face's."""

CLAY = np.array([0.62, 0.72, 0.86], np.float32)
"""Linear RGB of the mesh."""

POINTS = ("landmarks_px", "fitted_px")

LAMP = np.array([-0.48, -0.6, -0.64], np.float32)
"""Unit vector to the lamp, in the camera's axes: from above, to the left, so that the relief shows."""

AMBIENT = 0.08
OPACITY = 0.65


class Fitted(NamedTuple):
    """One photo and its fit."""

    photo: Photo
    camera: Camera
    identity: Float32[np.ndarray, " k_id"]
    expression: Float32[np.ndarray, " k_exp"]
    landmarks_px: Float32[np.ndarray, "68 2"]
    fitted_px: Float32[np.ndarray, "68 2"]
    residual: float


def run(inputs: Paths, outputs: Paths, settings: DrawContactSheet) -> None:
    """Draw `outputs["sheet"]` from all shards of `inputs["fits"]` and their `inputs["index"]`.

    Raises InputError if there is not a single fit.
    """
    model = read_native(inputs["model"])
    fits = sorted(read_fits(inputs), key=lambda fit: (fit.residual, fit.photo.id))
    if not fits:
        raise InputError(outputs["sheet"].stem, "has no fits to draw", "see why in the rejects.csv files of its stages")
    chosen = choose(len(fits), settings.faces_each)
    tiles = []
    for place in tqdm(chosen, desc=STAGE, unit="photo"):
        rank = f"{place + 1} of {len(fits)}"
        tiles += draw_fit(model, fits[place], rank, settings.tile_px)
    write_png(outputs["sheet"], tile(tiles, columns=3 * min(settings.faces_each, len(chosen))))


def read_fits(inputs: Paths) -> list[Fitted]:
    """Every fit of every shard, with its photo."""
    found = []
    for index, path in zip(inputs["index"], inputs["fits"], strict=True):
        photos = {photo.id: photo for photo in read_index(index)}
        shard = read_shard(path, "fits")
        for row, name in enumerate(shard.text("id")):
            fit = {column: np.array(shard[column][row]) for column in ("identity", "expression", *POINTS)}
            camera, residual = unpack(np.array(shard["camera"][row])), float(shard["residual"][row])
            found.append(Fitted(photo=photos[name], camera=camera, residual=residual, **fit))
    return found


def choose(count: int, each: int) -> list[int]:
    """Places of the best, the median and the worst among `count` sorted fits, `each` of them, none twice."""
    middle = max(0, (count - each) // 2)
    places = [*range(each), *range(middle, middle + each), *range(count - each, count)]
    return sorted({place for place in places if 0 <= place < count})


def draw_fit(model: FaceModel, fit: Fitted, rank: str, size_px: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Three captioned tiles: the photo around the face, the landmarks on it, the fitted mesh over it."""
    crop = surrounding(fit.fitted_px, size_px)
    plain = cut(read_indexed(fit.photo), crop, size_px)
    marked = plain
    fitted_px = to_crop(crop, fit.fitted_px)
    for curve in (*OPEN_CURVES, *CLOSED_CURVES):
        points = fitted_px[curve]
        closed = np.concatenate([points, points[:1]]) if curve in CLOSED_CURVES else points
        marked = draw_line(marked, closed, FITTED, width_px=1)
    marked = draw_points(marked, to_crop(crop, fit.landmarks_px), GIVEN, radius_px=size_px / 160)
    height = max(14, size_px // 16)
    return [
        caption(plain, f"{rank}: {fit.photo.id}", height),
        caption(marked, "landmarks given (points) and fitted (lines)", height),
        caption(overlay(model, fit, plain, crop), f"residual {fit.residual:.1%} of the inter-ocular distance", height),
    ]


def surrounding(points_px: Float32[np.ndarray, "68 2"], size_px: int) -> Float32[np.ndarray, "2 3"]:
    """The upright square around the points, as a crop."""
    low, high = points_px.min(0), points_px.max(0)
    scale = FACE_SHARE * size_px / (high - low).max()
    return np.column_stack([np.eye(2) * scale, size_px / 2 - scale * (low + high) / 2]).astype(np.float32)


def overlay(
    model: FaceModel, fit: Fitted, picture: UInt8[np.ndarray, "s s 3"], crop: Float32[np.ndarray, "2 3"]
) -> UInt8[np.ndarray, "s s 3"]:
    """The fitted mesh, lit, half transparent over the crop."""
    size_px = len(picture)
    points_mm = head_to_camera(fit.camera, synthesize(model, fit.identity, fit.expression))
    camera = fit.camera._replace(
        focal_px=fit.camera.focal_px * crop[0, 0], centre_px=to_crop(crop, fit.camera.centre_px[None])[0]
    )
    facing = np.maximum(vertex_normals(points_mm, model.triangles) @ LAMP, 0)
    radiance = (AMBIENT + (1 - AMBIENT) * facing[:, None]) * CLAY
    drawn = draw(points_mm, model.triangles, radiance, camera, size_px, size_px)
    clay = to_srgb(drawn.radiance / np.maximum(drawn.coverage, 1e-6)[..., None])
    return blend(picture, clay, drawn.coverage * OPACITY)
