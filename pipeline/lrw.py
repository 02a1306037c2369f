"""What is true of every clip of LRW: its format, the text beside it, and where in it the word is."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from models3d.errors import UnusableDatum

FRAMES, FRAMES_PER_S = 29, 25
SIDE_PX = 256
SAMPLE_RATE = 16000
SPLITS = ("train", "val", "test")

DURATION_LINE = 5
"""Of the text, counted from 1; it reads `Duration: 0.53 seconds`."""
LONGEST_TEXT = 10_000
"""Bytes; no text of LRW has a twentieth of it."""


class WordFrames(NamedTuple):
    """The frames [first, end) that show a word."""

    first: int
    end: int


def read_duration(path: Path) -> float:
    """Seconds that the word takes, from the text beside a clip.

    Raises UnusableDatum if there is no such file, its fifth line states no duration, or one that no clip can hold.
    """
    try:
        with path.open("rb") as stream:
            lines = stream.read(LONGEST_TEXT).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise UnusableDatum(f"no text beside it ({error.strerror})") from error
    line = lines[DURATION_LINE - 1] if len(lines) >= DURATION_LINE else ""
    found = re.match(r"\s*Duration:\s*(\d*\.?\d+)", line, re.IGNORECASE)
    if not found:
        raise UnusableDatum(f"the text's line {DURATION_LINE} states no duration")
    duration = float(found[1])
    if not 0 < duration <= FRAMES / FRAMES_PER_S:
        raise UnusableDatum(f"the text states a duration of {duration:g} s, a clip has {FRAMES / FRAMES_PER_S:g} s")
    return duration


def word_frames(duration_s: float) -> WordFrames:
    """LRW's rule: with mid = (n - 1) // 2 and half = int(duration / 2 * 25), [mid - half - 1, mid + half + 1)."""
    middle, half = (FRAMES - 1) // 2, int(duration_s / 2 * FRAMES_PER_S)
    return WordFrames(max(0, middle - half - 1), min(middle + half + 1, FRAMES))


def word_span_s(duration_s: float) -> tuple[float, float]:
    """When the word begins and ends in the clip: it lies in the middle."""
    middle = FRAMES / FRAMES_PER_S / 2
    return middle - duration_s / 2, middle + duration_s / 2


def frame_times_s() -> Float64[np.ndarray, " f"]:
    """The middle of the time that each frame is shown."""
    return (np.arange(FRAMES) + 0.5) / FRAMES_PER_S
