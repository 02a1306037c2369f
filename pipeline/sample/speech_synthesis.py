"""A voice: a glottal source and noise through a cascade of formants that glide from phone to phone (Klatt 1980).

"Software for a cascade/parallel formant synthesizer", JASA 67(3). The voiced source is Rosenberg's pulse
("Effect of glottal pulse shape on the quality of natural vowels", JASA 49, 1971). A voice of one's own rather than a
package's: when each phone begins is then exact, and no licence or version of a synthesiser decides the bytes.
"""

from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float64, Int16
from numba import njit
from scipy.ndimage import gaussian_filter1d

from pipeline.sample.speech_sounds import Stretch

GLIDE_S = 0.012
"""Standard deviation of the smoothing of all targets over time: a glide from phone to phone takes about 50 ms."""
BURST_GLIDE_S = 0.004
"""Likewise of the levels of the sources, which change faster."""
HIGHER_HZ = (3500.0, 4500.0)
"""Formants that stay where they are."""
BANDWIDTHS_HZ = (70.0, 90.0, 140.0, 200.0, 260.0)
OPENING, CLOSING = 0.40, 0.16
"""Shares of a period in which the glottis opens and closes."""
JITTER = 0.01
PEAK = 0.6
"""Of the loudest sample, over full scale."""
HUSH = 1e-3
"""Noise of the room, over full scale: no recording is silent."""


class Voice(NamedTuple):
    """A speaker's."""

    pitch_hz: float
    tract: float
    """All formants are multiplied by it: about 0.92 for long vocal tracts to 1.18 for short ones."""
    tempo: float
    breathiness: float


def draw_voice(random: np.random.Generator) -> Voice:
    """A man's, a woman's or something between."""
    tract = random.uniform(0.94, 1.16)
    pitch = 105 * np.exp(3.2 * (tract - 0.94)) * random.uniform(0.9, 1.1)
    return Voice(pitch, tract, random.uniform(0.85, 1.2), random.uniform(0.02, 0.08))


def speak(
    random: np.random.Generator, voice: Voice, stretches: Sequence[Stretch], length_s: float, sample_rate: int
) -> Int16[np.ndarray, " t"]:
    """The stretches said in a recording of a length; between and around them it is quiet."""
    count = round(length_s * sample_rate)
    time_s = (np.arange(count) + 0.5) / sample_rate
    place = np.searchsorted([part.start_s for part in stretches], time_s, side="right") - 1
    ends = np.array([part.end_s for part in stretches])
    silent = (place < 0) | (time_s >= ends[place])
    formants, levels, bands = _targets(stretches, place, silent, sample_rate)
    source = _glottis(random, voice, time_s, sample_rate) * levels[:, 0]
    noise = random.standard_normal((2, count))
    source += 0.3 * noise[0] * (levels[:, 1] + voice.breathiness * levels[:, 0])
    tract = np.concatenate([formants, np.tile(HIGHER_HZ, (count, 1))], axis=1) * voice.tract
    widths = np.tile(BANDWIDTHS_HZ, (count, 1))
    sound = _cascade(source, tract, widths, sample_rate)
    hiss = _cascade(0.5 * noise[1] * levels[:, 2], bands[:, :1] * voice.tract, bands[:, 1:], sample_rate)
    whole = np.diff(sound, prepend=0.0) / np.abs(np.diff(sound)).max() + 0.5 * hiss
    whole = PEAK * whole / np.abs(whole).max() + HUSH * random.standard_normal(count)
    return np.round(32767 * np.clip(whole, -1, 1)).astype(np.int16)


def _targets(
    stretches: Sequence[Stretch], place: np.ndarray, silent: np.ndarray, sample_rate: int
) -> tuple[Float64[np.ndarray, "t 3"], Float64[np.ndarray, "t 3"], Float64[np.ndarray, "t 2"]]:
    """Formants in Hz, levels (voicing, breath, friction), and the centre and width of the friction's band."""
    sounds = [part.sound for part in stretches]
    formants = np.array([sound.formants_hz for sound in sounds], float)[place]
    levels = np.array([(sound.voicing, sound.breath, sound.friction) for sound in sounds], float)[place]
    bands = np.array([sound.friction_hz for sound in sounds], float)[place]
    levels[silent] = 0
    slow, fast = GLIDE_S * sample_rate, BURST_GLIDE_S * sample_rate
    return (
        gaussian_filter1d(formants, slow, axis=0, mode="nearest"),
        gaussian_filter1d(levels, fast, axis=0, mode="nearest"),
        bands,
    )


def _glottis(
    random: np.random.Generator, voice: Voice, time_s: Float64[np.ndarray, " t"], sample_rate: int
) -> Float64[np.ndarray, " t"]:
    """Rosenberg's pulses at a pitch that falls a little and trembles."""
    slow = gaussian_filter1d(random.standard_normal(len(time_s)), 0.05 * sample_rate, mode="wrap")
    fall = 1.08 - 0.16 * time_s / time_s[-1]
    pitch = voice.pitch_hz * fall * np.exp(JITTER * slow / slow.std())
    phase = np.cumsum(pitch / sample_rate) % 1
    opening = 0.5 - 0.5 * np.cos(np.pi * phase / OPENING)
    closing = np.cos(np.pi / 2 * (phase - OPENING) / CLOSING)
    return np.where(phase < OPENING, opening, np.where(phase < OPENING + CLOSING, closing, 0.0)) - 0.25


def _cascade(
    source: Float64[np.ndarray, " t"],
    centres_hz: Float[np.ndarray, "t k"],
    widths_hz: Float[np.ndarray, "t k"],
    sample_rate: int,
) -> Float64[np.ndarray, " t"]:
    """Second-order resonators one after another, of gain 1 at 0 Hz: y = a x + b y' + c y'' (Klatt's eq. 2)."""
    c = -np.exp(-2 * np.pi * widths_hz / sample_rate)
    b = 2 * np.exp(-np.pi * widths_hz / sample_rate) * np.cos(2 * np.pi * centres_hz / sample_rate)
    return _resonate(source, 1 - b - c, b, c)


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _resonate(source, a, b, c):
    """Resonators whose coefficients change from sample to sample."""
    sound = source.copy()
    for k in range(a.shape[1]):
        last, before = 0.0, 0.0
        for t in range(len(sound)):
            value = a[t, k] * sound[t] + b[t, k] * last + c[t, k] * before
            before, last = last, value
            sound[t] = value
    return sound
