"""A face as simple as one can be, with known bases: what every reader must give back from its own layout."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models3d.face_model import FaceModel, basis_from_displacements, empty_basis

SIDE = 21
JAW = np.linspace(np.pi, 2 * np.pi, 17)


@pytest.fixture(scope="session")
def face() -> FaceModel:
    """Half an ellipsoid, 200 mm tall, looking along z; 6 identity and 4 expression components, orthonormal."""
    rng = np.random.default_rng(7)
    across, up = np.meshgrid(np.linspace(-1.2, 1.2, SIDE), np.linspace(-1.4, 1.4, SIDE))
    mean = np.stack([75 * np.sin(across) * np.cos(up), 101 * np.sin(up), 90 * np.cos(across) * np.cos(up)], axis=-1)
    corner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
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


@pytest.fixture(scope="session")
def neutral_face(face: FaceModel) -> FaceModel:
    """The same face without expression: what formats of identity alone can hold."""
    return replace(face, expression=empty_basis(len(face.mean_mm)))


@pytest.fixture
def landmarks(tmp_path: Path, face: FaceModel) -> Path:
    path = tmp_path / "landmarks.json"
    path.write_text(json.dumps(face.landmarks.tolist()))
    return path


@pytest.fixture(scope="session")
def columns() -> Callable:
    """Components (k, n, 3) as the columns (3n, k) in double precision that most formats store."""
    return lambda array: np.asarray(array, np.float64).reshape(len(array), -1).T


@pytest.fixture(scope="session")
def assert_same() -> Callable:
    """Equal up to the float32 of the conventions: meshes to 0.1 micrometres, everything that counts exactly."""

    def check(found: FaceModel, truth: FaceModel) -> None:
        np.testing.assert_allclose(found.mean_mm, truth.mean_mm, atol=1e-4)
        np.testing.assert_array_equal(found.triangles, truth.triangles)
        np.testing.assert_array_equal(found.landmarks, truth.landmarks)
        for part in ("identity", "expression", "speech"):
            basis, expected = getattr(found, part), getattr(truth, part)
            assert basis.names == expected.names
            np.testing.assert_allclose(basis.sigmas_mm, expected.sigmas_mm, rtol=1e-5)
            np.testing.assert_allclose(basis.components, expected.components, atol=1e-6)
            np.testing.assert_array_equal(basis.bounds, expected.bounds)

    return check
