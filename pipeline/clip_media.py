"""Clips and recordings in: decoded with PyAV, trusted in nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float32, UInt8

from models3d.errors import UnusableDatum
from pipeline.lrw import FRAMES, FRAMES_PER_S, SAMPLE_RATE, SIDE_PX

LONGEST_S = 60.0
"""Of a recording that is decoded: a word takes a second."""
FORMATS = "mov,wav,flac,ogg,mp3"
"""By FFmpeg's names, `mov` being mp4, too. Others it knows are lists of further files, which it would open."""
SILENT_RMS = 10 ** (-55 / 20)
"""Root mean square over full scale below which a recording holds no speech."""


def read_frames(path: Path) -> UInt8[np.ndarray, "f h w 3"]:
    """The frames of a clip, in order.

    Raises UnusableDatum if it cannot be decoded to its end, or is not as LRW's are: 29 frames of 256 x 256 at 25 a
    second.
    """
    with _opened(path) as container:
        if not container.streams.video:
            raise UnusableDatum("no video track")
        stream = container.streams.video[0]
        _decode_by_itself(stream)
        rate = float(stream.average_rate or 0)
        if abs(rate - FRAMES_PER_S) > 0.01:
            raise UnusableDatum(f"{rate:.3g} frames a second instead of {FRAMES_PER_S}")
        if (stream.width, stream.height) != (SIDE_PX, SIDE_PX):
            raise UnusableDatum(f"{stream.width} x {stream.height} px instead of {SIDE_PX} x {SIDE_PX}")
        frames = []
        for frame in container.decode(stream):
            if (frame.width, frame.height) != (SIDE_PX, SIDE_PX):  # whatever the header says
                raise UnusableDatum(f"a frame of {frame.width} x {frame.height} px")
            frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) > FRAMES:
                raise UnusableDatum(f"more than {FRAMES} frames")
    if len(frames) < FRAMES:
        raise UnusableDatum(f"{len(frames)} frames instead of {FRAMES}")
    return np.stack(frames)


def read_sound(path: Path) -> Float32[np.ndarray, " t"]:
    """The sound of a clip or recording at 16 kHz, mono, between -1 and 1.

    Raises UnusableDatum if it cannot be decoded to its end, has no audio track, is longer than a minute, or silent.
    """
    with _opened(path) as container:
        if not container.streams.audio:
            raise UnusableDatum("no audio track")
        stream = container.streams.audio[0]
        _decode_by_itself(stream)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        parts, count = [], 0
        for frame in container.decode(stream):
            for part in resampler.resample(frame):
                parts.append(part.to_ndarray()[0])
                count += len(parts[-1])
            if count > LONGEST_S * SAMPLE_RATE:
                raise UnusableDatum(f"a recording longer than {LONGEST_S:g} s")
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    sound = np.concatenate([np.zeros(0, np.float32), *parts])
    if not np.isfinite(sound).all():
        raise UnusableDatum("sound that is not finite numbers")
    if not len(sound) or np.sqrt(np.mean(sound.astype(np.float64) ** 2)) < SILENT_RMS:
        raise UnusableDatum("silent audio")
    return sound


def _decode_by_itself(stream: av.VideoStream | av.AudioStream) -> None:
    """One thread to decode with. Raises UnusableDatum for a codec that FFmpeg does not know."""
    if stream.codec_context is None:
        raise UnusableDatum("a track in a codec that nobody knows")
    stream.codec_context.thread_count = 1


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    """A container to decode; what its content makes fail inside the block is an UnusableDatum."""
    try:
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        with av.open(str(path), "r", metadata_errors="ignore", container_options=options) as container:
            yield container
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnusableDatum(f"cannot be decoded ({type(error).__name__})") from error
