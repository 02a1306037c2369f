"""A photo shows the person whose truth is kept."""

import numpy as np
import pytest

from models3d.camera import project
from models3d.face_model import synthesize
from models3d.landmarks import JAW
from pipeline.sample.emotionet import take_photo


@pytest.fixture(scope="module")
def taken(population):
    return take_photo(population, np.random.default_rng(11), 200)


def test_the_same_generator_takes_the_same_photo(population, taken):
    _, _, again = take_photo(population, np.random.default_rng(11), 200)
    assert again.image.tobytes() == taken[2].image.tobytes()
    _, _, other = take_photo(population, np.random.default_rng(12), 200)
    assert not np.array_equal(other.image, taken[2].image)


def test_landmarks_are_the_projected_vertices(population, taken):
    identity, expression, photo = taken
    vertices = synthesize(population.model, identity, expression)
    expected = project(photo.camera, vertices[population.model.landmarks])
    assert photo.landmarks_px[JAW.stop :] == pytest.approx(expected[JAW.stop :], abs=1e-3)
    # the jaw is marked where its outline is seen: never further in than its own vertex
    outwards = (photo.landmarks_px - expected)[JAW, 0] * np.sign(
        population.head.vertices[population.head.landmarks[JAW], 0]
    )
    assert outwards.min() > -1e-3
    assert photo.visible.sum() > 40


def test_the_picture_is_neither_black_nor_burnt(taken):
    image = taken[2].image
    assert image.dtype == np.uint8 and image.shape == (200, 200, 3)
    assert 40 < image.mean() < 215
    face = np.round(taken[2].landmarks_px[27:36]).astype(int)
    assert image[face[:, 1], face[:, 0]].std() > 2
