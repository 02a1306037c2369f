"""Clips that decode as they were written, and clips that are no datum, each with its reason."""

import numpy as np
import pytest

from models3d.errors import UnusableDatum
from pipeline.clip_media import read_frames, read_sound
from pipeline.lrw import FRAMES, SAMPLE_RATE, SIDE_PX
from pipeline.sample.clips_layout import write_clip, write_wav
from tests.pipeline.talking_clips import LENGTH_S, pictures, sound_of


@pytest.fixture(scope="module")
def sound():
    return sound_of("ABOUT")[0]


def test_a_clip_comes_back(tmp_path, sound):
    write_clip(tmp_path / "a.mp4", pictures(), sound)
    frames = read_frames(tmp_path / "a.mp4")
    assert frames.shape == (FRAMES, SIDE_PX, SIDE_PX, 3)
    assert np.abs(frames.astype(int) - pictures()).max() <= 3


def test_sound_stands_where_it_was(tmp_path, sound):
    """AAC delays by 1,024 samples; the file says so and the reader takes it back."""
    write_clip(tmp_path / "a.mp4", pictures(), sound)
    heard, said = read_sound(tmp_path / "a.mp4")[: len(sound)], sound / 32768
    assert len(heard) == round(LENGTH_S * SAMPLE_RATE)
    lags = np.correlate(heard, said, "full")
    assert lags.argmax() == len(said) - 1
    assert np.corrcoef(heard, said)[0, 1] > 0.9


def test_equal_pictures_give_equal_bytes(tmp_path, sound):
    for name in "ab":
        write_clip(tmp_path / f"{name}.mp4", pictures(), sound)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(("count", "reason"), [(28, "28 frames instead of 29"), (30, "more than 29 frames")])
def test_another_number_of_frames(tmp_path, sound, count, reason):
    write_clip(tmp_path / "a.mp4", pictures(count), sound)
    with pytest.raises(UnusableDatum, match=reason):
        read_frames(tmp_path / "a.mp4")


def test_another_rate(tmp_path, sound):
    write_clip(tmp_path / "a.mp4", pictures(), sound, frames_per_s=30)
    with pytest.raises(UnusableDatum, match="30 frames a second instead of 25"):
        read_frames(tmp_path / "a.mp4")


def test_another_size(tmp_path, sound):
    write_clip(tmp_path / "a.mp4", pictures(side=128), sound)
    with pytest.raises(UnusableDatum, match="128 x 128 px"):
        read_frames(tmp_path / "a.mp4")


@pytest.mark.parametrize("kept", [0, 1000, 0.5])
def test_a_truncated_file(tmp_path, sound, kept):
    write_clip(tmp_path / "a.mp4", pictures(), sound)
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(UnusableDatum, match="cannot be decoded"):
        read_frames(tmp_path / "a.mp4")
    with pytest.raises(UnusableDatum, match="cannot be decoded"):
        read_sound(tmp_path / "a.mp4")


def test_an_index_that_is_cut(tmp_path, sound):
    """The pictures' part of it can be whole when the sound's is not."""
    write_clip(tmp_path / "a.mp4", pictures(), sound)
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: int(0.95 * len(content))])
    with pytest.raises(UnusableDatum, match="no audio track"):
        read_sound(tmp_path / "a.mp4")


def test_damage_in_the_middle_is_seen(tmp_path, sound):
    random = np.random.default_rng(0)
    noisy = np.repeat(np.repeat(random.integers(0, 255, (FRAMES, 32, 32, 3), np.uint8), 8, 1), 8, 2)
    write_clip(tmp_path / "a.mp4", noisy, sound)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    content[len(content) // 4 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 4)
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UnusableDatum, match=r"cannot be decoded|frames"):
        read_frames(tmp_path / "a.mp4")


def test_no_audio_track(tmp_path):
    write_clip(tmp_path / "a.mp4", pictures(), None)
    with pytest.raises(UnusableDatum, match="no audio track"):
        read_sound(tmp_path / "a.mp4")


def test_silent_audio(tmp_path, sound):
    write_clip(tmp_path / "a.mp4", pictures(), np.zeros_like(sound))
    with pytest.raises(UnusableDatum, match="silent audio"):
        read_sound(tmp_path / "a.mp4")


def test_no_video_track(tmp_path, sound):
    write_wav(tmp_path / "a.wav", sound)
    with pytest.raises(UnusableDatum, match="no video track"):
        read_frames(tmp_path / "a.wav")


def test_pictures_in_a_codec_that_nobody_knows(tmp_path, sound):
    write_clip(tmp_path / "a.mp4", pictures(), sound)
    content = (tmp_path / "a.mp4").read_bytes()
    assert b"avc1" in content
    (tmp_path / "a.mp4").write_bytes(content.replace(b"avc1", b"zzzz"))
    with pytest.raises(UnusableDatum, match="a codec that nobody knows"):
        read_frames(tmp_path / "a.mp4")


def test_sound_in_a_codec_that_nobody_knows(tmp_path, sound):
    write_wav(tmp_path / "a.wav", sound)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[20:22] = b"\x77\x77"  # where PCM is 1
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UnusableDatum, match="a codec that nobody knows"):
        read_sound(tmp_path / "a.wav")


def test_an_endless_recording(tmp_path):
    write_wav(tmp_path / "a.wav", np.full(61 * SAMPLE_RATE, 3000, np.int16))
    with pytest.raises(UnusableDatum, match="longer than 60 s"):
        read_sound(tmp_path / "a.wav")


def test_no_file(tmp_path):
    with pytest.raises(UnusableDatum, match="cannot be decoded"):
        read_frames(tmp_path / "none.mp4")
