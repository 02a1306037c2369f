from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from models3d.fitting import training_examples
from models3d.readers.learnt_offsets_file import read_learnt_landmarks
from pipeline import fit_faces, learn_landmarks
from pipeline.photo_tables import read_index, write_index
from pipeline.settings.photos import LearnLandmarks
from pipeline.shards import read_shard, write_shard
from tests.pipeline.fitted_photos import (
    FIT,
    FIT_SHARED,
    assert_bad_rows_are_rejected,
    fit_inputs,
    fit_outputs,
    write_photos,
)

torch.set_num_threads(1)  # as the workflow's rules have it

LEARN = LearnLandmarks(
    seed=0,
    renders=24,
    detector_renders=16,
    held_out=16,
    min_confidence=0.5,
    bump_mm=1.0,
    ridge=3000.0,
    error_ridge=30000.0,
    **FIT_SHARED,
)
DENSELY = replace(FIT, dense="landmarks", max_residual=0.5)
"""The made landmarks are exact, and not where the detector would have them."""


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn_landmarks")
    write_photos(folder, template_model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_examples, "BATCH", 8)
        learn_landmarks.run({"model": folder / "model.h5"}, {"dense": folder / "dense.h5"}, LEARN)
    return folder


def test_the_file_holds_what_was_learnt(folder, template_model):
    learnt, texts = read_learnt_landmarks(folder / "dense.h5")
    assert texts["stage"] == "learn_landmarks"
    assert 1 < float(texts["detector_offsets_mm"]) < 8
    for source, offsets in (("marked", learnt.marked), ("detected", learnt.detected)):
        assert offsets.model_digest == template_model.digest
        before, after = float(texts[f"{source}_before_mm"]), float(texts[f"{source}_after_mm"])
        assert 0.3 < before < 5 and 0.5 * before < after < 1.2 * before
        assert np.exp(offsets.regressor.log_sigma_bias).mean() == pytest.approx(after, rel=0.5)
    assert np.abs(learnt.habits.shift_mm).max() > 1, "FaceMesh's jaw is not the model's"


def test_same_bytes_again(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training_examples, "BATCH", 8)
    learn_landmarks.run({"model": folder / "model.h5"}, {"dense": tmp_path / "dense.h5"}, LEARN)
    assert (tmp_path / "dense.h5").read_bytes() == (folder / "dense.h5").read_bytes()


def test_photos_are_fitted_with_it(folder, tmp_path):
    inputs = {**fit_inputs(folder), "learnt": folder / "dense.h5"}
    fit_faces.run(inputs, fit_outputs(tmp_path), DENSELY)
    dense = read_shard(tmp_path / "fits.h5", "fits")
    assert dense.attributes["dense"] == "landmarks"
    assert dense.attributes["dense_digest"] == read_learnt_landmarks(folder / "dense.h5")[1]["content_digest"]
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    plain = read_shard(folder / "fits.h5", "fits")
    assert "landmarks alone" in plain.attributes["dense"]
    assert np.abs(dense["expression"] - plain["expression"]).max() > 0.01
    fit_faces.run(inputs, fit_outputs(tmp_path), replace(DENSELY, batch=1))
    again = read_shard(tmp_path / "fits.h5", "fits")
    assert again.attributes["content_digest"] == dense.attributes["content_digest"]


def test_bad_rows_become_rejects_and_leave_the_others_alone(folder, template_model, tmp_path):
    inputs = {**fit_inputs(folder), "learnt": folder / "dense.h5"}
    assert_bad_rows_are_rejected(template_model, inputs, tmp_path, DENSELY)


def test_what_does_not_suit_is_refused(folder, tmp_path):
    inputs = {**fit_inputs(folder), "learnt": folder / "dense.h5"}
    with pytest.raises(InputError, match="no file of what was learnt"):
        fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), DENSELY)
    with pytest.raises(InputError, match="Learn it again with the settings of fit_faces"):
        fit_faces.run(inputs, fit_outputs(tmp_path), replace(DENSELY, landmark_sigma=0.03))
    assert not list(tmp_path.iterdir())


def test_too_many_renders_that_cannot_be_fitted_stop_the_job(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training_examples, "BATCH", 8)
    monkeypatch.setattr(learn_landmarks, "LEAST_FITTED", 2.0)
    with pytest.raises(InputError, match="could be fitted by their marked landmarks"):
        learn_landmarks.run(
            {"model": folder / "model.h5"},
            {"dense": tmp_path / "dense.h5"},
            replace(LEARN, renders=8, detector_renders=8, held_out=8),
        )
    assert not list(tmp_path.iterdir())


def test_each_kind_of_landmarks_has_its_own_offsets_and_photos_keep_their_order(folder, tmp_path):
    inputs = {**fit_inputs(folder), "learnt": folder / "dense.h5"}
    alike = {}
    for source in ("mesh", "file"):
        fit_faces.run(with_sources(inputs, tmp_path, [source] * 6), fit_outputs(tmp_path), DENSELY)
        alike[source] = read_shard(tmp_path / "fits.h5", "fits")["expression"]
    mixed = ["mesh", "file", "cropped mesh"] * 2
    fit_faces.run(with_sources(inputs, tmp_path, mixed), fit_outputs(tmp_path), DENSELY)
    found = read_shard(tmp_path / "fits.h5", "fits")
    assert found.text("id") == read_shard(inputs["landmarks"], "landmarks").text("id")
    expected = [alike["file" if source == "file" else "mesh"][row] for row, source in enumerate(mixed)]
    np.testing.assert_array_equal(found["expression"], expected)
    assert np.abs(alike["mesh"] - alike["file"]).max() > 0.01


def test_photos_of_one_person_are_looked_at_too(folder, tmp_path):
    """Some with a file's landmarks, some with the detector's."""
    persons = [photo._replace(person="set/ann") for photo in read_index(folder / "index.csv")]
    write_index(tmp_path / "index.csv", persons)
    learnt = {**fit_inputs(folder), "learnt": folder / "dense.h5"}
    inputs = {**with_sources(learnt, tmp_path, ["mesh", "file", "mesh"] * 2), "index": tmp_path / "index.csv"}
    lenient = replace(DENSELY, max_residual=2.0)
    found = {}
    for weight in (2.0, 1e-6):
        fit_faces.run(inputs, fit_outputs(tmp_path), replace(lenient, dense_weight=weight))
        found[weight] = read_shard(tmp_path / "fits.h5", "fits")
        assert found[weight].text("id") == [photo.id for photo in persons]
        assert len(np.unique(found[weight]["identity"], axis=0)) == 1
        assert np.isfinite(found[weight]["residual"]).all()
    assert (np.abs(found[2.0]["expression"] - found[1e-6]["expression"]).max(1) > 0.01).all(), "each was looked at"
    assert (found[2.0]["expression_sigma"] < found[1e-6]["expression_sigma"]).mean() > 0.8, "and tells something"


def with_sources(inputs: dict[str, Path], folder: Path, sources: list[str]) -> dict[str, Path]:
    """The inputs with landmarks that come from elsewhere."""
    found = read_shard(inputs["landmarks"], "landmarks")
    arrays = {"id": found.text("id"), "landmarks_px": found["landmarks_px"], "faces": found["faces"], "source": sources}
    write_shard(folder / "landmarks.h5", "landmarks", arrays, {"stage": "tests"})
    return {**inputs, "landmarks": folder / "landmarks.h5"}
