"""Where dense landmarks lie on a face model, and the part of its surface that a photo is unwrapped from."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy.ndimage import distance_transform_edt
from scipy.spatial import Delaunay

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.face_paint import face_paint
from models3d.fitting.jaw_line import outermost, unrolled
from models3d.landmarks import JAW, LEFT_BROW, RIGHT_BROW
from models3d.raster import BACKGROUND
from models3d.unwrap import Unwrap

TEXELS = 96
REACH_RAD = np.deg2rad(52)
"""How far around the axis between the ears the picture reaches to either side: past the outer eye corners."""
BELOW_CHIN_MM, ABOVE_BROWS_MM = 8.0, 14.0
LEAST_ON_FACE = 0.8
"""Share of texels that must fall on the mesh."""
POINTS = 112
"""Dense landmarks: two numbers each fill whole 64-byte lines, so a photo's sums are the same in any batch."""


class DenseLayout(NamedTuple):
    """What the learner and the fitter must agree on; it follows from the model."""

    vertices: Int32[np.ndarray, " m"]
    surface: Unwrap


def dense_layout(model: FaceModel) -> DenseLayout:
    """Lay texels and points over a model. Raises InputError if there is no face where they should be."""
    return DenseLayout(dense_vertices(model), unwrap_surface(model))


def unwrap_surface(model: FaceModel) -> Unwrap:
    """The outermost surface of the mean face at a grid of angles and heights."""
    _, height, _ = unrolled(model)
    own = model.landmarks
    top, bottom = height[own[RIGHT_BROW.start : LEFT_BROW.stop]].max() + ABOVE_BROWS_MM, height[own[8]] - BELOW_CHIN_MM
    angles, heights = np.meshgrid(np.linspace(-REACH_RAD, REACH_RAD, TEXELS), np.linspace(top, bottom, TEXELS))
    triangle, weights = outermost(model, angles, heights)
    missing = triangle == BACKGROUND
    if missing.mean() > 1 - LEAST_ON_FACE:
        raise InputError(
            f"model {model.name}",
            f"only {1 - missing.mean():.0%} of the area between its brows and chin is covered by its mesh",
            "check its landmarks; dense landmarks need a closed face",
        )
    nearest = tuple(distance_transform_edt(missing, return_distances=False, return_indices=True))
    corners, weights = model.triangles[triangle[nearest]], weights[nearest][..., None]

    def gather(vertices: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "h w 3"]:
        return (vertices[corners] * weights).sum(2)

    parts = (model.identity, model.expression)
    modes = [
        gather(move) * sigma for part in parts for move, sigma in zip(part.components, part.sigmas_mm, strict=True)
    ]
    return Unwrap(gather(model.mean_mm), np.stack(modes).reshape(len(modes), -1))


def dense_vertices(model: FaceModel) -> Int32[np.ndarray, " m"]:
    """The inner landmarks, then vertices of the skin among them, farthest first; denser where expressions move more.

    Farthest-point sampling of the distance to the points so far times the square root of how far a standard deviation
    of every expression component moves the vertex.
    """
    candidates = np.flatnonzero(_skin_in_front(model))
    moved = np.sqrt(np.square(model.expression.displacements_mm[:, candidates]).sum((0, 2)))
    places, weight = model.mean_mm[candidates], np.sqrt(moved)
    chosen = list(model.landmarks[JAW.stop :])
    distance = np.linalg.norm(places[:, None] - model.mean_mm[chosen], axis=2).min(1)
    while len(chosen) < POINTS:
        furthest = int((distance * weight).argmax())
        chosen.append(candidates[furthest])
        distance = np.minimum(distance, np.linalg.norm(places - places[furthest], axis=1))
    return np.array(chosen, np.int32)


def _skin_in_front(model: FaceModel) -> Bool[np.ndarray, " n"]:
    """Vertices of the skin between the landmarks that nothing covers. Raises InputError if there are too few."""
    angle, height, _ = unrolled(model)
    marks = np.stack([angle, height], axis=1)[model.landmarks]
    among = Delaunay(marks).find_simplex(np.stack([angle, height], axis=1)) >= 0
    paint = face_paint(model)
    among &= ~paint.inside
    among[np.concatenate([eye.vertices for eye in paint.eyeballs])] = False
    inner = np.flatnonzero(among)
    seen, _ = outermost(model, angle[inner][None], height[inner][None])
    covering = np.zeros(len(among), bool)
    covering[model.triangles[seen[seen != BACKGROUND]]] = True
    if (among & covering).sum() < POINTS:
        raise InputError(
            f"model {model.name}",
            f"has {(among & covering).sum()} vertices of skin between its landmarks, dense landmarks need {POINTS}",
            "use a finer mesh, or fit by landmarks alone",
        )
    return among & covering
