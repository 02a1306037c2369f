"""People look like people, and unlike each other."""

import numpy as np
import pytest

from pipeline.sample.appearance import draw_appearance, paint

AHEAD = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def people():
    return [draw_appearance(np.random.default_rng(seed)) for seed in range(40)]


def brightness(surface, vertices):
    return surface.albedo[vertices].mean()


def test_masks_are_shares_and_lie_where_they_should(population):
    regions, head = population.regions, population.head
    for name in ("lips", "brows", "blush", "sockets", "lashes", "moustache", "beard", "freckles", "scalp"):
        mask = getattr(regions, name)
        assert mask.min() >= 0 and mask.max() <= 1.001 and mask.max() > 0.5, name
    ids = head.landmarks
    assert regions.lips[ids[[50, 51, 52, 56, 57, 58]]].min() >= 0 and regions.lips[ids[[61, 62, 63]]].min() > 0.8
    assert regions.brows[ids[[18, 19, 20, 23, 24, 25]]].min() > 0.5
    assert regions.beard[ids[8]] > 0.5 > regions.beard[ids[30]]
    for mask in (regions.lips, regions.brows, regions.beard):
        assert np.all(mask[[eye.vertices[100] for eye in head.eyes.values()]] < 0.05)


def test_noise_mixes_to_unit_variance(population):
    rng = np.random.default_rng(0)
    for field in population.regions.noise:
        mix = rng.standard_normal(field.shape[1])
        assert (field @ (mix / np.linalg.norm(mix))).std() == pytest.approx(1, abs=0.25)


def test_skin_goes_from_light_to_dark(people):
    means = [person.skin.mean() for person in people]
    assert min(means) < 0.08 and max(means) > 0.5
    assert sum(person.beard > 0 for person in people) > 5


def test_a_face_has_red_lips_dark_brows_white_eyes_and_dark_pupils(population, people):
    head, regions = population.head, population.regions
    forehead = np.flatnonzero((np.abs(head.skin.vertices[:, 0]) < 20) & (np.abs(head.skin.vertices[:, 1] - 68) < 8))
    for person in people[:8]:
        surface = paint(head, regions, person._replace(beard=0.0, moustache=0.0), AHEAD)
        assert surface.albedo.min() > 0 and surface.albedo.max() < 1
        lips = surface.albedo[: len(regions.lips)][regions.lips > 0.9].mean(0)
        skin = surface.albedo[forehead].mean(0)
        assert lips[0] / lips[1] > skin[0] / skin[1]
        for eye in head.eyes.values():
            ball = surface.albedo[eye.vertices].mean(1)
            assert ball.min() < 0.03 and ball.max() > 0.3


def test_the_pupil_follows_the_gaze(population, people):
    head, regions = population.head, population.regions
    eye = head.eyes["left"]
    points = head.skin.vertices[eye.vertices]
    centres = []
    for sideways in (-0.25, 0.25):
        albedo = paint(head, regions, people[0], np.array([sideways, 0.0, 1.0])).albedo[eye.vertices].mean(1)
        centres.append(points[albedo < 0.05].mean(0))
    assert centres[1][0] - centres[0][0] > 4
