"""Clips as LRW has them, mp4 and text, and recordings as a 4D speech database has them."""

import wave
from pathlib import Path

import av
import numpy as np
from jaxtyping import Int16, UInt8

from models3d.whole_file import whole_file
from pipeline.lrw import FRAMES_PER_S, SAMPLE_RATE

VIDEO_OPTIONS = {"crf": "20", "preset": "medium", "threads": "1"}
"""One thread and no time in the file: equal pictures give equal bytes."""
AUDIO_BITS_PER_S = 64000


def write_clip(
    path: Path,
    frames: UInt8[np.ndarray, "f h w 3"],
    sound: Int16[np.ndarray, " t"] | None,
    frames_per_s: int = FRAMES_PER_S,
) -> None:
    """An mp4 of h264 and, if there is sound, mono aac at 16 kHz."""
    with (
        whole_file(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"fflags": "+bitexact"}) as container,
    ):
        video = container.add_stream("libx264", rate=frames_per_s, options=VIDEO_OPTIONS)
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], "yuv420p"
        video.codec_context.flags |= av.codec.context.Flags.bitexact
        if sound is not None:
            audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono", bit_rate=AUDIO_BITS_PER_S)
            audio.codec_context.flags |= av.codec.context.Flags.bitexact
        for picture in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if sound is not None:
            recorded = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            recorded.sample_rate, recorded.pts = SAMPLE_RATE, 0  # so that the encoder's delay is written down
            container.mux(audio.encode(recorded))
            container.mux(audio.encode())


def write_clip_text(path: Path, duration_s: float) -> None:
    """Five lines, the fifth with the word's duration."""
    lines = (
        "Disk reference: sample",
        "Channel: sample",
        "Program start: 0000-00-00 00:00:00",
        "Clip start: 0.00 seconds",
        f"Duration: {duration_s:.2f} seconds",
    )
    with whole_file(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines))


def write_wav(path: Path, sound: Int16[np.ndarray, " t"]) -> None:
    """16-bit mono at 16 kHz."""
    with whole_file(path) as temporary, temporary.open("wb") as stream, wave.open(stream, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(SAMPLE_RATE)
        recording.writeframes(sound.astype("<i2").tobytes())


def write_array(path: Path, values: np.ndarray) -> None:
    """An array as .npy."""
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(values), allow_pickle=False)
