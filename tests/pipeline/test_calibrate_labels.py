import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from models3d.dense_layout import dense_layout
from models3d.errors import InputError
from models3d.readers.native import write_model
from pipeline import calibrate_labels
from pipeline.calibration_file import read_calibrations
from pipeline.images import read_indexed
from pipeline.settings.photos import CalibrateLabels
from tests.pipeline.fitted_photos import FIT

torch.set_num_threads(1)  # as the workflow's rules have it

SETTINGS = CalibrateLabels(
    **{**asdict(FIT), "max_residual": 0.2}, renders=24, most_units=4, bump_mm=1.0, min_confidence=0.5
)


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate_labels")
    write_model(folder / "model.h5", template_model)
    calibrate(folder, folder / "calibration.json")
    return folder


def calibrate(folder, path, settings=SETTINGS):
    calibrate_labels.run({"model": folder / "model.h5"}, {"calibration": path}, settings)


def test_it_learns_how_wrong_either_kind_of_fit_is(folder, template_model):
    found = read_calibrations(folder / "calibration.json", template_model.digest)
    for calibration in found:
        assert 0.1 < calibration.scale < 10 and 0 <= calibration.slope < 5
        assert calibration.least < calibration.typical < calibration.most < 0.2
    assert found.marked.least < 0.5 * found.detected.typical, "some marks of files are exact"
    stated = json.loads((folder / "calibration.json").read_text())
    assert stated["stage"] == "calibrate_labels" and stated["settings"]["renders"] == 24
    for kind in ("marked", "detected"):
        assert 20 <= stated[f"{kind}_photos"] <= 24
        assert stated[f"{kind}_coefficients"] > 20


def test_same_bytes_again_and_for_any_batch(folder, tmp_path):
    calibrate(folder, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (folder / "calibration.json").read_bytes()
    calibrate(folder, tmp_path / "one.json", replace(SETTINGS, batch=1))
    one, whole = (json.loads(path.read_text()) for path in (tmp_path / "one.json", folder / "calibration.json"))
    assert one["detected"] == whole["detected"] and one["marked"] == whole["marked"]


def test_without_renders_standard_errors_stay_as_they_are(folder, tmp_path, template_model):
    calibrate(folder, tmp_path / "none.json", replace(SETTINGS, renders=0))
    found = read_calibrations(tmp_path / "none.json", template_model.digest)
    kinds, residuals = np.array([True, False, True]), np.array([0.001, 0.03, 0.5])
    np.testing.assert_array_equal(found.factors(kinds, residuals), 1)


def test_people_that_cannot_be_fitted_stop_the_job(folder, tmp_path):
    with pytest.raises(InputError, match="renders could be fitted.*calibrate_labels.renders to 0"):
        calibrate(folder, tmp_path / "calibration.json", replace(SETTINGS, max_residual=1e-6))
    assert not list(tmp_path.iterdir())


def test_the_photos_show_the_faces_where_their_landmarks_are(folder, tmp_path, template_model):
    batch = next(calibrate_labels.people(template_model, replace(SETTINGS, renders=4)))
    assert dense_layout(template_model).vertices.size
    assert ((np.abs(batch.expression) > 0).sum(1) <= 4).all()
    marked, rows = calibrate_labels.photos(tmp_path, batch, "detected", SETTINGS, 0)
    assert marked.from_files.tolist() == [False] * len(rows)
    for place, row in enumerate(rows):
        photo, points = read_indexed(marked.photos[place]), marked.landmarks_px[place]
        corner = (points - batch.detected_px[row] + batch.corner_px[row]).mean(0)
        np.testing.assert_allclose(corner, corner.round(), atol=1e-3)
        left, top = corner.round().astype(int)
        picture = batch.shots[row].image
        top_part = max(0, -top)
        shown = photo[max(0, top) : top + len(picture), max(0, left) : left + len(picture)]
        np.testing.assert_array_equal(
            shown, picture[top_part : top_part + shown.shape[0], max(0, -left) : max(0, -left) + shown.shape[1]]
        )
