"""The sample's voice and mouth: what is said, when, and how the lips go with it."""

from itertools import pairwise

import numpy as np
import pytest

from models3d.face_model import basis_from_displacements
from pipeline.lrw import SAMPLE_RATE
from pipeline.sample.speech_sounds import CONTEXTS, PHONES, WORDS, said, shifted
from pipeline.sample.speech_synthesis import Voice, draw_voice, speak
from pipeline.sample.visemes import VISEMES, Style, motion

NAMES = ("jaw_open", "jaw_left", "jaw_forward", "press", "pucker", "funnel", "stretch", "smile", "chin_raise")
VOICE = Voice(pitch_hz=120.0, tract=1.0, tempo=1.0, breathiness=0.03)


@pytest.fixture
def basis(rng):
    bounds = np.tile([-3.0, 3.0], (len(NAMES), 1))
    return basis_from_displacements(rng.normal(size=(len(NAMES), 5, 3)), NAMES, bounds)


def test_every_phone_that_is_said_can_be_heard_and_seen():
    for phones in (*WORDS.values(), *CONTEXTS):
        for phone in phones:
            assert len(PHONES[phone]) == len(VISEMES[phone]), phone


def test_stretches_follow_one_another(rng):
    parts = shifted(said(rng, WORDS["ABOUT"], 1.0), 0.3)
    assert parts[0].start_s == pytest.approx(0.3)
    assert all(one.end_s == two.start_s for one, two in pairwise(parts))


def test_a_vowel_has_its_formants(rng):
    parts = said(rng, ("IY",) * 4, 1.0)
    sound = speak(rng, VOICE, parts, parts[-1].end_s, SAMPLE_RATE).astype(float)
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    second = power[(hz > 1900) & (hz < 2600)].sum()
    assert second > 5 * power[(hz > 900) & (hz < 1600)].sum()


def test_a_closure_is_quiet_and_friction_is_not_voiced(rng):
    parts = said(rng, ("AA", "P", "AA", "S"), 1.0)
    sound = speak(rng, VOICE, parts, parts[-1].end_s, SAMPLE_RATE).astype(float)
    vowel, closure, _, _, hiss = (
        sound[int((part.start_s + 0.02) * SAMPLE_RATE) : int((part.end_s - 0.02) * SAMPLE_RATE)] for part in parts
    )
    assert closure.std() < 0.1 * vowel.std()
    power = np.abs(np.fft.rfft(hiss)) ** 2
    assert power[len(power) // 2 :].sum() > power[: len(power) // 2].sum()


def test_silence_outside(rng):
    parts = shifted(said(rng, ("AA",), 1.0), 0.2)
    sound = speak(rng, VOICE, parts, 0.6, SAMPLE_RATE).astype(float)
    assert sound[: int(0.15 * SAMPLE_RATE)].std() < 0.01 * sound[int(0.22 * SAMPLE_RATE) :][:1000].std()


def test_one_seed_one_sound():
    def once() -> np.ndarray:
        random = np.random.default_rng(3)
        voice = draw_voice(random)
        return speak(random, voice, said(random, WORDS["WATER"], voice.tempo), 0.5, SAMPLE_RATE)

    np.testing.assert_array_equal(once(), once())


def test_lips_close_for_labials_and_the_jaw_opens_for_vowels(rng, basis):
    parts = said(rng, ("AA", "M", "AA"), 1.0)
    middles = np.array([(part.start_s + part.end_s) / 2 for part in parts])
    moved = motion(parts, middles, basis, Style(np.ones(len(basis)), 0.0))
    jaw, press = moved[:, NAMES.index("jaw_open")], moved[:, NAMES.index("press")]
    assert press[1] > 1.2 and press[[0, 2]].max() < 0.5
    assert jaw[[0, 2]].min() > 1.0 and jaw[1] < 0.5


def test_neighbours_run_over(rng, basis):
    """A tongue's phone is rounder between rounded vowels than between spread ones."""
    pucker = NAMES.index("funnel")
    style = Style(np.ones(len(basis)), 0.0)
    middle = {}
    for vowel in ("AO", "IY"):
        parts = said(np.random.default_rng(1), (vowel, "N", vowel), 1.0)
        at = np.array([(parts[1].start_s + parts[1].end_s) / 2])
        middle[vowel] = motion(parts, at, basis, style)[0, pucker]
    assert middle["AO"] > middle["IY"] + 0.3


def test_the_mouth_comes_to_rest(rng, basis):
    parts = shifted(said(rng, WORDS["WATER"], 1.0), 1.0)
    moved = motion(parts, np.array([0.0, 3.0]), basis, Style(np.ones(len(basis)), 0.1))
    assert np.abs(moved).max() < 0.05
