"""The sliding jaw line: which points of the surface form the outline that jaw landmarks mark, pose by pose.

When a face turns, the outline of its far side moves over the cheek towards the nose, and people mark the
outline. Each jaw landmark therefore owns a strip of candidates on the surface, from its vertex forwards; the
one that is seen furthest out is the outline ("landmark marching", Zhu et al., "High-fidelity pose and
expression normalization for face recognition in the wild", 2015). On the near side that is the vertex itself.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from models3d.face_model import FaceModel
from models3d.landmarks import JAW, OUTER_LIPS
from models3d.raster import BACKGROUND, rasterise

CANDIDATES = 24
REACH = 0.8
"""How far a strip runs, as a share of the way from its landmark to the face's midline."""

MAP_PX = 512
"""Rows of the unrolled picture of the mean face in which the strips are looked up; it has twice as many columns."""

FAR_MM = 1e5
"""Distance from which that picture is taken: parallel projection to within float32."""


class JawLine(NamedTuple):
    """The strips: points of the surface, each a triangle's corners and their weights."""

    corners: Int32[np.ndarray, "jaw candidates 3"]
    weights: Float32[np.ndarray, "jaw candidates 3"]
    outward: Float32[np.ndarray, "jaw 3"]
    """Unit vectors in the head's axes: which way is out, for each strip."""


def jaw_line(model: FaceModel) -> JawLine:
    """Lay the strips over the mean face unrolled around the vertical axis between the ears.

    A strip runs level to the midline; one from below the mouth rises to it. Any topology will do, whatever
    lies behind the skin: a z-buffer finds the outermost surface.
    """
    own = model.landmarks[JAW]
    angle, height, _ = unrolled(model)
    mouth_height = height[model.landmarks[OUTER_LIPS]].mean()
    share = np.linspace(0, REACH, CANDIDATES)
    rise = np.maximum(mouth_height - height[own], 0)
    triangle, weights = outermost(model, np.outer(angle[own], 1 - share), height[own, None] + np.outer(rise, share))
    corners = model.triangles[triangle]
    corners[:, 0], weights[:, 0] = own[:, None], np.array([1, 0, 0])
    for candidate in range(1, CANDIDATES):  # beside the mesh or in a hole: stay at the last point that was on it
        missing = triangle[:, candidate] == BACKGROUND
        corners[missing, candidate] = corners[missing, candidate - 1]
        weights[missing, candidate] = weights[missing, candidate - 1]
    outward = np.stack([model.mean_mm[own, 0], -rise, np.zeros_like(rise)], axis=1)
    return JawLine(corners, weights, (outward / np.linalg.norm(outward, axis=1, keepdims=True)).astype(np.float32))


def unrolled(
    model: FaceModel,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Every vertex of the mean face around the axis between the ears: angle (0 in front, to the image's right),
    height and distance in mm."""
    x, y, z = model.mean_mm.T
    forward = z - z[model.landmarks[[JAW.start, JAW.stop - 1]]].mean()
    return np.arctan2(x, forward), y, np.hypot(x, forward)


def outermost(
    model: FaceModel, angles: Float[np.ndarray, "jaw candidates"], heights: Float[np.ndarray, "jaw candidates"]
) -> tuple[Int[np.ndarray, "jaw candidates"], Float32[np.ndarray, "jaw candidates 3"]]:
    """The triangle that lies furthest from the axis at each place, or BACKGROUND, and where in it."""
    angle, height, distance = unrolled(model)
    whole = np.flatnonzero(np.ptp(angle[model.triangles], axis=1) < np.pi)  # not cut where the picture ends, behind
    scale = MAP_PX / np.array([np.pi, 1.01 * np.ptp(height)])

    def to_map(angle: np.ndarray, height_mm: np.ndarray) -> np.ndarray:
        return np.stack([angle + np.pi, height.max() - height_mm], axis=-1) * scale

    raster = rasterise(to_map(angle, height), FAR_MM - distance, model.triangles[whole], MAP_PX, 2 * MAP_PX)
    column, row = np.moveaxis(to_map(angles, heights).astype(int).clip(0, (2 * MAP_PX - 1, MAP_PX - 1)), -1, 0)
    triangle = raster.triangle[row, column]
    return np.where(triangle == BACKGROUND, BACKGROUND, whole[triangle]), raster.weights[row, column]
