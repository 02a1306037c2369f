from dataclasses import replace

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from models3d.readers.native import write_model
from pipeline import fit_faces, learn_texture
from pipeline.settings.photos import LearnTexture
from pipeline.shards import read_shard
from pipeline.texture_file import read_texture
from tests.pipeline.fitted_photos import FIT, fit_inputs, fit_outputs, write_photos

torch.set_num_threads(1)  # as the workflow's rules have it

SETTINGS = LearnTexture(seed=0, photos=100, least_photos=4, sites=120, components=2, size_px=64, face_scale=0.7)


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn_texture")
    write_photos(folder, template_model)
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    return folder


def learn(folder, output, settings=SETTINGS, model="model.h5"):
    inputs = {"model": folder / model, "index": [folder / "index.csv"], "fits": [folder / "fits.h5"]}
    learn_texture.run(inputs, {"texture": output}, settings)
    return output


def test_learns_what_the_photos_show(folder, template_model, tmp_path):
    """Grey photos with white dots at the landmarks: bright where a landmark is, dark elsewhere."""
    path = learn(folder, tmp_path / "texture.h5")
    texture = read_texture(path, template_model)
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
    assert read_texture(path, template_model) is None
    assert "too few to learn a texture" in read_shard(path, "texture").attributes["reason"]
    assert "6 fitted photos are too few" in capsys.readouterr().out


def test_a_texture_of_another_model_is_refused(folder, template_model, tmp_path):
    path = learn(folder, tmp_path / "texture.h5")
    other = replace(template_model, mean_mm=template_model.mean_mm + np.float32(1))
    with pytest.raises(InputError, match="another face model"):
        read_texture(path, other)
    write_model(folder / "other.h5", other)
    with pytest.raises(InputError, match="fitted with another model"):
        learn(folder, tmp_path / "never.h5", model="other.h5")
    assert not (tmp_path / "never.h5").exists()
