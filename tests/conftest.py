"""What several tests share: a small face model, one that looks like a face, where the real model is."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from models3d.face_model import Basis, FaceModel, basis_from_displacements, empty_basis


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def ict_folder() -> Path:
    """The real scan-built model, which the project does not ship."""
    folder = os.environ.get("ICT_FACEKIT_DIR")
    if not folder:
        pytest.skip("ICT_FACEKIT_DIR is not set: point it at an ICT-FaceKit folder to run the tests on a real model")
    return Path(folder)


def random_basis(rng: np.random.Generator, count: int, vertices: int, label: str) -> Basis:
    """A dense random basis with decaying sigmas."""
    displacements = rng.normal(size=(count, vertices, 3)) / np.arange(1, count + 1)[:, None, None]
    return basis_from_displacements(displacements, tuple(f"{label}{i}" for i in range(count)))


@pytest.fixture
def tiny_model(rng: np.random.Generator) -> FaceModel:
    """80 vertices, 3 + 4 components: enough for algebra, nothing to look at."""
    vertices = 80
    triangles = np.stack([np.arange(78), np.arange(1, 79), np.arange(2, 80)], axis=1).astype(np.int32)
    return FaceModel(
        name="tiny",
        mean_mm=rng.normal(scale=50, size=(vertices, 3)).astype(np.float32),
        triangles=triangles,
        landmarks=rng.permutation(vertices)[:68].astype(np.int32),
        identity=random_basis(rng, 3, vertices, "id"),
        expression=random_basis(rng, 4, vertices, "exp"),
        speech=empty_basis(vertices),
        source="tests",
        licence="MIT",
    )


def bump(mean_mm: np.ndarray, vertex: int, width_mm: float, vector_mm: tuple[float, float, float]) -> np.ndarray:
    """A displacement that is `vector_mm` at one vertex and fades around it."""
    distance = np.linalg.norm(mean_mm - mean_mm[vertex], axis=1, keepdims=True)
    return np.exp(-0.5 * (distance / width_mm) ** 2) * np.asarray(vector_mm)


@pytest.fixture(scope="session")
def template_model() -> FaceModel:
    """menpo3d's packaged face (53,349 vertices), 10 smooth identity components, 10 expressions: 4 of them two-sided."""
    folder = Path(find_spec("menpo3d").submodule_search_locations[0]) / "data"
    mesh = trimesh.load(folder / "template.ply", process=False)
    mean = np.asarray(mesh.vertices) / 1000
    stored = json.loads((folder / "template.ljson").read_text())["groups"]["LJSON"]["landmarks"]["points"]
    landmarks = cKDTree(mean).query(np.array(stored) / 1000)[1]
    rng = np.random.default_rng(5)
    identity = [
        sum(bump(mean, v, 30, rng.normal(size=3) * 3) for v in landmarks[rng.integers(0, 68, 8)]) for _ in range(10)
    ]
    moves = [  # landmark, width, vector: lips, chin, brows, lids, cheeks
        (48, 12, (-3, 2, -1)), (54, 12, (3, 2, -1)), (51, 9, (0, 3, 1)), (57, 9, (0, -4, 0)), (8, 22, (0, -5, -1)),
        (19, 12, (0, 3, 0)), (24, 12, (0, 3, 0)), (37, 4, (0, -1, 0)), (44, 4, (0, -1, 0)), (33, 10, (0, 2, 1)),
    ]  # fmt: skip
    two_sided, one_sided = (-3.0, 3.0), (0.0, 3.0)
    return FaceModel(
        name="template",
        mean_mm=mean.astype(np.float32),
        triangles=np.asarray(mesh.faces, np.int32),
        landmarks=landmarks.astype(np.int32),
        identity=basis_from_displacements(np.stack(identity), tuple(f"identity_{i}" for i in range(10))),
        expression=basis_from_displacements(
            np.stack([bump(mean, landmarks[at], width, vector) / 1.5 for at, width, vector in moves]),
            tuple(f"move_{at}" for at, _, _ in moves),
            np.array([two_sided] * 4 + [one_sided] * 6),
        ),
        speech=empty_basis(len(mean)),
        source="menpo3d's template",
        licence="BSD",
    )
