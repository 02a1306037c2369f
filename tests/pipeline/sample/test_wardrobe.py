"""Hair, neck and clothes go with the head and the trunk."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.sample.appearance import draw_appearance
from pipeline.sample.hair import STYLES
from pipeline.sample.wardrobe import draw_outfit, dress, worn

AHEAD = np.array([0.0, 0.0, 1.0])
AT_REST = Rotation.identity()


@pytest.fixture(scope="module")
def dressed(population):
    random = np.random.default_rng(4)
    person = draw_appearance(random)
    return dress(population.head, person, draw_outfit(random, person), AHEAD)


def test_the_wear_of_the_mean_head_is_where_it_was_made(population, dressed):
    head = population.head
    assert np.abs(worn(dressed, head, head.vertices, AT_REST) - dressed.vertices).max() < 1e-3
    count = len(head.vertices) + len(dressed.vertices)
    assert dressed.triangles.max() == count - 1 and dressed.triangles.min() >= 0
    assert all(len(field) == len(dressed.vertices) for field in dressed.surface)


def test_hair_follows_a_wider_head_and_the_shirt_does_not(population, dressed):
    head = population.head
    wider = (head.vertices * np.float32([1.1, 1, 1])).astype(np.float32)
    moved = worn(dressed, head, wider, AT_REST) - dressed.vertices
    top, shirt = dressed.vertices[:, 1] > 60, dressed.trunk == 1
    assert np.abs(moved[top, 0]).max() > 5
    assert np.abs(moved[shirt]).max() < 1e-3


def test_the_trunk_turns_under_the_head(population, dressed):
    head = population.head
    turned = worn(dressed, head, head.vertices, Rotation.from_euler("y", 30, degrees=True))
    still = dressed.trunk == 0
    assert np.abs(turned[still] - dressed.vertices[still]).max() < 1e-3
    shoulder = dressed.vertices[:, 0].argmax()
    assert turned[shoulder, 2] < dressed.vertices[shoulder, 2] - 50


def test_an_eyeball_stays_in_its_socket_when_the_lids_close(population, dressed, actions):
    head = population.head
    closed = (head.vertices + actions["blink_left"] + actions["jaw_open"]).astype(np.float32)
    moved = worn(dressed, head, closed, AT_REST) - dressed.vertices
    eye = head.eyes["left"]
    near = np.abs(np.linalg.norm(dressed.vertices - eye.centre, axis=1) - eye.radius_mm) < 0.05
    near &= dressed.vertices[:, 2] > 80
    assert near.sum() > 1000 and np.abs(moved[near]).max() < 1e-3


@pytest.mark.parametrize("style", STYLES)
def test_no_hair_covers_brows_nose_or_mouth(population, style):
    random = np.random.default_rng(1)
    person = draw_appearance(random)
    outfit = draw_outfit(random, person)._replace(style=style)
    wear = dress(population.head, person, outfit, AHEAD)
    hair = wear.vertices[: len(wear.vertices) // 2]
    centre = (np.abs(hair[:, 0]) < 40) & (hair[:, 2] > 60)
    assert hair[centre, 1].min() > 55
