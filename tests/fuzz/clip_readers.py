"""Clips, recordings, released coefficients."""

import io
from pathlib import Path

import av
import numpy as np

from pipeline.clip_media import read_frames, read_sound
from pipeline.lrw import FRAMES, SAMPLE_RATE, SIDE_PX
from pipeline.released_coefficients import read_released
from pipeline.sample.clips_layout import write_clip, write_wav
from tests.fuzz.model_readers import Starts, hdf5, outside_links, saved
from tests.fuzz.packing import members_of, npy, zipped_beside
from tests.fuzz.subject import Subject, Valid

COLUMNS = 10


def sound() -> np.ndarray:
    times = np.arange(FRAMES * SAMPLE_RATE // 25) / SAMPLE_RATE
    return (9000 * np.sin(2 * np.pi * 220 * times)).astype(np.int16)


def pictures() -> np.ndarray:
    """Frames with something that moves."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    grey = [(x // 4 + y // 3 + 5 * number) % 256 for number in range(FRAMES)]
    return np.stack([np.stack([picture] * 3, axis=-1) for picture in grey]).astype(np.uint8)


def lists_of_media(secret: Path) -> list[bytes]:
    """Texts that FFmpeg takes for lists of other files, which it would open."""
    return [
        f"ffconcat version 1.0\nfile '{secret}.mp4'\n".encode(),
        b"ffconcat version 1.0\nfile ../../../outside/secret.mp4\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}.ts\n#EXT-X-ENDLIST\n".encode(),
        f"#EXTM3U\n#EXTINF:1,\nfile://{secret}.mp4\n#EXT-X-ENDLIST\n".encode(),
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n{secret}\n".encode(),
        f"<?xml version='1.0'?><MPD><Period><BaseURL>{secret}.mp4</BaseURL></Period></MPD>".encode(),
    ]


def make_clips(made: Path, secret: Path) -> list[Valid]:
    whole = saved(made.with_suffix(".mp4"), lambda path: write_clip(path, pictures(), sound()))
    secret.with_suffix(".mp4").write_bytes(whole)
    return [Valid("a.mp4", whole), *(Valid("a.mp4", text, hostile=True) for text in lists_of_media(secret))]


def make_recordings(made: Path, secret: Path) -> list[Valid]:
    wav = saved(made.with_suffix(".wav"), lambda path: write_wav(path, sound()[:4000]))
    [clip, *lists] = make_clips(made, secret)
    return [Valid("a.wav", wav), clip, *(Valid("a.wav", content) for content in other_sounds()), *lists]


def other_sounds() -> list[bytes]:
    contents = []
    for kind, codec in (("flac", "flac"), ("ogg", "libopus"), ("mp3", "libmp3lame")):
        stream = io.BytesIO()
        with av.open(stream, "w", format=kind) as container:
            audio = container.add_stream(codec, rate=SAMPLE_RATE, layout="mono")
            frame = av.AudioFrame.from_ndarray(sound()[None, :8000], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
        contents.append(stream.getvalue())
    return contents


def make_released(made: Path, secret: Path) -> list[Valid]:
    array = np.random.default_rng(1).normal(size=(FRAMES, 12)).astype(np.float32)
    npz = saved(made.with_suffix(".npz"), lambda path: np.savez_compressed(path, speech=array))
    packed = {"compression": "gzip"}
    versions = (("earliest", {}), ("earliest", packed), ("v110", {}))
    contents = [hdf5(made, {"speech": array}, {}, version, **options) for version, options in versions]
    return [
        Valid("a.npy", npy(array)),
        Valid("a.npz", npz),
        Valid("a.npz", npy(array), zipped_beside(members_of(npz), "speech.npy")),
        *(Valid("a.h5", content) for content in contents),
        Valid("a.npy", npy(np.array([Starts(str(secret))], object), allow_pickle=True), hostile=True),
        *(Valid("a.h5", valid.content, hostile=True) for valid in outside_links(made, secret, "speech")),
    ]


SUBJECTS = {
    "clip_mp4": Subject(read_frames, make_clips),
    "recording": Subject(read_sound, make_recordings),
    "released": Subject(lambda path: read_released(path, COLUMNS), make_released),
}
