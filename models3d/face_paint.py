"""Where on any face model is skin, lip, brow, hair, eye and mouth, found from its mesh and its 68 landmarks alone."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from models3d.face_model import FaceModel
from models3d.landmarks import INNER_LIPS, LEFT_BROW, LEFT_EYE, NOSE_BRIDGE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from models3d.mouth_interior import mouth_region

LIP_EDGE_MM, BROW_MM, BEARD_MM = 1.0, 4.0, 14.0
"""Over how much a lip fades into skin, half a brow's height, and how far around the lower face a beard reaches."""
TOOTH_WIDTH_MM, ROW_HEIGHT_MM, ROW_DEPTH_MM = 20.0, 25.0, 16.0
"""A piece behind the lips this narrow is a tooth; one this low that reaches this near to the lips is a row of them."""
CROWN_MM = 10.0
"""How much of a row, from the line between the lips, is tooth; the rest is gum."""
EYE_DEPTH_MM = 12.0
"""From the lids back to the middle of an eyeball that is part of the skin's mesh."""


class Eyeball(NamedTuple):
    vertices: Int[np.ndarray, " e"]
    outward: Float32[np.ndarray, "e 3"]
    """Unit vectors from the ball's middle."""


class FacePaint(NamedTuple):
    """Shares, 0 to 1, for each vertex of the mean face."""

    lips: Float32[np.ndarray, " n"]
    brows: Float32[np.ndarray, " n"]
    beard: Float32[np.ndarray, " n"]
    height_mm: Float32[np.ndarray, " n"]
    """Above the brows along the head, backwards counting as up: hair grows beyond some height."""
    teeth: Bool[np.ndarray, " n"]
    inside: Bool[np.ndarray, " n"]
    """Of the mouth, teeth included."""
    eyeballs: tuple[Eyeball, Eyeball]


def face_paint(model: FaceModel) -> FacePaint:
    """Find the parts of a model.

    Eyes and teeth may be pieces of their own or parts of the skin's mesh; what a model does not have stays empty.
    """
    points, marks = model.mean_mm.astype(np.float64), model.mean_mm[model.landmarks].astype(np.float64)
    piece = _pieces(model)
    skin = piece == np.bincount(piece[model.landmarks]).argmax()
    region = mouth_region(model)
    inside = np.zeros(len(points), bool)
    inside[model.triangles[region.triangles].ravel()] = True
    teeth = _teeth(points, marks, piece, inside & ~skin)
    eyes = tuple(_eyeball(points, marks[eye], skin, piece, inside) for eye in (RIGHT_EYE, LEFT_EYE))
    bare = skin & ~inside
    bare[np.concatenate([eye.vertices for eye in eyes])] = False
    brow_line = marks[RIGHT_BROW.start : LEFT_BROW.stop].mean(0)
    back = np.maximum(brow_line[2] - 20.0 - points[:, 2], 0)
    nose_base = marks[NOSE_BRIDGE.stop - 1, 1]
    lower = np.concatenate([marks[2:15], marks[OUTER_LIPS]])
    beard = np.exp(-0.5 * (cKDTree(_dense(lower)).query(points)[0] / BEARD_MM) ** 2) * (points[:, 1] < nose_base - 8)
    right, left = (_bell(points, marks[brow], BROW_MM) for brow in (RIGHT_BROW, LEFT_BROW))
    return FacePaint(
        lips=(_lips(points, marks) * bare).astype(np.float32),
        brows=(np.maximum(right, left) * bare).astype(np.float32),
        beard=(beard * bare).astype(np.float32),
        height_mm=(points[:, 1] - brow_line[1] + 0.6 * back).astype(np.float32),
        teeth=teeth,
        inside=inside,
        eyeballs=(eyes[0], eyes[1]),
    )


def _pieces(model: FaceModel) -> Int[np.ndarray, " n"]:
    """Which connected piece of mesh each vertex belongs to."""
    count = len(model.mean_mm)
    ends = model.triangles[:, [0, 1]].reshape(-1), model.triangles[:, [1, 2]].reshape(-1)
    return connected_components(coo_matrix((np.ones(len(ends[0]), bool), ends), (count, count)), directed=False)[1]


def _teeth(
    points: Float64[np.ndarray, "n 3"],
    marks: Float64[np.ndarray, "68 3"],
    piece: Int[np.ndarray, " n"],
    loose: Bool[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Narrow pieces behind the lips, and the crowns of whole rows."""
    lips = marks[INNER_LIPS].mean(0)
    teeth = np.zeros(len(points), bool)
    for number in np.unique(piece[loose]):
        own = np.flatnonzero(piece == number)
        extent = np.ptp(points[own], axis=0)
        if extent[0] < TOOTH_WIDTH_MM:
            teeth[own] = True
        elif extent[1] < ROW_HEIGHT_MM and points[own, 2].max() > lips[2] - ROW_DEPTH_MM:
            teeth[own] = np.abs(points[own, 1] - lips[1]) < CROWN_MM
    return teeth


def _eyeball(
    points: Float64[np.ndarray, "n 3"],
    outline: Float64[np.ndarray, "6 3"],
    skin: Bool[np.ndarray, " n"],
    piece: Int[np.ndarray, " n"],
    inside: Bool[np.ndarray, " n"],
) -> Eyeball:
    """The pieces around the middle of the lids' outline, or the skin's own vertices within it."""
    middle, reach = outline.mean(0), np.ptp(outline[:, 0])
    near = np.linalg.norm(points - middle - [0, 0, -EYE_DEPTH_MM], axis=1) < 0.6 * reach
    loose = [np.flatnonzero(piece == number) for number in np.unique(piece[near & ~skin & ~inside])]
    balls = [own for own in loose if np.ptp(points[own, 0]) < 1.6 * reach]
    if balls:
        own = np.concatenate(balls)
        centre = (points[own].min(0) + points[own].max(0)) / 2
    else:
        flat = _within(points[:, :2], middle[:2] + 1.02 * (outline[:, :2] - middle[:2]))
        own = np.flatnonzero(flat & skin & (points[:, 2] > middle[2] - EYE_DEPTH_MM))
        centre = middle - [0, 0, EYE_DEPTH_MM]
    outward = points[own] - centre
    return Eyeball(own, (outward / np.linalg.norm(outward, axis=1, keepdims=True)).astype(np.float32))


def _within(points: Float[np.ndarray, "n 2"], polygon: Float[np.ndarray, "c 2"]) -> Bool[np.ndarray, " n"]:
    """Which points lie in a convex polygon, of either winding."""
    edges, offsets = np.roll(polygon, -1, 0) - polygon, points[:, None] - polygon
    turns = edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0]
    return (turns >= 0).all(1) | (turns <= 0).all(1)


def _lips(points: Float64[np.ndarray, "n 3"], marks: Float64[np.ndarray, "68 3"]) -> Float64[np.ndarray, " n"]:
    """The red of both lips: nearer to the line half-way between their edges than those edges."""
    share = np.zeros(len(points))
    for outer, inner in (
        (range(48, 55), (60, 61, 61, 62, 63, 63, 64)),
        ((54, 55, 56, 57, 58, 59, 48), (64, 65, 65, 66, 67, 67, 60)),
    ):
        edges = marks[list(outer)], marks[list(inner)]
        centre, half = (
            _dense((edges[0] + edges[1]) / 2),
            _dense(np.linalg.norm(edges[0] - edges[1], axis=1)[:, None] / 2)[:, 0],
        )
        distance, nearest = cKDTree(centre).query(points)
        share = np.maximum(share, 0.5 - 0.5 * np.tanh(2 * (distance - half[nearest] - 0.5) / LIP_EDGE_MM))
    return share


def _bell(
    points: Float64[np.ndarray, "n 3"], line: Float64[np.ndarray, "m 3"], width_mm: float
) -> Float64[np.ndarray, " n"]:
    return np.exp(-0.5 * (cKDTree(_dense(line)).query(points)[0] / width_mm) ** 2)


def _dense(line: Float64[np.ndarray, "m axes"]) -> Float64[np.ndarray, "many axes"]:
    """Points along the line, twelve a piece."""
    return np.concatenate([np.linspace(a, b, 12) for a, b in pairwise(line)])
