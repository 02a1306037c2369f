from dataclasses import replace

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from pipeline import fit_faces, learn_texture
from pipeline.settings.photos import LearnTexture
from pipeline.shards import read_shard
from pipeline.texture_file import read_texture
from tests.pipeline.fitted_photos import (
    FIT,
    FIT_SHARED,
    assert_bad_rows_are_rejected,
    fit_inputs,
    fit_outputs,
    write_landmarks,
    write_photos,
)

torch.set_num_threads(1)  # as the workflow's rules have it

SETTINGS = LearnTexture(
    seed=0, photos=100, least_photos=4, sites=120, components=2, size_px=64, face_scale=0.7, **FIT_SHARED
)
PHOTOMETRIC = replace(FIT, dense="photometric")


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn_texture")
    write_photos(folder, template_model)
    return folder


def learn(folder, output, settings=SETTINGS, landmarks=None):
    landmarks = landmarks or folder / "landmarks.h5"
    inputs = {"model": folder / "model.h5", "index": [folder / "index.csv"], "landmarks": [landmarks]}
    learn_texture.run(inputs, {"texture": output}, settings)
    return output


def test_learns_what_the_photos_show(folder, template_model, tmp_path):
    """Grey photos with white dots at the landmarks: bright where a landmark is, dark elsewhere."""
    path = learn(folder, tmp_path / "texture.h5")
    learnt = read_texture(path, template_model)
    assert learnt.reason == "" and (learnt.size_px, learnt.face_scale) == (64, 0.7)
    texture = learnt.texture
    assert texture is not None and texture.components.shape == (2, len(texture.vertices), 3)
    points = template_model.mean_mm[texture.vertices]
    marks = template_model.mean_mm[template_model.landmarks]
    distance = np.linalg.norm(points[:, None] - marks, axis=2).min(1)
    near, far = texture.mean[distance < 1.5], texture.mean[distance > 8]
    assert near.mean() > far.mean() + 1
    attributes = read_shard(path, "texture").attributes
    assert attributes["model_digest"] == template_model.digest and attributes["photos"] == 6


def test_same_bytes_again(folder, tmp_path):
    first, second = (learn(folder, tmp_path / name).read_bytes() for name in ("a.h5", "b.h5"))
    assert first == second
    other = learn(folder, tmp_path / "c.h5", replace(SETTINGS, seed=1)).read_bytes()
    assert other != first


def test_takes_no_more_photos_than_it_may(folder, tmp_path):
    path = learn(folder, tmp_path / "texture.h5", replace(SETTINGS, photos=5))
    assert read_shard(path, "texture").attributes["photos"] == 5


@pytest.mark.parametrize("changes", [{"least_photos": 7}, {"components": 4}])
def test_says_that_there_are_too_few_photos(folder, template_model, tmp_path, capsys, changes):
    path = learn(folder, tmp_path / "texture.h5", replace(SETTINGS, **changes))
    learnt = read_texture(path, template_model)
    assert learnt.texture is None and "too few to learn a texture" in learnt.reason
    assert "6 fitted photos are too few" in capsys.readouterr().out


def test_a_texture_of_another_model_is_refused(folder, template_model, tmp_path):
    path = learn(folder, tmp_path / "texture.h5")
    other = replace(template_model, mean_mm=template_model.mean_mm + np.float32(1))
    with pytest.raises(InputError, match="another face model"):
        read_texture(path, other)


def test_photos_that_cannot_be_fitted_do_not_count(folder, tmp_path):
    found = read_shard(folder / "landmarks.h5", "landmarks")
    points = np.array(found["landmarks_px"])
    points[2], points[4, 7] = 50, np.nan
    write_landmarks(tmp_path / "landmarks.h5", found.text("id"), points)
    path = learn(folder, tmp_path / "texture.h5", landmarks=tmp_path / "landmarks.h5")
    assert read_shard(path, "texture").attributes["photos"] == 4


def test_photos_are_fitted_with_it(folder, tmp_path):
    inputs = {**fit_inputs(folder), "learnt": learn(folder, tmp_path / "texture.h5")}
    fit_faces.run(inputs, fit_outputs(tmp_path), PHOTOMETRIC)
    found = read_shard(tmp_path / "fits.h5", "fits")
    assert found.attributes["dense"] == "photometric"
    learnt = read_shard(tmp_path / "texture.h5", "texture").attributes["content_digest"]
    assert found.attributes["dense_digest"] == learnt
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    plain = read_shard(folder / "fits.h5", "fits")
    assert np.abs(found["expression"] - plain["expression"]).max() > 0.001
    fit_faces.run(inputs, fit_outputs(tmp_path), replace(PHOTOMETRIC, batch=1))
    again = read_shard(tmp_path / "fits.h5", "fits")
    assert again.attributes["content_digest"] == found.attributes["content_digest"]


def test_bad_rows_become_rejects_and_leave_the_others_alone(folder, tmp_path, template_model):
    inputs = {**fit_inputs(folder), "learnt": learn(folder, tmp_path / "texture.h5")}
    assert_bad_rows_are_rejected(template_model, inputs, tmp_path, PHOTOMETRIC)


def test_without_a_texture_photos_are_fitted_by_landmarks_and_the_shard_says_so(folder, tmp_path):
    inputs = {**fit_inputs(folder), "learnt": learn(folder, tmp_path / "few.h5", replace(SETTINGS, least_photos=7))}
    fit_faces.run(inputs, fit_outputs(tmp_path), PHOTOMETRIC)
    found = read_shard(tmp_path / "fits.h5", "fits")
    assert found.attributes["dense"].startswith("none: 6 fitted photos are too few")
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    np.testing.assert_array_equal(found["expression"], read_shard(folder / "fits.h5", "fits")["expression"])
