"""A dataset whose landmarks are known: photos with a dot at each, an index, a `landmarks` shard, a model."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from models3d.camera import project
from models3d.face_model import FaceModel, synthesize
from models3d.label_errors import AS_THEY_ARE
from models3d.readers.native import write_model
from pipeline import fit_faces
from pipeline.calibration_file import Calibrations, write_calibrations
from pipeline.files import read_rejects
from pipeline.fit_options import FitSettings
from pipeline.media import draw_points
from pipeline.photo_tables import Photo, write_index
from pipeline.provenance import file_digest
from pipeline.settings.photos import AnnotateFaces, FitFaces
from pipeline.shards import read_shard, write_shard
from tests.models3d.fitting.people import SIZE_PX, People, people

FIT = FitFaces(
    seed=0,
    batch=4,
    iterations=30,
    landmark_sigma=0.02,
    identity_weight=1.0,
    expression_weight=1.0,
    focal="fixed",
    focal_ratio=1.5,
    focal_log_sigma=0.35,
    max_turn_degrees=75.0,
    dense="none",
    dense_weight=2.0,
    photometric_weight=0.03,
    max_residual=0.05,
    max_mean_sigma=None,
    max_reject_rate=1.0,
)
ANNOTATE = AnnotateFaces(size_px=64, face_scale=0.7, range_sigma=3.0)


AS_FOUND = Calibrations(AS_THEY_ARE, AS_THEY_ARE)
FIT_SHARED = {name: value for name, value in asdict(FIT).items() if name in FitSettings.__dict__}
"""The settings that stages which fit in the same way share."""


def write_photos(folder: Path, model: FaceModel, count: int = 6, persons: Sequence[str] = ()) -> People:
    """Write index.csv, landmarks.h5, calibration.json, model.h5 and the photos into the folder.

    persons  whom each photo shows; those of one name have one identity
    """
    crowd = people(model, count)
    persons = persons or [""] * count
    identity = crowd.identity[[persons.index(name) if name else row for row, name in enumerate(persons)]]
    seen = project(crowd.camera, synthesize(model, identity, crowd.expression)[:, model.landmarks])
    crowd = crowd._replace(identity=identity, landmarks_px=seen)
    photos = []
    for row, points in enumerate(crowd.landmarks_px):
        path = folder / f"photo{row}.png"
        grey = np.full((int(SIZE_PX), int(SIZE_PX), 3), 128, np.uint8)
        Image.fromarray(draw_points(grey, points, (255, 255, 255), 1.5)).save(path)
        side = int(SIZE_PX)
        photos.append(Photo(f"set/photo{row}.png", str(path), "", persons[row], file_digest(path), side, side))
    write_index(folder / "index.csv", photos)
    write_landmarks(folder / "landmarks.h5", [photo.id for photo in photos], crowd.landmarks_px)
    write_model(folder / "model.h5", model)
    write_calibrations(folder / "calibration.json", AS_FOUND, {"model_digest": model.digest})
    return crowd


def write_landmarks(path: Path, ids: list[str], landmarks_px: np.ndarray) -> None:
    """A `landmarks` shard of points that stay on the head."""
    found = {
        "id": ids,
        "landmarks_px": landmarks_px.astype(np.float32),
        "source": ["mesh"] * len(ids),
        "faces": np.ones(len(ids), np.int32),
    }
    write_shard(path, "landmarks", found, {"stage": "tests"})


def fit_inputs(folder: Path) -> dict[str, Path]:
    return {
        "index": folder / "index.csv",
        "landmarks": folder / "landmarks.h5",
        "model": folder / "model.h5",
        "calibration": folder / "calibration.json",
    }


def fit_outputs(folder: Path) -> dict[str, Path]:
    return {"fits": folder / "fits.h5", "rejects": folder / "rejects.csv"}


def assert_bad_rows_are_rejected(model: FaceModel, inputs: dict[str, Path], folder: Path, settings: FitFaces) -> None:
    """Not finite, all in one place, turned by 80 degrees, beside the photo: rejects with reasons, and two good rows
    that are what they are without the others."""
    found = read_shard(inputs["landmarks"], "landmarks")
    ids, points = found.text("id"), np.array(found["landmarks_px"])
    points[0, 5], points[2] = np.nan, 100
    points[3] = people(model, 1, yaw_rad=np.deg2rad(80)).landmarks_px[0]
    points[5] += 3 * SIZE_PX
    write_landmarks(folder / "landmarks.h5", ids, points)
    fit_faces.run({**inputs, "landmarks": folder / "landmarks.h5"}, fit_outputs(folder), settings)
    reasons = {reject.id: reject.reason for reject in read_rejects(folder / "rejects.csv")}
    words = {0: "not finite", 2: "no picture of a face", 3: "turned too far", 5: "lies within the photo"}
    assert set(reasons) == {ids[row] for row in words}
    assert all(word in reasons[ids[row]] for row, word in words.items())
    together = read_shard(folder / "fits.h5", "fits")
    assert together.text("id") == [ids[1], ids[4]]
    write_landmarks(folder / "landmarks.h5", [ids[1], ids[4]], points[[1, 4]])
    fit_faces.run({**inputs, "landmarks": folder / "landmarks.h5"}, fit_outputs(folder), settings)
    alone = read_shard(folder / "fits.h5", "fits")
    for name in ("camera", "identity", "expression", "residual"):
        np.testing.assert_array_equal(together[name], alone[name])


def annotate_inputs(folder: Path) -> dict[str, Path]:
    return {"index": folder / "index.csv", "fits": folder / "fits.h5", "model": folder / "model.h5"}
