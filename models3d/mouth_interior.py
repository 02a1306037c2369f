"""What an opening mouth shows: which part of a model lies behind the lips, and teeth, gums and tongue to show there.

Models disagree on the inside of the mouth: LSFM's lips end in a hole, others have a cavity, some have teeth. So that
all of them open in the same way, whatever lies behind the lips only says where the inside is seen (a hole is closed
for that), and what is seen there is drawn by itself: two rows of teeth, of which the lower one moves with the jaw.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32, UInt8
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from models3d.face_model import FaceModel
from models3d.landmarks import INNER_LIPS
from models3d.raster import rasterise

LIP_MIDDLES, FRONT_OF_JAW = [62, 66], slice(6, 11)

LIP_MM = 8.0
"""How far the inside of the lips reaches behind the face; what lies deeper is the inside of the mouth."""
BOX_MM = np.array([[-40.0, -25.0, -85.0], [40.0, 18.0, 0.0]])
"""Corners, from the middle of the lips, of the box that is searched for the inside of the mouth."""
CELL_MM, SLIT_MM = 0.5, 4.0
"""Of the depth map in which that is looked up, and the widest gap between resting lips."""
FAR_MM = 1e4

UPPER, LOWER, TONGUE = 1, 2, 3
"""Pieces of what is behind the lips."""
TOOTH, GUM, SOFT, LINING = 0.9, 0.75, 0.7, 0.11
"""Linear light sent back: teeth against the photo's white; gums, tongue and what is behind them against the lips."""
FADE_MM = 36.0
"""Light falls by a factor of e over this way into the mouth."""

UPPER_CROWNS_MM = (10.0, 8.5, 7.0, 7.0, 7.8, 6.8, 8.6, 8.6, 6.8, 7.8, 7.0, 7.0, 8.5, 10.0)
LOWER_CROWNS_MM = (10.5, 9.0, 7.0, 7.0, 6.8, 6.0, 5.4, 5.4, 6.0, 6.8, 7.0, 7.0, 9.0, 10.5)
"""Widths from one molar to the other: Nelson, Wheeler's Dental Anatomy."""


class Region(NamedTuple):
    """The inside of a mouth, as the parts of its mesh that show it."""

    triangles: Bool[np.ndarray, " t"]
    """Triangles of the model that lie behind the lips."""
    lining: Bool[np.ndarray, " t"]
    """Those of them that continue the skin: where they are seen, the mouth is open."""
    hole: Int32[np.ndarray, "e 2"]
    """Border edges of a hole behind the lips, as the triangles beside them run through them."""


class Interior(NamedTuple):
    """Teeth, gums and tongue behind the lips of a model's mean face, mm."""

    vertices: Float32[np.ndarray, "m 3"]
    triangles: Int32[np.ndarray, "t 3"]
    part: UInt8[np.ndarray, " t"]
    """Which piece a triangle belongs to; 0 is left for the lining behind them."""
    white: Float32[np.ndarray, " m"]
    """Light that a vertex sends back, against the white of the photo; `flesh` likewise against the lips of the face."""
    flesh: Float32[np.ndarray, " m"]
    on_jaw: Bool[np.ndarray, " m"]
    """Moves with the lower jaw; the rest stays with the skull."""


class Part(NamedTuple):
    vertices: Float64[np.ndarray, "m 3"]
    triangles: Int32[np.ndarray, "t 3"]
    white: Float64[np.ndarray, " m"]
    flesh: Float64[np.ndarray, " m"]


def mouth_region(model: FaceModel) -> Region:
    """Find, in a box behind the lips of the mean face, what lies deeper than `LIP_MM` or is no part of the skin."""
    middle = model.mean_mm[model.landmarks[INNER_LIPS]].astype(np.float64).mean(0)
    vertices = model.mean_mm - middle
    boxed = ((vertices > BOX_MM[0]) & (vertices < BOX_MM[1])).all(1)
    behind = _front(model.triangles, vertices) - vertices[:, 2]
    skin = _skin(model)
    inside = boxed & (behind > np.where(skin, LIP_MM, 0))
    behind_lips = inside[model.triangles].all(1)
    return Region(behind_lips, behind_lips & skin[model.triangles].all(1), _border(model.triangles, boxed & skin))


def _skin(model: FaceModel) -> Bool[np.ndarray, " n"]:
    """The piece of surface that the landmarks lie on."""
    count = len(model.mean_mm)
    ends = model.triangles[:, [0, 1]].reshape(-1), model.triangles[:, [1, 2]].reshape(-1)
    graph = coo_matrix((np.ones(len(ends[0]), bool), ends), (count, count))
    pieces = connected_components(graph, directed=False)[1]
    return pieces == np.bincount(pieces[model.landmarks]).argmax()


def _front(triangles: Int32[np.ndarray, "t 3"], vertices: Float[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """z of the front of the face at each vertex's (x, y), the slit between the lips bridged; -inf outside the map."""
    size = int(4 * np.abs(BOX_MM[:, :2]).max() / CELL_MM)
    cells = vertices[:, :2] * [1, -1] / CELL_MM + size / 2
    depth = rasterise(cells, FAR_MM - vertices[:, 2], triangles, size, size).depth_mm
    nearest = depth.copy()
    for axis in (0, 1):
        for shift in range(1, int(SLIT_MM / CELL_MM)):
            for signed in (shift, -shift):
                nearest = np.minimum(nearest, np.roll(depth, signed, axis))
        depth = nearest.copy()
    column, row = np.floor(cells).astype(int).T
    known = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    front = np.full(len(vertices), -np.inf)
    front[known] = FAR_MM - depth[row[known], column[known]]
    return front


def _border(triangles: Int32[np.ndarray, "t 3"], among: Bool[np.ndarray, " n"]) -> Int32[np.ndarray, "e 2"]:
    """Edges with both ends among some vertices that have a triangle on one side only."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = edges[among[edges].all(1)].astype(np.int64)
    forward, backward = edges @ [len(among), 1], edges @ [1, len(among)]
    return edges[~np.isin(forward, backward)].astype(np.int32)


def lid_over_hole(
    hole: Int32[np.ndarray, "e 2"], vertices: Float[np.ndarray, "n 3"]
) -> tuple[Float64[np.ndarray, "3"], Int32[np.ndarray, "e 3"]]:
    """A point behind a hole and the fan of triangles that closes it there; the point counts as vertex n."""
    ring = vertices[hole[:, 0]].astype(np.float64)
    point = ring.mean(0) - [0.0, 0.0, LIP_MM]
    apex = np.full(len(hole), len(vertices))
    return point, np.stack([hole[:, 1], hole[:, 0], apex], axis=1).astype(np.int32)


def jaw_motion(
    points_mm: Float[np.ndarray, "m 3"], jaw_mm: Float[np.ndarray, "j 3"], displacements_mm: Float[np.ndarray, "k j 3"]
) -> Float32[np.ndarray, "k m 3"]:
    """Where the lower jaw carries points when each component displaces its landmarks.

    The least-squares rigid motion of the landmarks to first order, d(x) = u + w x (x - c); linear in displacements.
    """
    centre = jaw_mm.mean(0)
    system = np.concatenate([_lever(jaw_mm - centre), np.tile(np.eye(3), (len(jaw_mm), 1, 1))], axis=2).reshape(-1, 6)
    motion = displacements_mm.reshape(len(displacements_mm), -1) @ np.linalg.pinv(system).T
    levers = np.concatenate([_lever(points_mm - centre), np.tile(np.eye(3), (len(points_mm), 1, 1))], axis=2)
    return np.einsum("mip,kp->kmi", levers, motion).astype(np.float32)


def _lever(arms: Float[np.ndarray, "m 3"]) -> Float64[np.ndarray, "m 3 3"]:
    """L with L w = w x arm."""
    x, y, z = arms.astype(np.float64).T
    zero = np.zeros_like(x)
    return np.stack([zero, z, -y, -z, zero, x, y, -x, zero], axis=1).reshape(-1, 3, 3)


def interior(model: FaceModel) -> Interior:
    """Teeth, gums and tongue of an adult's size behind the lips of the mean face."""
    lips = model.mean_mm[model.landmarks[LIP_MIDDLES]].astype(np.float64).mean(0)
    upper = _row_of_teeth(lips + [0.0, -2.5, -4.0], UPPER_CROWNS_MM, height_mm=10.0, down=True)
    lower = _row_of_teeth(lips + [0.0, -2.5, -6.5], LOWER_CROWNS_MM, height_mm=8.5, down=False)
    tongue = _tongue(lips + [0.0, -7.0, -13.0])
    parts = (upper, lower, tongue)
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    vertices = np.concatenate([part.vertices for part in parts])
    light = np.exp(np.minimum(0, vertices[:, 2] - lips[2]) / FADE_MM)
    return Interior(
        vertices.astype(np.float32),
        np.concatenate([p.triangles + s for p, s in zip(parts, starts[:-1], strict=True)]).astype(np.int32),
        np.repeat([UPPER, LOWER, TONGUE], [len(part.triangles) for part in parts]).astype(np.uint8),
        (np.concatenate([part.white for part in parts]) * light).astype(np.float32),
        (np.concatenate([part.flesh for part in parts]) * light).astype(np.float32),
        np.arange(len(vertices)) >= len(upper.vertices),
    )


def _row_of_teeth(edge: Float64[np.ndarray, "3"], crowns_mm: tuple[float, ...], height_mm: float, down: bool) -> Part:
    """The front of one dental arch, from the gum to the edge of the teeth; that of the front teeth is at `edge`."""
    widths = np.array(crowns_mm)
    across = np.array([0.02, 0.18, 0.5, 0.82, 0.98])
    along = (np.cumsum(widths) - widths)[:, None] + across * widths[:, None] - widths.sum() / 2
    bulge = np.tile(1 - np.abs(2 * across - 1) ** 3, len(widths))
    angle = along.ravel() / (widths.sum() / 2) * np.deg2rad(85)
    arch = np.stack([25 * np.sin(angle), np.zeros_like(angle), 36 * (np.cos(angle) - 1)], axis=1)
    out = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    sign = 1.0 if down else -1.0
    rows, white, flesh = [], [], []
    # share of the height above the edge, outwards in mm, is it enamel?
    for height, outwards, crown in (
        (2.0, 0.0, 0),
        (1.12, 0.6, 0),
        (1.0, 0.5, 1),
        (0.5, 0.9, 1),
        (0.12, 0.6, 1),
        (0.0, 0.0, 1),
    ):
        row = edge + arch + out * (outwards + 0.6 * (bulge - 1))[:, None]
        row[:, 1] += sign * (height * height_mm + (0.3 * (1 - bulge) if height < 0.3 else -1.2 * (1 - bulge) * crown))
        rows.append(row)
        white.append(crown * TOOTH * (0.82 + 0.18 * np.minimum(1, 1.6 * bulge)) * (1 - 0.12 * height))
        flesh.append(np.full(len(row), (1 - crown) * GUM))
    triangles = _grid(len(rows), len(angle))
    triangles = triangles if down else triangles[:, ::-1].copy()
    return Part(np.concatenate(rows), triangles, np.concatenate(white), np.concatenate(flesh))


def _tongue(tip: Float64[np.ndarray, "3"]) -> Part:
    """A low dome from its tip backwards."""
    back, side = np.meshgrid(np.linspace(0, 1, 7), np.linspace(-1, 1, 9), indexing="ij")
    half_width = 17 * np.sqrt(1 - (1 - np.minimum(1, 2 * back + 0.02)) ** 2)
    height = 9 * np.sqrt(np.maximum(0, 1 - side**2)) * np.minimum(1, 3 * back) - 7
    points = np.stack([half_width * side, height, -34 * back], axis=-1).reshape(-1, 3)
    return Part(points + tip, _grid(7, 9)[:, ::-1].copy(), np.zeros(len(points)), np.full(len(points), SOFT))


def _grid(rows: int, columns: int) -> Int32[np.ndarray, "t 3"]:
    """Triangles of a grid of vertices, counter-clockwise when its rows run down and its columns to the right."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]).astype(
        np.int32
    )
