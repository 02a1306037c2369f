"""People with known camera, identity and expression, and where their landmarks are seen."""

from typing import NamedTuple

import numpy as np

from models3d.camera import Camera, project
from models3d.face_model import FaceModel, synthesize

SIZE_PX = 256.0


class People(NamedTuple):
    camera: Camera
    identity: np.ndarray
    expression: np.ndarray
    landmarks_px: np.ndarray


def people(model: FaceModel, count: int, yaw_rad: float | None = None) -> People:
    """Photos of 256 x 256 px, faces a third as wide, taken with a focal length of 1.5 times the size."""
    rng = np.random.default_rng(3)
    rotation = rng.normal(size=(count, 3)) * (0.1, 0.3, 0.1)
    if yaw_rad is not None:
        rotation = np.tile([0.0, yaw_rad, 0.0], (count, 1))
    identity = np.clip(rng.normal(size=(count, len(model.identity))), -2.9, 2.9)
    low, high = model.expression.bounds.T
    expression = rng.uniform(low * 0.9, high * 0.9, (count, len(model.expression)))
    camera = Camera(
        rotation_rad=rotation,
        translation_mm=np.column_stack([rng.normal(size=(count, 2)) * 8, rng.uniform(680, 800, count)]),
        focal_px=np.full(count, 1.5 * SIZE_PX),
        centre_px=np.full((count, 2), SIZE_PX / 2),
    )
    vertices = synthesize(model, identity, expression)
    return People(camera, identity, expression, project(camera, vertices[:, model.landmarks]))


def mark_outline(model: FaceModel, crowd: People) -> np.ndarray:
    """The landmarks as people mark them on a turned face: the jaw's at the outline, level with their vertex.

    Written without the strips of `jaw_line`: of all vertices of the same half of the face that are about as high as
    the landmark's and no further back, the one seen furthest out.
    """
    marked = crowd.landmarks_px.copy()
    seen = project(crowd.camera, synthesize(model, crowd.identity, crowd.expression))
    for landmark in (*range(8), *range(9, 17)):
        own = model.mean_mm[model.landmarks[landmark]]
        side = np.sign(own[0])
        level = np.abs(model.mean_mm[:, 1] - own[1]) < 1.5
        candidates = np.flatnonzero(level & (model.mean_mm[:, 0] * side > 0) & (model.mean_mm[:, 2] >= own[2]))
        furthest = candidates[(seen[:, candidates, 0] * side).argmax(1)]
        marked[:, landmark] = seen[np.arange(len(seen)), furthest]
    return marked
