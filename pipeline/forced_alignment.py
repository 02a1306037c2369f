"""Which phone of a known word is said when, by pocketsphinx and its model of American English.

Both are BSD-licensed, and the model is in the wheel. Nothing is pruned, so that a word is aligned however little it
sounds like what is heard: its score says how little. pocketsphinx keeps a running mean of the features, which is set
back before every pass: an alignment depends on the sound and the word alone, not on what was aligned before.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from models3d.errors import InputError, UnusableDatum
from pipeline.lrw import SAMPLE_RATE

STEP_S = 0.01
"""Of pocketsphinx's frames."""
SILENCE = "SIL"


class SpokenPhones(NamedTuple):
    """The phones of a word, one after the other, by their names in the ARPABET."""

    names: tuple[str, ...]
    spans_s: Float64[np.ndarray, "p 2"]
    """When each begins and ends, from the beginning of the sound."""
    cost: float
    """Mean negative log likelihood of a frame, in pocketsphinx's unit: compare with other words for the same sound."""


class _Entry(NamedTuple):
    name: str
    first: int
    length: int
    """In pocketsphinx's frames."""
    score: float


class PhoneAligner:
    """One decoder, which takes half a second to load."""

    def __init__(self) -> None:
        """Raises InputError if pocketsphinx is not installed."""
        try:
            import pocketsphinx  # of the few who align by phones
        except ImportError as error:
            remedy = "run `make setup`, or set align_speech.second_aligner to none"
            raise InputError("pocketsphinx", "is not installed", remedy) from error
        self._decoder: Any = pocketsphinx.Decoder(
            samprate=SAMPLE_RATE, loglevel="FATAL", beam=0.0, wbeam=0.0, pbeam=0.0
        )

    def knows(self, word: str) -> bool:
        """Whether the dictionary says how a word sounds."""
        return bool(re.fullmatch(r"[A-Za-z']+", word)) and self._decoder.lookup_word(word.lower()) is not None

    def align(self, sound: Float32[np.ndarray, " t"], word: str) -> SpokenPhones:
        """The phones of a word that fills a sound.

        Raises UnusableDatum if the dictionary lacks the word, or it is not in the sound: too short, or less like the
        word than like silence.
        """
        entries = self._entries(sound, word)
        phones = [entry for entry in entries if entry.name != SILENCE]
        if not phones:
            raise UnusableDatum(f"'{word}' is not heard in {len(sound) / SAMPLE_RATE:.2f} s of sound")
        spans_s = np.array([(entry.first, entry.first + entry.length) for entry in phones]) * STEP_S
        return SpokenPhones(tuple(entry.name for entry in phones), spans_s, _cost(entries))

    def costs(self, sound: Float32[np.ndarray, " t"], words: Iterable[str]) -> dict[str, float]:
        """What each word costs for one sound; one that silence is more like costs what silence does. Words that are
        too long for the sound are left out."""
        found = {word: self._entries(sound, word) for word in words}
        return {word: _cost(entries) for word, entries in found.items() if entries}

    def _entries(self, sound: Float32[np.ndarray, " t"], word: str) -> list[_Entry]:
        """All that is found in a sound, silences too; nothing if the word is too long for it."""
        if not self.knows(word):
            raise UnusableDatum(f"the dictionary lacks the word '{word}'")
        samples = np.round(32767 * np.clip(sound, -1, 1)).astype("<i2").tobytes()
        try:
            self._decoder.set_align_text(word.lower())
            self._listen(samples)
            self._decoder.set_alignment()
            self._listen(samples)
            found = self._decoder.get_alignment() or ()
        except (RuntimeError, IndexError):
            return []
        phones = [phone for spoken in found for phone in spoken]
        return [_Entry(phone.name, phone.start, phone.duration, phone.score) for phone in phones]

    def _listen(self, samples: bytes) -> None:
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(samples, full_utt=True)
        self._decoder.end_utt()


def _cost(entries: list[_Entry]) -> float:
    return -sum(entry.score for entry in entries) / sum(entry.length for entry in entries)
