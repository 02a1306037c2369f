"""What is behind the lips: a closed cavity hung from the lips' border, gums with teeth, and a tongue.

Sizes are an adult's (Wheeler's Dental Anatomy): crowns 5 to 10 mm wide, arches about 50 mm across.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int8, Int32

from pipeline.sample.mesh import grid_triangles

CAVITY, UPPER_TEETH, LOWER_TEETH, TONGUE = 1, 2, 3, 4
"""Labels of the parts; 0 is left for the skin."""

# fmt: off
RINGS = (
    (1.10, 2.0, 0.95), (1.28, 6.0, 0.85), (1.42, 13.0, 0.7), (1.42, 26.0, 0.5), (1.05, 40.0, 0.3), (0.5, 48.0, 0.2),
)
"""Of the cavity, from the lips inwards: scale about the mouth's axis, depth in mm, share of the lips' motion."""

UPPER_CROWNS_MM = (10.0, 9.5, 7.0, 7.2, 7.8, 6.8, 8.6, 8.6, 6.8, 7.8, 7.2, 7.0, 9.5, 10.0)
LOWER_CROWNS_MM = (10.5, 10.5, 7.0, 7.0, 6.8, 6.0, 5.4, 5.4, 6.0, 6.8, 7.0, 7.0, 10.5, 10.5)
CROWN_PROFILE = (
    (1.9, -1.5, 0), (1.5, 0.1, 0), (1.05, 0.3, 0), (0.95, 0.5, 1), (0.6, 0.9, 1), (0.25, 0.7, 1), (0.0, 0.0, 1),
    (0.0, -1.6, 1), (1.2, -4.0, 0),
)
# fmt: on
"""From the gum's base over the crown's edge to its back: height (0 at the edge, 1 at the gum), mm outwards, crown?"""
COLUMNS_A_CROWN = 6

ENAMEL = (0.68, 0.61, 0.50)
GUM = (0.42, 0.13, 0.12)
LINING = (0.22, 0.045, 0.04)
TONGUE_RED = (0.40, 0.12, 0.11)


class Part(NamedTuple):
    """A piece of surface of its own."""

    vertices: Float64[np.ndarray, "m 3"]
    triangles: Int32[np.ndarray, "t 3"]
    albedo: Float64[np.ndarray, "m 3"]


class Mouth(NamedTuple):
    """Vertices to append to a mesh, and the triangles that use them and the lips' border."""

    vertices: Float32[np.ndarray, "m 3"]
    triangles: Int32[np.ndarray, "t 3"]
    albedo: Float32[np.ndarray, "m 3"]
    """Linear RGB, darkened towards the throat, where little light comes."""
    label: Int8[np.ndarray, " m"]
    parent: Int[np.ndarray, " m"]
    """The vertex of the lips' border that a vertex of the cavity hangs from; 0 elsewhere."""
    share: Float32[np.ndarray, " m"]
    """How much of its parent's motion it makes; 0 for teeth and tongue, which the jaw moves."""


def mouth_behind(vertices: Float[np.ndarray, "n 3"], loop: Int[np.ndarray, " b"]) -> Mouth:
    """The inside of the mouth of a mesh with head axes in mm whose lips end in the border `loop`."""
    border = vertices[loop].astype(np.float64)
    front = np.array([border[:, 0].mean(), border[:, 1].mean(), border[:, 2].max()])
    cavity = _cavity(border, front)
    upper = _row(front + [0.0, -1.4, -2.2], UPPER_CROWNS_MM, 9.6, down=True)
    lower = _row(front + [0.0, -0.8, -4.6], LOWER_CROWNS_MM, 8.6, down=False)
    tongue = _tongue(front + [0.0, -8.0, -13.0])
    count, parts = len(vertices), (cavity, upper, lower, tongue)
    starts = np.cumsum([count] + [len(part.vertices) for part in parts])
    triangles = [part.triangles + start for part, start in zip(parts[1:], starts[1:-1], strict=True)]
    sizes = [len(part.vertices) for part in parts]
    parent = np.zeros(sum(sizes), np.int64)
    parent[: len(loop) * len(RINGS)] = np.tile(loop, len(RINGS))
    share = np.zeros(sum(sizes), np.float32)
    share[: len(loop) * len(RINGS)] = np.repeat([ring[2] for ring in RINGS], len(loop))
    return Mouth(
        np.concatenate([part.vertices for part in parts]).astype(np.float32),
        np.concatenate([_hung(cavity.triangles, loop, count), *triangles]).astype(np.int32),
        np.concatenate([part.albedo for part in parts]).astype(np.float32),
        np.repeat([CAVITY, UPPER_TEETH, LOWER_TEETH, TONGUE], sizes).astype(np.int8),
        parent,
        share,
    )


def _cavity(border: Float64[np.ndarray, "b 3"], front: Float64[np.ndarray, "3"]) -> Part:
    """Rings behind the border, closed by a point; its triangles count the border's vertices as -b..-1."""
    size = len(border)
    rings, shades = [], []
    for number, (scale, back, _) in enumerate(RINGS):
        ring = front + (border - front) * [scale, scale, 1.0] - [0.0, 0.0, back]
        ring[:, 2] += (ring[:, 2].mean() - ring[:, 2]) * number / len(RINGS)
        rings.append(ring)
        shades.append(np.full(size, np.exp(-back / 14)))
    throat = rings[-1].mean(0) - [0.0, 0.0, 4.0]
    near = np.arange(-size, size * (len(RINGS) - 1)).reshape(len(RINGS), size)
    a, b, far_a, far_b = near, np.roll(near, -1, 1), near + size, np.roll(near + size, -1, 1)
    quads = np.stack([np.stack([b, a, far_a], -1), np.stack([b, far_a, far_b], -1)]).reshape(-1, 3)
    last = np.arange(size * (len(RINGS) - 1), size * len(RINGS))
    cap = np.stack([np.roll(last, -1), last, np.full(size, size * len(RINGS))], -1)
    light = np.append(np.concatenate(shades), np.exp(-3.5))
    triangles = np.concatenate([quads, cap]).astype(np.int32)
    return Part(np.concatenate([*rings, throat[None]]), triangles, light[:, None] * LINING)


def _hung(triangles: Int32[np.ndarray, "t 3"], loop: Int[np.ndarray, " b"], count: int) -> Int[np.ndarray, "t 3"]:
    """The cavity's triangles with -b..-1 replaced by the border's vertices, the others shifted by `count`."""
    return np.where(triangles < 0, loop[np.minimum(triangles, -1)], triangles + count)


def _row(front: Float64[np.ndarray, "3"], crowns_mm: tuple[float, ...], height_mm: float, down: bool) -> Part:
    """Gum and teeth of one arch. Its edge of the front teeth is at `front`; `down`: teeth point down."""
    widths = np.array(crowns_mm)
    tooth = np.repeat(np.arange(len(widths)), COLUMNS_A_CROWN)
    across = np.tile((np.arange(COLUMNS_A_CROWN) + 0.5) / COLUMNS_A_CROWN, len(widths))
    along_mm = np.concatenate([[0], np.cumsum(widths)])[tooth] + across * widths[tooth] - widths.sum() / 2
    angle = along_mm / (widths.sum() / 2) * np.deg2rad(86)
    out = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    arch = np.stack([25.5 * np.sin(angle), np.zeros_like(angle), 38 * (np.cos(angle) - 1)], axis=1)
    bulge = 1 - np.abs(2 * across - 1) ** 2.5
    sign = 1.0 if down else -1.0
    between = 0.5 + 0.5 * np.minimum(1, 1.6 * bulge) ** 1.5
    rows, colours = [], []
    for height, outwards, crown in CROWN_PROFILE:
        row = front + arch + out * (outwards + crown * 1.0 * (bulge - 1))[:, None]
        row[:, 1] += sign * (height * height_mm + crown * 0.7 * (1 - bulge) * (height < 0.3))
        rows.append(row)
        enamel = np.array(ENAMEL) * between[:, None] * (1.0 if height < 0.7 else 0.8)
        colours.append(enamel if crown else np.broadcast_to(GUM, row.shape))
    vertices, triangles = np.concatenate(rows), grid_triangles(len(rows), len(along_mm))
    light = np.exp(np.minimum(0, vertices[:, 2:] - front[2]) / 22)
    return Part(vertices, triangles if down else triangles[:, ::-1].copy(), np.concatenate(colours) * light)


def _tongue(tip: Float64[np.ndarray, "3"]) -> Part:
    """A low dome from its tip backwards."""
    rows, columns = 14, 15
    back, side = np.meshgrid(np.linspace(0, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    half_width = 17 * np.sqrt(1 - (1 - np.minimum(1, 2.0 * back + 0.02)) ** 2)
    dome = np.sqrt(np.maximum(0, 1 - side**2)) * np.minimum(1, 3 * back) - 0.12 * np.exp(-((side / 0.15) ** 2)) * back
    points = np.stack([half_width * side, 9 * dome - 4, -34 * back], axis=-1).reshape(-1, 3) + tip
    light = np.exp(-34 * back / 18).reshape(-1, 1)
    return Part(points, grid_triangles(rows, columns), light * TONGUE_RED)
