"""What a word sounds like: mel-frequency cepstral coefficients and their slopes, a hundred times a second.

Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", 1980, as librosa
computes them (`htk=True, norm=None`), a test holds the two together: librosa itself brings scikit-learn, soundfile and
six more packages along and takes three seconds to import, for this page.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy.fft import dct
from scipy.signal import get_window, savgol_filter

from models3d.errors import UnusableDatum
from pipeline.lrw import SAMPLE_RATE

WINDOW, STEP = 400, 160
"""Samples: 25 ms every 10 ms."""
WINDOWS_PER_S = SAMPLE_RATE / STEP
MEL_BANDS, COEFFICIENTS = 40, 13
FEATURES = 2 * COEFFICIENTS
FLOOR, RANGE_DB = 1e-10, 80.0
"""Power below which nothing is heard, and how far below the loudest band anything counts."""
SLOPE_WINDOWS = 9
SPEECH_DB = 32.0
"""A window holds speech if it is at most so much quieter than the loudest."""


def mel_spectrum(sound: Float32[np.ndarray, " t"]) -> Float64[np.ndarray, "w bands"]:
    """Power in mel bands, in decibels, of windows centred on samples 0, STEP, 2 STEP, ..."""
    padded = np.pad(sound.astype(np.float64), WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP]
    power = np.abs(np.fft.rfft(windows * get_window("hann", WINDOW))) ** 2
    decibels = 10 * np.log10(np.maximum(power @ _mel_filters().T, FLOOR))
    return np.maximum(decibels, decibels.max() - RANGE_DB)


def cepstrum(sound: Float32[np.ndarray, " t"]) -> Float64[np.ndarray, "w c"]:
    """The first COEFFICIENTS of the orthonormal cosine transform of `mel_spectrum`."""
    return dct(mel_spectrum(sound), axis=1, norm="ortho")[:, :COEFFICIENTS]


def speech_features(sound: Float32[np.ndarray, " t"]) -> Float32[np.ndarray, "w f"]:
    """Cepstral coefficients and their slopes over 90 ms, not yet normalised (`normalised`).

    Raises UnusableDatum if the sound is shorter than that.
    """
    coefficients = cepstrum(sound)
    if len(coefficients) < SLOPE_WINDOWS:
        raise UnusableDatum(f"a recording of {len(sound) / SAMPLE_RATE:.3f} s, too short for a word")
    slopes = savgol_filter(coefficients, SLOPE_WINDOWS, polyorder=1, deriv=1, axis=0)
    return np.concatenate([coefficients, slopes], axis=1).astype(np.float32)


def normalised(features: Float32[np.ndarray, "w f"]) -> Float32[np.ndarray, "w f"]:
    """Each feature with mean 0 and variance 1 over the windows: what is left of speaker and microphone is little."""
    spread = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)


def spoken_windows(sound: Float32[np.ndarray, " t"]) -> tuple[int, int]:
    """The windows [first, end) from the first to the last that hold speech."""
    loudness = mel_spectrum(sound).max(axis=1)
    loud = np.flatnonzero(loudness >= loudness.max() - SPEECH_DB)
    return int(loud[0]), int(loud[-1]) + 1


def windows_between(start_s: float, end_s: float, count: int) -> tuple[int, int]:
    """The windows [first, end) of `count` whose centres lie between two moments."""
    first, end = np.clip(np.rint([start_s * WINDOWS_PER_S, end_s * WINDOWS_PER_S]), 0, count).astype(int)
    return int(first), int(end)


@cache
def _mel_filters() -> Float64[np.ndarray, "bands bins"]:
    """Triangles whose corners are evenly spaced in mel, 2595 log10(1 + f / 700), from 0 to half the sample rate."""
    corners_hz = _hz(np.linspace(0, _mel(SAMPLE_RATE / 2), MEL_BANDS + 2))
    bins_hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    low, middle, high = (corners_hz[place : place + MEL_BANDS, None] for place in range(3))
    return np.maximum(0, np.minimum((bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _hz(mel: Float[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    return 700 * (10 ** (mel / 2595) - 1)
