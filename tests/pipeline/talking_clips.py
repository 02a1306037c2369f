"""A speaker, a database and clips small enough for tests: bare sounds, and pictures without a face."""

from pathlib import Path

import numpy as np

from pipeline.files import write_table
from pipeline.lrw import FRAMES, FRAMES_PER_S, SAMPLE_RATE, SIDE_PX
from pipeline.sample.clips import spoken
from pipeline.sample.clips_layout import write_array, write_clip, write_clip_text, write_wav
from pipeline.sample.speech_sounds import WORDS, said
from pipeline.sample.speech_synthesis import draw_voice, speak
from pipeline.speech_database import COLUMNS

LENGTH_S = FRAMES / FRAMES_PER_S
RATE = 30


def pictures(count: int = FRAMES, side: int = SIDE_PX) -> np.ndarray:
    """Grey frames that get brighter."""
    return np.stack([np.full((side, side, 3), 40 + 5 * index, np.uint8) for index in range(count)])


def sound_of(word: str, seed: int = 0) -> tuple[np.ndarray, list]:
    """A clip's sound with the word in its middle, and where the word's stretches are."""
    random = np.random.default_rng(seed)
    voice = draw_voice(random)
    own, everything = spoken(random, word, voice.tempo)
    return speak(random, voice, everything, LENGTH_S, SAMPLE_RATE), own


def talking_clip(root: Path, word: str, split: str = "test", number: int = 1, seed: int = 0) -> Path:
    """A clip without a face and its text."""
    path = root / word / split / f"{word}_{number:05d}.mp4"
    sound, own = sound_of(word, seed)
    write_clip(path, pictures(), sound)
    write_clip_text(path.with_suffix(".txt"), own[-1].end_s - own[0].start_s)
    return path


def database(folder: Path, words: tuple[str, ...], speakers: int, components: int) -> Path:
    """Takes whose first coefficient is the share of the word that has been said; the manifest."""
    rows = []
    for speaker in range(speakers):
        for word in words:
            random = np.random.default_rng([speaker, len(rows)])
            voice = draw_voice(random)
            stretches = said(random, WORDS[word], voice.tempo, 0.1)
            count = round((stretches[-1].end_s + 0.1) * RATE)
            times = (np.arange(count) + 0.5) / RATE
            motion = np.zeros((count, components), np.float32)
            motion[:, 0] = np.interp(times, [0.1, stretches[-1].end_s], [0, 1])
            names = f"audio/{speaker}_{word}.wav", f"coefficients/{speaker}_{word}.npy"
            write_wav(folder / names[0], speak(random, voice, stretches, count / RATE, SAMPLE_RATE))
            write_array(folder / names[1], motion)
            rows.append((word, f"s{speaker}", names[0], "", "", names[1], RATE))
    write_table(folder / "manifest.csv", COLUMNS, rows)
    return folder / "manifest.csv"
