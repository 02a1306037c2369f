"""Phones of made voices, whose boundaries are known."""

import sys

import numpy as np
import pytest

from models3d.errors import InputError, UnusableDatum
from pipeline.forced_alignment import PhoneAligner
from pipeline.lrw import SAMPLE_RATE
from tests.pipeline.talking_clips import sound_of

WORDS = ("ABOUT", "FAMILY", "MORNING", "WATER")


@pytest.fixture(scope="module")
def aligner():
    return PhoneAligner()


def said(word, seed=0):
    """A word cut out of a clip, and when each of its phones begins, from the cut on."""
    sound, own = sound_of(word, seed)
    first, last = own[0].start_s, own[-1].end_s
    cut = (sound[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)] / 32768).astype(np.float32)
    return cut, np.array([part.start_s - first for part in own if part.part == 0])


def test_phones_are_where_they_are_said(aligner):
    late = []
    for word in WORDS:
        sound, starts_s = said(word)
        found = aligner.align(sound, word)
        assert len(found.names) == len(starts_s)
        late += np.abs(found.spans_s[:, 0] - starts_s).tolist()
    assert np.median(late) < 0.02 and np.percentile(late, 90) < 0.05


def test_what_was_aligned_before_changes_nothing(aligner):
    sound, _ = said("WATER")
    once = aligner.align(sound, "WATER")
    aligner.align(said("FAMILY", 3)[0], "FAMILY")
    again = aligner.align(sound, "WATER")
    assert again.names == once.names and again.cost == once.cost
    np.testing.assert_array_equal(again.spans_s, once.spans_s)


def test_the_word_that_is_said_costs_least(aligner):
    for word in WORDS:
        costs = aligner.costs(said(word, 1)[0], WORDS)
        assert min(costs, key=costs.get) == word


@pytest.mark.parametrize(
    ("word", "length", "why"),
    [
        ("XYZZYQ", 8000, "the dictionary lacks the word 'XYZZYQ'"),
        ("../WATER", 8000, "the dictionary lacks"),
        ("WATER", 800, "is not heard in 0.05 s"),
        ("FAMILY", 8000, "'FAMILY' is not heard in 0.5"),
        ("WATER", 0, "is not heard in 0.00 s"),
    ],
)
def test_what_cannot_be_aligned(aligner, word, length, why):
    with pytest.raises(UnusableDatum, match=why):
        aligner.align(said("WATER")[0][:length], word)


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(InputError, match="second_aligner to none"):
        PhoneAligner()
