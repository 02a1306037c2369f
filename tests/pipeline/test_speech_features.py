"""Features of speech: against librosa where it is installed, and what they must not depend on."""

import numpy as np
import pytest

from models3d.errors import UnusableDatum
from pipeline.lrw import SAMPLE_RATE
from pipeline.speech_features import (
    COEFFICIENTS,
    FEATURES,
    MEL_BANDS,
    STEP,
    WINDOW,
    cepstrum,
    normalised,
    speech_features,
    spoken_windows,
    windows_between,
)


def tone(hz: float, seconds: float = 0.4) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def test_the_cepstrum_is_librosas(rng):
    sound = (tone(440) + 0.1 * rng.standard_normal(6400)).astype(np.float32)
    librosa = pytest.importorskip("librosa", reason="librosa is compared with, not needed")
    power = np.abs(librosa.stft(sound, n_fft=WINDOW, hop_length=STEP, pad_mode="constant")) ** 2
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=MEL_BANDS, htk=True, norm=None)
    decibels = librosa.power_to_db(filters @ power)
    theirs = librosa.feature.mfcc(S=decibels, n_mfcc=COEFFICIENTS).T
    np.testing.assert_allclose(cepstrum(sound), theirs, atol=2e-2)


def test_a_plain_transform_gives_the_same():
    """The definition, window by window and band by band."""
    sound, window = tone(700, 0.1) + 0.05 * np.random.default_rng(0).standard_normal(1600).astype(np.float32), 5
    centre = window * STEP
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    part = sound[centre - WINDOW // 2 : centre + WINDOW // 2] * taper
    hz = np.arange(WINDOW // 2 + 1) * SAMPLE_RATE / WINDOW
    power = np.array([abs(np.sum(part * np.exp(-2j * np.pi * f * np.arange(WINDOW) / SAMPLE_RATE))) ** 2 for f in hz])
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), MEL_BANDS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1)
    bands = [np.sum(power * np.interp(hz, corners[b : b + 3], [0, 1, 0], 0, 0)) for b in range(MEL_BANDS)]
    decibels = 10 * np.log10(np.maximum(bands, 1e-10))
    k = np.arange(1, COEFFICIENTS)[:, None]
    expected = np.sqrt(2 / MEL_BANDS) * (np.cos(np.pi * k * (np.arange(MEL_BANDS) + 0.5) / MEL_BANDS) @ decibels)
    np.testing.assert_allclose(cepstrum(sound)[window, 1:], expected, atol=1e-6)


def test_loudness_does_not_matter(rng):
    sound = (0.1 * rng.standard_normal(6400)).astype(np.float32)
    quiet, loud = (normalised(speech_features(sound * np.float32(gain))) for gain in (0.2, 2.0))
    assert quiet.shape == (41, FEATURES)
    np.testing.assert_allclose(quiet, loud, atol=1e-3)
    np.testing.assert_allclose(quiet.mean(0), 0, atol=1e-5)


def test_a_constant_feature_is_zero():
    assert not normalised(np.ones((10, 3), np.float32)).any()


def test_where_speech_is():
    silence = np.zeros(3200, np.float32)
    first, end = spoken_windows(np.concatenate([silence, tone(300), silence]))
    assert abs(first - 20) <= 1 and abs(end - 60) <= 2


def test_windows_between_moments():
    assert windows_between(0.1, 0.2, 100) == (10, 20)
    assert windows_between(-1.0, 9.0, 100) == (0, 100)


def test_too_short_for_a_word():
    with pytest.raises(UnusableDatum, match="too short"):
        speech_features(tone(300, 0.05))
