"""Where on the mean head is what: soft masks that colour is painted through."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from models3d.landmarks import LEFT_EYE, RIGHT_EYE
from pipeline.sample.heads import Head

EDGE_MM, SOFT_MM = 0.8, 3.5
NOISE_RADII_MM = (1.1, SOFT_MM, 12.5)
NOISE_FIELDS = 8


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks over the template's vertices, 0 to 1; a colour is mixed in by its mask."""

    lips: Float64[np.ndarray, " t"]
    brows: Float64[np.ndarray, " t"]
    blush: Float64[np.ndarray, " t"]
    """Cheeks, tip of the nose, ears, chin: where blood shows."""
    sockets: Float64[np.ndarray, " t"]
    lashes: Float64[np.ndarray, " t"]
    moustache: Float64[np.ndarray, " t"]
    beard: Float64[np.ndarray, " t"]
    freckles: Float64[np.ndarray, " t"]
    scalp: Float64[np.ndarray, " t"]
    creases: Float64[np.ndarray, " t"]
    """Concave places, which less light reaches."""
    noise: tuple[Float64[np.ndarray, "t f"], ...]
    """Fields of zero mean and unit variance, fine to coarse: any unit vector mixes them into another such field."""


def find_regions(head: Head, generator: np.random.Generator) -> Regions:
    """The masks of a head; `generator` draws the noise."""
    skin, points = head.skin, head.skin.vertices[head.landmarks]
    vertices = skin.vertices
    beard, moustache = _facial_hair(vertices, points)
    raw = {
        "lips": _lips(head, points),
        "brows": np.maximum(*(_band(vertices, points[brow], _BROW_HALF_WIDTHS_MM) for brow in _BROWS)),
        "beard": beard,
        "moustache": moustache,
        "scalp": _scalp(vertices),
    }
    soft = skin.diffuse(np.stack(list(raw.values()), axis=1), EDGE_MM)
    masks = dict(zip(raw, np.clip(soft, 0, 1).T, strict=True))
    masks["beard"] = masks["beard"] * (1 - masks["lips"])
    masks["moustache"] = masks["moustache"] * (1 - masks["lips"])
    cheeks = points[[46, 41]] * 0.45 + points[[54, 48]] * 0.55 + np.array([[14, 0, 0], [-14, 0, 0]])
    blush = sum(_spot(vertices, centre, 17.0) for centre in cheeks) + 0.9 * _spot(vertices, points[30], 11.0)
    blush = blush + 0.5 * _spot(vertices, points[8], 16.0) + 0.7 * (np.abs(vertices[:, 0]) > 76) * (vertices[:, 2] < 15)
    freckled = [*(cheeks + [0, 8, 0]), points[29]]
    noise = tuple(_noise(head, radius, generator) for radius in NOISE_RADII_MM)
    return Regions(
        **masks,
        blush=skin.diffuse(np.minimum(blush, 1)[:, None], SOFT_MM)[:, 0],
        sockets=np.minimum(1, sum(_spot(vertices, points[eye].mean(0), 11.0) for eye in (RIGHT_EYE, LEFT_EYE))),
        lashes=_lashes(head),
        freckles=np.minimum(1, sum(_spot(vertices, c, r) for c, r in zip(freckled, (20.0, 20.0, 14.0), strict=True))),
        creases=_creases(head),
        noise=noise,
    )


_BROWS = ([17, 18, 19, 20, 21], [26, 25, 24, 23, 22])
"""Landmarks of each brow, from its tail."""
_BROW_HALF_WIDTHS_MM = (0.9, 1.9, 2.4, 2.7, 2.4)


def _band(
    vertices: Float64[np.ndarray, "t 3"], line: Float64[np.ndarray, "k 3"], half_width_mm: tuple[float, ...]
) -> Float64[np.ndarray, " t"]:
    """1 on a band around a polyline seen from the front, with soft edges."""
    best = np.zeros(len(vertices))
    for a, b, wa, wb in zip(line[:-1], line[1:], half_width_mm[:-1], half_width_mm[1:], strict=True):
        along = np.clip((vertices - a)[:, :2] @ (b - a)[:2] / ((b - a)[:2] @ (b - a)[:2]), 0, 1)
        gap = np.linalg.norm((vertices - (a + along[:, None] * (b - a)))[:, :2], axis=1)
        best = np.maximum(best, _fall(gap, wa + along * (wb - wa), 1.2))
    return best * (vertices[:, 2] > line[:, 2].min() - 12)


def _fall(value: np.ndarray, at: np.ndarray | float, width: float) -> np.ndarray:
    """1 well below `at`, 0 well above, half on it."""
    return 1 / (1 + np.exp(np.clip((value - at) / (width / 4), -50, 50)))


def _spot(vertices: Float64[np.ndarray, "t 3"], centre: np.ndarray, radius_mm: float) -> Float64[np.ndarray, " t"]:
    return np.exp(-((vertices - centre) ** 2).sum(1) / (2 * radius_mm**2))


def _lips(head: Head, points: Float64[np.ndarray, "68 3"]) -> Float64[np.ndarray, " t"]:
    """Vermilion: between the outer landmarks of each lip and the border inside the mouth."""
    vertices, side = head.skin.vertices, head.side
    x = vertices[:, 0]
    top = np.interp(x, points[48:55, 0], points[48:55, 1] - 0.3)
    bottom = np.interp(x, points[[48, 59, 58, 57, 56, 55, 54], 0], points[[48, 59, 58, 57, 56, 55, 54], 1] + 0.3)
    inside = (x > points[48, 0] - 1) & (x < points[54, 0] + 1) & (vertices[:, 2] > points[48, 2] - 9)
    between = (vertices[:, 1] < top) & (vertices[:, 1] > bottom)
    return (inside & between & (np.abs(side) > 0.02)).astype(np.float64)


def _facial_hair(
    vertices: Float64[np.ndarray, "t 3"], points: Float64[np.ndarray, "68 3"]
) -> tuple[Float64[np.ndarray, " t"], Float64[np.ndarray, " t"]]:
    """Beard: jaw, chin and the strip before the ears; moustache: between nose and upper lip."""
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    mouth = points[48:60].mean(0)
    upper_edge = np.interp(x, [0, 18, 26, 40, 52, 62, 70], mouth[1] + np.array([-12, -12, 2, -4, 4, 24, 45]))
    throat = np.interp(x, [0, 30, 60], [-86.0, -80.0, -52.0])
    beard = _fall(y, upper_edge, 9.0) * _fall(-y, -throat, 14.0) * _fall(-z, -8.0, 14.0)
    beard = beard * (1 - 0.9 * _fall(np.abs(y - mouth[1] + 12), 3.0, 4.0) * ((x > 7) & (x < 14)))
    nose = points[33]
    below_nose, above_mouth = _fall(y, nose[1] - 4.5, 5.0), _fall(-y, 3 - mouth[1], 4.0)
    return beard, below_nose * above_mouth * _fall(x, 27.0, 9.0) * _fall(-z, -75.0, 6.0)


def _scalp(vertices: Float64[np.ndarray, "t 3"]) -> Float64[np.ndarray, " t"]:
    """Above the hairline: high on the forehead, back at the temples, down before the ears."""
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    hairline = np.interp(x, [0, 30, 50, 62, 70, 75], [97.0, 94.0, 85.0, 72.0, 50.0, 24.0])
    return _fall(-y, -hairline, 9.0) * _fall(x, 81.0, 2.0) * _fall(z - 0.75 * (y - 20), 62.0, 16.0)


def _lashes(head: Head) -> Float64[np.ndarray, " t"]:
    """Along the lids' borders: dense above, thin below."""
    marks = np.zeros(len(head.skin.vertices))
    for eye in head.eyes.values():
        marks[eye.lower[2:-2]] = 0.35
        marks[eye.upper[2:-1]] = 1.0
    return marks


def _creases(head: Head) -> Float64[np.ndarray, " t"]:
    """How far the smoothed surface lies in front of each vertex, as a share of 2 mm: an ambient occlusion."""
    smooth = head.skin.diffuse(head.skin.vertices, SOFT_MM)
    outward = head.skin.normals
    return np.clip(((smooth - head.skin.vertices) * outward).sum(1) / 2.0, -0.3, 1.0)


def _noise(head: Head, radius_mm: float, generator: np.random.Generator) -> Float64[np.ndarray, "t f"]:
    white = generator.standard_normal((len(head.skin.vertices), NOISE_FIELDS)) / np.sqrt(head.skin.mass)[:, None]
    smooth = head.skin.diffuse(white, radius_mm)
    return (smooth - smooth.mean(0)) / smooth.std(0)
