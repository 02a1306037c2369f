"""Words put together from the phones of others."""

import numpy as np
import pytest

from models3d.errors import UnusableDatum
from pipeline.forced_alignment import SpokenPhones
from pipeline.phone_matching import Instance, look, mean_at, put_together
from pipeline.word_matching import Take

RATE = 100
RISE, HIGH = np.linspace(0, 1, 20), np.full(20, 3.0)


def instance(phone, values, before="", after="") -> Instance:
    """A phone that fills a take with one coefficient a hundredth of a second."""
    column = np.asarray(values, np.float32)[:, None]
    take = Take("t", "W", "s", np.zeros((1, 1), np.float32), 0.0, column, RATE)
    return Instance(phone, before, after, 0.0, len(values) / RATE, take)


def spoken(*names, length_s=0.1) -> SpokenPhones:
    edges = np.arange(len(names) + 1) * length_s
    return SpokenPhones(names, np.stack([edges[:-1], edges[1:]], axis=1), 1.0)


def test_a_phone_is_stretched_to_where_it_is_said():
    times_s = 0.5 + np.array([0.025, 0.05, 0.075])
    found = put_together(spoken("M"), 0.5, times_s, {look("M"): [instance("M", RISE)]})
    np.testing.assert_allclose(found[:, 0], [0.25, 0.5, 0.75], atol=0.03)


def test_the_very_phone_counts_more_than_one_of_its_look():
    known = [instance("B", np.zeros(20)), instance("M", HIGH)]
    assert mean_at(np.array([0.5]), "M", "", "", known)[0, 0] > 2
    assert mean_at(np.array([0.5]), "P", "x", "x", known)[0, 0] == pytest.approx(1.5)


def test_the_neighbour_before_counts_at_the_beginning_and_the_one_after_at_the_end():
    known = [instance("M", np.zeros(20), before="open"), instance("M", HIGH, after="broad")]
    early, late = mean_at(np.array([0.0, 1.0]), "M", "open", "broad", known)[:, 0]
    assert early < 1 and late > 2


def test_an_unknown_phone_is_bridged():
    known = {look("M"): [instance("M", np.zeros(20))], look("AA"): [instance("AA", HIGH)]}
    times_s = np.array([0.05, 0.15, 0.25])
    found = put_together(spoken("M", "ZH", "AA"), 0.0, times_s, known)[:, 0]
    assert found[0] == 0 and 0 < found[1] < 3 and found[2] == 3


def test_a_word_that_is_mostly_unknown():
    with pytest.raises(UnusableDatum, match="takes say 1 of the phones M ZH IY only"):
        put_together(spoken("M", "ZH", "IY"), 0.0, np.zeros(1), {look("M"): [instance("M", RISE)]})
