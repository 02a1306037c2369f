from dataclasses import replace

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from models3d.face_model import Basis
from models3d.readers.native import write_model
from pipeline import annotate_faces, fit_faces
from pipeline.crops import canonical_landmarks_px, to_crop
from pipeline.shards import read_shard
from tests.pipeline.fitted_photos import (
    ANNOTATE,
    FIT,
    annotate_inputs,
    fit_inputs,
    fit_outputs,
    write_landmarks,
    write_photos,
)

torch.set_num_threads(1)  # as the workflow's rules have it


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotate_faces")
    write_photos(folder, template_model)
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    annotate_faces.run(annotate_inputs(folder), {"shard": folder / "shard.h5"}, ANNOTATE)
    return folder


def test_parameters_are_the_fits_over_the_range(folder):
    shard, fits = read_shard(folder / "shard.h5", "annotated"), read_shard(folder / "fits.h5", "fits")
    assert shard.text("id") == fits.text("id")
    np.testing.assert_allclose(shard["params"] * 3, fits["expression"], atol=1e-6)
    np.testing.assert_allclose(shard["params_sigma"] * 3, fits["expression_sigma"], atol=1e-6)
    assert np.abs(shard["params"]).max() <= 1 and (shard["params_sigma"] > 0).all()
    for name in ("identity", "camera", "landmarks_px", "residual"):
        np.testing.assert_array_equal(shard[name], fits[name])


def test_images_show_the_landmarks_where_the_matrix_puts_them(folder, template_model):
    shard = read_shard(folder / "shard.h5", "annotated")
    assert shard["images"].shape == (6, 64, 64, 3)
    canonical = canonical_landmarks_px(template_model, 64, 0.7)
    for image, crop, points in zip(shard["images"], shard["crop"], shard["landmarks_px"], strict=True):
        inside = to_crop(np.array(crop), np.array(points))
        assert np.linalg.norm(inside - canonical, axis=1).mean() < 0.1 * 64, "close to the canonical ones"
        column, row = np.floor(inside).astype(int).T
        assert (image[row, column, 0] > 150).all(), "on the photo's white dots"
        assert np.median(image) == 128


def test_the_shard_says_what_it_was_made_from(folder, template_model):
    attributes = read_shard(folder / "shard.h5", "annotated").attributes
    assert attributes["model_digest"] == template_model.digest
    assert attributes["range"] == 3.0
    assert attributes["seed"] == FIT.seed
    assert attributes["component_names"] == list(template_model.expression.names)
    np.testing.assert_allclose(attributes["sigmas_mm"], template_model.expression.sigmas_mm)
    np.testing.assert_allclose(attributes["bounds"], template_model.expression.bounds / 3, rtol=1e-6)
    assert attributes["fit_settings"]["landmark_sigma"] == FIT.landmark_sigma


def test_same_bytes_twice(folder, tmp_path):
    annotate_faces.run(annotate_inputs(folder), {"shard": tmp_path / "shard.h5"}, ANNOTATE)
    assert (tmp_path / "shard.h5").read_bytes() == (folder / "shard.h5").read_bytes()


def test_nothing_is_clipped_in_silence(folder, tmp_path):
    with pytest.raises(InputError, match=r"move_48 reaches 3 standard deviations.*range_sigma to 3"):
        annotate_faces.run(
            annotate_inputs(folder), {"shard": tmp_path / "shard.h5"}, replace(ANNOTATE, range_sigma=2.5)
        )
    assert not list(tmp_path.iterdir())


def test_fits_of_another_model_are_refused(folder, tmp_path, template_model):
    first = template_model.expression
    other = replace(template_model, expression=Basis(first.components, first.sigmas_mm * 2, first.bounds, first.names))
    write_model(tmp_path / "other.h5", other)
    with pytest.raises(InputError, match="another model"):
        inputs = {**annotate_inputs(folder), "model": tmp_path / "other.h5"}
        annotate_faces.run(inputs, {"shard": tmp_path / "shard.h5"}, ANNOTATE)


def test_a_photo_that_changed_since_it_was_indexed_stops_the_job(template_model, tmp_path):
    write_photos(tmp_path, template_model, count=2)
    fit_faces.run(fit_inputs(tmp_path), fit_outputs(tmp_path), FIT)
    (tmp_path / "photo1.png").write_bytes((tmp_path / "photo0.png").read_bytes())
    with pytest.raises(InputError, match="changed since it was indexed"):
        annotate_faces.run(annotate_inputs(tmp_path), {"shard": tmp_path / "shard.h5"}, ANNOTATE)


def test_a_shard_without_a_single_fit(folder, tmp_path):
    write_landmarks(tmp_path / "landmarks.h5", [], np.zeros((0, 68, 2)))
    fit_faces.run({**fit_inputs(folder), "landmarks": tmp_path / "landmarks.h5"}, fit_outputs(tmp_path), FIT)
    inputs = {**annotate_inputs(folder), "fits": tmp_path / "fits.h5"}
    annotate_faces.run(inputs, {"shard": tmp_path / "shard.h5"}, ANNOTATE)
    assert read_shard(tmp_path / "shard.h5", "annotated")["images"].shape == (0, 64, 64, 3)
