"""The results of a workflow as the page of sliders reads them, of seconds: an egg for a head, a packaged photo."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import trimesh

from models3d.face_model import FaceModel, basis_from_displacements, empty_basis
from models3d.readers.native import write_model
from pipeline.files import write_table
from pipeline.photo_tables import Photo, write_index
from pipeline.provenance import file_digest
from pipeline.shards import write_shard
from tests.pipeline.gan.made_shards import write_meshes
from tests.pipeline.tiny_checkpoint import BOUNDS, NAMES, write_checkpoint

PHOTO = "packaged/skimage/astronaut.png"


def egg() -> FaceModel:
    """A smooth head of 642 vertices whose lower front sinks when the jaw opens."""
    ball = trimesh.creation.icosphere(subdivisions=3)
    mean = np.asarray(ball.vertices) * (70, 100, 80)
    front = np.argsort(-mean[:, 2], kind="stable")[:68]
    low = np.exp(-0.5 * (np.linalg.norm(mean - (0, -50, 60), axis=1) / 30) ** 2)[:, None]
    side = np.exp(-0.5 * (np.linalg.norm(mean - (40, -30, 60), axis=1) / 20) ** 2)[:, None]
    moves = np.stack([low * (0, -9, -3), side * (3, 3, 0), side[::-1] * (-3, 3, 0), low * (6, 0, 0)])
    return FaceModel(
        name="egg",
        mean_mm=mean.astype(np.float32),
        triangles=np.asarray(ball.faces, np.int32),
        landmarks=front.astype(np.int32),
        identity=basis_from_displacements((mean * (0.1, 0, 0))[None], ("wide",)),
        expression=basis_from_displacements(moves, NAMES, 3 * np.array(BOUNDS)),
        speech=empty_basis(len(mean)),
        source="tests",
        licence="MIT",
    )


def write_results(folder: Path) -> Path:
    """The folder `results` below, with a checkpoint, its model, a photo with its head, clips, and an evaluation."""
    results, model = folder / "results", egg()
    write_checkpoint(results / "gan/slidergan_rad/checkpoint.pt", model_digest=model.digest)
    write_model(results / "models/egg.h5", model)
    path = Path(find_spec("skimage").submodule_search_locations[0]) / "data/astronaut.png"
    write_index(results / "index/packaged/00001.csv", [Photo(PHOTO, str(path), "", "", file_digest(path), 512, 512)])
    write_table(results / "index/packaged/00001.rejects.csv", ("id", "stage", "reason"), [])
    arrays = {
        "id": [PHOTO],
        "person": [""],
        "images": np.zeros((1, 8, 8, 3), np.uint8),
        "params": np.zeros((1, len(NAMES)), np.float32),
        "params_sigma": np.ones((1, len(NAMES)), np.float32),
        "identity": np.full((1, 1), 2.5, np.float32),
        "camera": np.zeros((1, 9), np.float32),
        "landmarks_px": np.zeros((1, 68, 2), np.float32),
        "crop": np.zeros((1, 2, 3), np.float32),
        "residual": np.zeros(1, np.float32),
        "status": ["converged"],
    }
    stated = {"model_digest": model.digest, "range": 3.0, "component_names": list(NAMES), "sigmas_mm": [1.0] * 4}
    write_shard(results / "shards/annotated/packaged/00001.h5", "annotated", arrays, stated)
    write_meshes(results / "shards/meshes/sample/00001.h5")
    write_table(results / "evaluation/table.csv", ("variant", "regression_real"), [("slidergan_rad", "0.75")])
    return results
