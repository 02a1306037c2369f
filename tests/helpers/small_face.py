"""A face as simple as one can be, with known bases."""

import numpy as np

from models3d.face_model import FaceModel, basis_from_displacements, empty_basis

JAW = np.linspace(np.pi, 2 * np.pi, 17)


def small_face(side: int = 21) -> FaceModel:
    """Half an ellipsoid of side x side vertices, 200 mm tall, looking along z; 6 identity and 4 expression components,
    orthonormal."""
    rng = np.random.default_rng(7)
    across, up = np.meshgrid(np.linspace(-1.2, 1.2, side), np.linspace(-1.4, 1.4, side))
    mean = np.stack([75 * np.sin(across) * np.cos(up), 101 * np.sin(up), 90 * np.cos(across) * np.cos(up)], axis=-1)
    corner = np.arange(side * side).reshape(side, side)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    vertices = mean.reshape(-1, 3)
    directions = np.linalg.qr(rng.normal(size=(vertices.size, 10)))[0].T.reshape(10, -1, 3)
    displacements = directions * np.geomspace(120, 15, 10)[:, None, None]
    return FaceModel(
        name="face",
        mean_mm=vertices.astype(np.float32),
        triangles=triangles.astype(np.int32),
        landmarks=landmark_ids(vertices),
        identity=basis_from_displacements(displacements[:6], tuple(f"identity_{i:03d}" for i in range(6))),
        expression=basis_from_displacements(displacements[6:], tuple(f"expression_{i:03d}" for i in range(4))),
        speech=empty_basis(len(vertices)),
        source="tests",
        licence="MIT",
    )


def landmark_ids(vertices: np.ndarray) -> np.ndarray:
    """68 vertices: a jaw line from the subject's right ear, the bridge and tip of the nose, others spread out."""
    jaw = np.stack([60 * np.cos(JAW), 30 + 90 * np.sin(JAW)], axis=1)
    inside = np.random.default_rng(0).uniform([-40, -50], [40, 50], (51, 2))
    inside[[10, 13]] = [[0, 30], [0, 0]]  # landmarks 27 and 30
    return np.array([np.argmin(np.linalg.norm(vertices[:, :2] - p, axis=1)) for p in [*jaw, *inside]], np.int32)
