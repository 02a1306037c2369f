"""The measures: against their literal forms, at their edges, and on a generator that is perfect by construction."""

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from pipeline.gan import expressions
from pipeline.gan.evaluation import held_out_pairs, relative_errors
from pipeline.gan.image_distance import distance_per_pixel, image_distance
from pipeline.gan.pictures import read_pictures
from tests.pipeline.gan.made_shards import write_paired

EXPRESSIONS = {"surprise": {"jaw_open": 2.0}, "happiness": {"smile": 2.0}}
NAMES = ("jaw_open", "smile_left", "smile_right")


def double_sum(one: np.ndarray, other: np.ndarray) -> float:
    """Eq. 15 pixel by pixel."""
    height, width, channels = one.shape
    difference = (one - other).reshape(-1, channels)
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).reshape(-1, 2)
    squared = ((places[:, None] - places[None]) ** 2).sum(-1)
    weights = np.exp(-squared / 2)
    return float(np.mean([d @ weights @ d for d in difference.T]) / (2 * np.pi))


def test_the_distance_is_the_double_sum(rng):
    one, other = rng.random((2, 24, 17, 3))
    assert image_distance(one, other) == pytest.approx(double_sum(one, other), rel=1e-9, abs=1e-9)


def test_the_distance_of_a_batch_is_each_ones(rng):
    one, other = rng.random((2, 4, 12, 12, 3))
    np.testing.assert_allclose(
        image_distance(one, other), [image_distance(a, b) for a, b in zip(one, other, strict=True)]
    )


def test_worked_examples():
    black, dot = np.zeros((2, 9, 9, 3))
    dot[4, 4] = 1
    assert image_distance(black, dot) == pytest.approx(1 / (2 * np.pi)), "one pixel answers for itself"
    beside = np.zeros((9, 9, 3))
    beside[4, 5] = 1
    far = np.zeros((9, 9, 3))
    far[0, 0] = 1
    assert image_distance(dot, beside) == pytest.approx((2 - 2 * np.exp(-0.5)) / (2 * np.pi))
    assert image_distance(dot, beside) < image_distance(dot, far), "a small shift costs less than a large one"
    assert image_distance(dot, dot) == 0
    white = np.full((40, 40, 3), 255, np.uint8)
    assert distance_per_pixel(white, white * 0) == pytest.approx(1, abs=0.06), "inside, the Gaussian sums to 1"


def test_errors_are_relative_and_zero_is_left_out():
    true = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    found = np.array([[3.0, 3.0], [1.0, 1.0], [0.0, 0.0]])
    assert relative_errors(found, true) == (pytest.approx((1 / 5 + 1) / 2), 1)
    mean, left_out = relative_errors(found[1:2], true[1:2])
    assert np.isnan(mean) and left_out == 1


def test_pairs_are_of_held_out_faces_and_always_the_same(tmp_path):
    pictures = read_pictures([write_paired(tmp_path / "p.h5")], 0.3)
    usable = np.ones(len(pictures.params), bool)
    pairs = held_out_pairs(pictures, usable, 5, seed=1)
    assert len(pairs.originals) == 5 * pictures.held_out.reshape(8, -1)[:, 0].sum()
    assert pictures.held_out[pairs.originals].all() and (pairs.originals != pairs.targets).all()
    np.testing.assert_array_equal(pictures.group[pairs.originals], pictures.group[pairs.targets])
    np.testing.assert_array_equal(pairs, held_out_pairs(pictures, usable, 5, seed=1))
    nobody = read_pictures([tmp_path / "p.h5"], 0.0)
    with pytest.raises(InputError, match="no face is held out"):
        held_out_pairs(nobody, usable, 5, seed=1)


def test_expressions_are_made_of_components_on_both_sides():
    known = expressions.prototypes(EXPRESSIONS, NAMES, 4.0)
    assert known.names == ("neutral", "surprise", "happiness")
    np.testing.assert_array_equal(known.params, [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0.5]])
    assert expressions.prototypes(EXPRESSIONS, ("component_0", "component_1"), 3.0) is None
    with pytest.raises(InputError, match="there is no component 'smlie'"):
        expressions.prototypes({"a": {"jaw_open": 1.0, "smlie": 1.0}}, NAMES, 3.0)


def test_parameters_point_to_the_nearest_expression():
    known = expressions.prototypes(EXPRESSIONS, NAMES, 4.0)
    labels, likeness = expressions.nearest(np.array([[0.01, 0, 0], [0.9, 0.1, 0], [0.1, 0.6, 0.5]]), known)
    np.testing.assert_array_equal(labels, [0, 1, 2])
    assert likeness[0] == 1 and 0.9 < likeness[1] < 1


def test_the_classifier_recognises_what_it_was_trained_on_other_faces_for(rng):
    known = expressions.prototypes(EXPRESSIONS, NAMES, 3.0)
    mixing = rng.normal(size=(3, 60))
    params = rng.uniform(-1, 1, (40, 3))
    judge = expressions.train_classifier(params @ mixing, params, 1e-6, known)
    found = expressions.recognise(judge, known.params @ mixing, np.zeros((3, 3)))
    np.testing.assert_array_equal(found, [0, 1, 2])
    np.testing.assert_array_equal(expressions.recognise(judge, np.zeros((3, 60)), np.zeros((3, 3))), 0)


def test_no_face_is_on_both_sides_of_a_fold():
    groups = np.array([4, 4, 7, 9, 9, 9])
    parts = expressions.folds(groups, 5)
    assert len(parts) == 3 and (np.sum(parts, axis=0) == 1).all()
    for part in parts:
        assert not set(groups[part]) & set(groups[~part])


def test_accuracy_is_averaged_over_the_expressions():
    assert expressions.average_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])) == 0.5
    assert np.isnan(expressions.average_accuracy(np.array([], int), np.array([], int)))


def test_the_seen_picture_is_a_mean_over_blocks():
    images = np.zeros((1, 64, 64, 3), np.uint8)
    images[0, :2, :2] = 255
    small = expressions.seen(images)
    assert small.shape == (1, 32 * 32 * 3) and small[0, 0] == 1 and small.sum() == 3
    assert torch.from_numpy(small).dtype == torch.float64
