"""What LRW's texts say and where its words are."""

import numpy as np
import pytest

from models3d.errors import UnusableDatum
from pipeline.lrw import FRAMES, FRAMES_PER_S, frame_times_s, read_duration, word_frames, word_span_s
from pipeline.sample.clips_layout import write_clip_text


def test_word_frames_worked_example():
    # half = int(0.53 / 2 * 25) = 6; 14 - 6 - 1 = 7; 14 + 6 + 1 = 21
    assert word_frames(0.53) == (7, 21)


def test_word_frames_stay_in_the_clip():
    assert word_frames(FRAMES / FRAMES_PER_S) == (0, FRAMES)
    assert word_frames(0.01) == (13, 15)


@pytest.mark.parametrize("duration", np.linspace(0.05, 1.16, 30))
def test_the_word_is_in_the_middle_of_its_frames(duration):
    first, end = word_frames(duration)
    start_s, end_s = word_span_s(duration)
    times = frame_times_s()
    inside = np.flatnonzero((times >= start_s) & (times <= end_s))
    assert first <= inside.min() and inside.max() <= end


def test_a_written_text_is_read(tmp_path):
    write_clip_text(tmp_path / "a.txt", 0.437)
    assert read_duration(tmp_path / "a.txt") == 0.44


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\nb\nc\nd\n", "no duration"),
        ("a\nb\nc\nd\nLength: 0.5 seconds\n", "no duration"),
        ("Duration: 0.5 seconds\n", "no duration"),
        ("a\nb\nc\nd\nDuration: 0 seconds\n", "0 s"),
        ("a\nb\nc\nd\nDuration: 4.2 seconds\n", "4.2 s"),
    ],
)
def test_a_text_without_a_duration_is_no_datum(tmp_path, text, reason):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(UnusableDatum, match=reason):
        read_duration(tmp_path / "a.txt")


def test_a_missing_text_is_no_datum(tmp_path):
    with pytest.raises(UnusableDatum, match="no text beside it"):
        read_duration(tmp_path / "a.txt")
