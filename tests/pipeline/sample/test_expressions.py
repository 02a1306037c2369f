"""Which actions come together."""

import numpy as np
import pytest

from pipeline.sample.expressions import (
    EXCLUSIVE,
    PROTOTYPES,
    coefficients,
    draw_expression,
    possible,
    sequence,
)

NAMES = ("smile_left", "smile_right", "pucker", "jaw_left")


def test_an_action_without_a_side_means_both():
    assert coefficients({"smile": 2.0, "pucker": 1.0}, NAMES).tolist() == [2, 2, 1, 0]
    assert coefficients({"smile_left": 2.0}, NAMES).tolist() == [2, 0, 0, 0]


def test_every_action_that_is_named_exists(population):
    names = population.model.expression.names
    stems = {name.removesuffix("_left").removesuffix("_right") for name in names}
    assert {action for prototype in PROTOTYPES.values() for action in prototype} <= stems | set(names)
    assert {action for pair in EXCLUSIVE for action in pair} <= stems


def test_the_weaker_of_two_that_exclude_each_other_goes(population):
    basis = population.model.expression
    tried = coefficients({"pucker": 1.0, "smile_left": 2.0, "blink_left": 3.0, "wide_right": 2.0}, basis.names)
    kept = dict(zip(basis.names, possible(tried, basis), strict=True))
    assert kept["pucker"] == 0 and kept["smile_left"] == 2
    assert kept["blink_left"] == 3 and kept["wide_right"] == 2  # two different eyes


def test_draws_keep_to_the_bounds_and_use_every_action(population):
    basis = population.model.expression
    drawn = np.stack([draw_expression(np.random.default_rng(seed), basis) for seed in range(300)])
    assert np.all((drawn >= basis.bounds[:, 0]) & (drawn <= basis.bounds[:, 1]))
    assert np.all(drawn.max(0) > 1.0)
    active = (np.abs(drawn) > 0.5).sum(1)
    assert active.min() == 0 and active.max() > 8


@pytest.mark.parametrize("frames", [3, 9, 10])
def test_a_clip_goes_from_neutral_to_an_apex_and_back(population, frames):
    clip = sequence(np.random.default_rng(5), population.model.expression, frames)
    strength = np.linalg.norm(clip, axis=1)
    assert strength[0] == 0 and strength[-1] == pytest.approx(0, abs=1e-6)
    assert strength.argmax() in (frames // 2 - 1, frames // 2) and strength.max() > 1
    assert np.all(np.diff(strength[: strength.argmax()]) > 0) and np.all(np.diff(strength[strength.argmax() :]) < 0)
