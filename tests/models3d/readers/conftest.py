"""A face as simple as one can be, with known bases: what every reader must give back from its own layout."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_face import small_face

from models3d.face_model import FaceModel, empty_basis


@pytest.fixture(scope="session")
def face() -> FaceModel:
    return small_face()


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
