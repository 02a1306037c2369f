"""The lower jaw: what belongs to it, and how it moves."""

import numpy as np
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from pipeline.sample.heads import Head
from pipeline.sample.mouth import CAVITY, LOWER_TEETH, TONGUE

OPEN_RAD = np.deg2rad(15.0)
SWING_RAD = np.deg2rad(4.5)
SOFT_MM = 3.5
"""Smooths the edges of what moves as one."""
FORWARD_MM = np.array([0.0, -1.0, 6.0])


def jaw_actions(head: Head) -> dict[str, Float64[np.ndarray, "n 3"]]:
    """Opening about the axis through the ears, swinging to the left, sliding forward; over the whole head."""
    weights = jaw_weights(head)[:, None]
    vertices = head.vertices.astype(np.float64)
    hinge = vertices[head.landmarks[[0, 16]]].mean(0) - [0.0, 8.0, 0.0]

    def turned(*rotation_rad: float) -> Float64[np.ndarray, "n 3"]:
        return (Rotation.from_rotvec(rotation_rad).apply(vertices - hinge) + hinge - vertices) * weights

    return {
        "jaw_open": turned(OPEN_RAD, 0.0, 0.0),
        "jaw_left": turned(0.0, SWING_RAD, 0.0),
        "jaw_forward": FORWARD_MM * weights,
    }


def jaw_weights(head: Head) -> Float64[np.ndarray, " n"]:
    """How much each vertex belongs to the jaw: 1 on lower lip, chin and lower teeth, 0 on what rests.

    On the skin it is harmonic between the two, so the cheeks stretch and the corners of the mouth fan out.
    """
    vertices, points = head.skin.vertices, head.skin.vertices[head.landmarks]
    width, height, depth = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    chin = points[8]
    jaw_line = np.interp(width, points[8:13, 0] - points[8, 0], points[8:13, 1] + [12, 10, 6, 3, 1])
    throat = np.interp(height, [chin[1] - 8, chin[1]], [chin[2] - 22, 30.0])
    moves = (height < jaw_line) & (depth > throat) & (height > chin[1] - 6) & (width < 50)
    moves |= (head.side < -0.55) & (width < 30)
    moves[head.lower_lip[2:-2]] = True
    rests = (height > points[33, 1] + 0.12 * width) | (head.side > 0.25) | (height < chin[1] - 20) | (depth < 0)
    rests[head.upper_lip[2:-2]] = True
    rests &= ~moves
    fixed = np.flatnonzero(moves | rests)
    skin = head.skin.diffuse(head.skin.harmonic(fixed, moves[fixed, None].astype(np.float64)), SOFT_MM)[:, 0]
    mouth = head.mouth
    inside = np.where(mouth.label == CAVITY, skin[mouth.parent] * np.maximum(mouth.share, 0.6), 0.0)
    inside[(mouth.label == LOWER_TEETH) | (mouth.label == TONGUE)] = 1.0
    return np.concatenate([skin, inside])
