"""The eyeballs: how they are coloured, and a finer surface to draw in place of the template's."""

import numpy as np
from jaxtyping import Float64

from models3d.render import to_linear
from pipeline.sample.heads import Eye, Head

SCLERA_TONE = (206, 198, 192)
IRIS_MM, PUPIL_MM = 5.8, 2.3
EYEBALL_MM = 12.0
"""Radius of a real eyeball; the template's is flatter, so its pupil moves as far as this one's would."""
EYE_GLOSS, EYE_SHININESS = 0.9, 220.0
PATCH_ROWS, PATCH_COLUMNS = 48, 90
BEHIND_UPPER_MM, BEHIND_LOWER_MM = 3.0, 1.5
"""How far the finer surface reaches behind the lids, which may open wider."""


def eyeball_colours(
    eye: Eye,
    points: Float64[np.ndarray, "e 3"],
    lids: tuple[Float64[np.ndarray, "u 3"], Float64[np.ndarray, "l 3"]],
    iris: Float64[np.ndarray, "3"],
    gaze: Float64[np.ndarray, "3"],
) -> Float64[np.ndarray, "e 3"]:
    """Linear RGB at points of the mean head's eyeball: sclera, iris with a dark rim and rays, pupil.

    lids  the borders of the upper and the lower lid, which shade the eyeball
    gaze  direction of sight in the head's frame
    """
    upper, lower = lids
    sight = eye.rest + (gaze / gaze[2] - [0, 0, 1]) * EYEBALL_MM / eye.radius_mm
    pupil = eye.centre + eye.radius_mm * sight / np.linalg.norm(sight)
    distance = np.linalg.norm(points - pupil, axis=1)
    shaded = 1 - 0.6 * np.exp(-_gap(points, upper) / 1.8) - 0.25 * np.exp(-_gap(points, lower) / 0.8)
    corner = np.exp(-_gap(points, upper[[0, -1]]) / 2.6)[:, None]
    sclera = to_linear(np.array(SCLERA_TONE, np.uint8)) * (1 - corner * [0.25, 0.60, 0.55])
    angle = np.arctan2(points[:, 1] - pupil[1], points[:, 0] - pupil[0])
    outwards = np.clip((distance - PUPIL_MM) / (IRIS_MM - PUPIL_MM), 0, 1)
    rays = 0.88 + 0.18 * np.sin(17 * angle) * np.sin(6 * angle + 1) + 0.24 * outwards
    rim = 1 - 0.7 * np.exp(-(((distance - IRIS_MM) / 0.8) ** 2))
    coloured = iris * 1.15 * (rays * rim)[:, None]
    outside = np.clip((distance - IRIS_MM + 0.3) / 0.6, 0, 1)[:, None]
    open_pupil = np.clip((distance - PUPIL_MM + 0.2) / 0.4, 0, 1)[:, None]
    return ((sclera - coloured) * outside + coloured) * open_pupil * shaded[:, None] + 0.004


def _gap(points: Float64[np.ndarray, "e 3"], others: Float64[np.ndarray, "o 3"]) -> Float64[np.ndarray, " e"]:
    """Distance of each point to the nearest of the others."""
    return np.linalg.norm(points[:, None] - others, axis=2).min(1)


def fine_eyeball(head: Head, eye: Eye) -> Float64[np.ndarray, "r c 3"]:
    """A fine grid on the mean head's eyeball, from behind the upper lid to behind the lower."""
    edges = [head.skin.vertices[chain] for chain in (eye.upper, eye.lower)]
    x = np.linspace(edges[0][:, 0].min(), edges[0][:, 0].max(), PATCH_COLUMNS)
    top, bottom = (np.interp(x, *edge[np.argsort(edge[:, 0], kind="stable")][:, :2].T) for edge in edges)
    down = np.linspace(0, 1, PATCH_ROWS)[:, None]
    y = top + BEHIND_UPPER_MM + down * (bottom - top - BEHIND_UPPER_MM - BEHIND_LOWER_MM)
    depth = np.sqrt(eye.radius_mm**2 - (x - eye.centre[0]) ** 2 - (y - eye.centre[1]) ** 2) + eye.centre[2]
    return np.stack(np.broadcast_arrays(x, y, depth), axis=-1)
