"""Which take of a database says a word as a clip does, how alike they are, and where in the take the clip is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64

from pipeline.shards import Shard
from pipeline.speech_features import WINDOWS_PER_S, normalised
from pipeline.time_warping import Warping, second_at, warp

LEAST_SPREAD = 0.05
"""Of the scores of like and unlike words: a small database says little of how they scatter."""
REFERENCE_WORDS = 24
"""At most so many words of a database are what a word is compared with, spread evenly over their names."""


class Take(NamedTuple):
    """One saying of a word, cut to where it is spoken."""

    name: str
    word: str
    speaker: str
    features: Float32[np.ndarray, "w f"]
    """Normalised."""
    start_s: float
    """When its first window is."""
    coefficients: Float32[np.ndarray, "r k"]
    """Of all its frames, in standard deviations."""
    frames_per_s: float


class Calibration(NamedTuple):
    """How sure a score makes of the word: 1 / (1 + exp((score - middle) / width)).

    A score is the cost of a word's best take over the median of what the best takes of other words cost: noise and
    strange voices raise both.
    """

    middle: float
    width: float

    def confidence(self, score: float) -> float:
        """Chance that the words are the same where both answers are as likely beforehand."""
        return float(1 / (1 + np.exp(np.clip((score - self.middle) / self.width, -50, 50))))


class Match(NamedTuple):
    """A word in a clip and the take that says it most alike."""

    take: Take
    warping: Warping
    confidence: float


def takes_of(shard: Shard) -> list[Take]:
    """The takes of a `takes` shard."""
    return takes_from(shard.arrays, *(shard.text(column) for column in ("id", "word", "speaker")))


def takes_from(
    arrays: Mapping[str, Any], names: Sequence[str], words: Sequence[str], speakers: Sequence[str]
) -> list[Take]:
    """The takes of a shard's arrays, their texts given apart."""
    takes = []
    for place, (name, word, speaker) in enumerate(zip(names, words, speakers, strict=True)):
        (first, end), (begin, stop) = arrays["windows"][place].tolist(), arrays["frames"][place].tolist()
        features = normalised(np.array(arrays["features"][first:end]))
        start_s, rate = float(arrays["start_s"][place]), float(arrays["frames_per_s"][place])
        takes.append(Take(name, word, speaker, features, start_s, np.array(arrays["coefficients"][begin:stop]), rate))
    return takes


def reference_words(words: Iterable[str]) -> list[str]:
    """Those of a database that words are compared with."""
    names = sorted(set(words))
    return names[:: -(-len(names) // REFERENCE_WORDS)] if names else []


def calibrate(takes: Sequence[Take]) -> Calibration | None:
    """From the scores of the database's own takes, for their own words and for others, as other speakers say them.

    Two normal densities of one variance give a logistic curve: its middle lies between their means, its width is the
    variance over their distance. None if there are not two words, none has two speakers, or like ones cost more.
    """
    like: list[float] = []
    unlike: list[float] = []
    words = reference_words(take.word for take in takes)
    for take in (take for take in takes if take.word in words):
        others = {word: [o for o in takes if o.word == word and o.speaker != take.speaker] for word in words}
        costs = {word: cheapest(take.features, said)[1].cost for word, said in others.items() if said}
        for word, cost in costs.items():
            if len(costs) > 1:
                rest = [other for name, other in costs.items() if name != word]
                (like if word == take.word else unlike).append(cost / float(np.median(rest)))
    if not like or not unlike:
        return None
    low, high = float(np.mean(like)), float(np.mean(unlike))
    spread = float(np.concatenate([np.array(like) - low, np.array(unlike) - high]).std())
    return Calibration((low + high) / 2, max(spread, LEAST_SPREAD) ** 2 / (high - low)) if low < high else None


def cheapest(features: Float32[np.ndarray, "w f"], takes: Sequence[Take]) -> tuple[Take, Warping]:
    """The take that costs least, of one or more."""
    warpings = [warp(features, take.features) for take in takes]
    best = int(np.argmin([warping.cost for warping in warpings]))
    return takes[best], warpings[best]


def best_match(
    features: Float32[np.ndarray, "w f"], word: str, by_word: Mapping[str, Sequence[Take]], calibration: Calibration
) -> Match:
    """The take of the word that is most alike; `features` are normalised over the word in the clip."""
    take, warping = cheapest(features, by_word[word])
    others = [name for name in reference_words(by_word) if name != word]
    usual = float(np.median([cheapest(features, by_word[name])[1].cost for name in others]))
    return Match(take, warping, calibration.confidence(warping.cost / usual))


def take_times_s(match: Match, times_s: Float64[np.ndarray, " f"], start_s: float) -> Float64[np.ndarray, " f"]:
    """The moments of the take that belong to moments of the clip, whose word's windows begin at `start_s`."""
    windows = (times_s - start_s) * WINDOWS_PER_S
    return match.take.start_s + second_at(match.warping, windows) / WINDOWS_PER_S


def coefficients_at(take: Take, times_s: Float64[np.ndarray, " f"]) -> Float32[np.ndarray, "f k"]:
    """The take's coefficients between its frames, linearly; before the first and after the last they stay."""
    frames_s = (np.arange(len(take.coefficients)) + 0.5) / take.frames_per_s
    columns: list[Float[np.ndarray, " f"]] = [np.interp(times_s, frames_s, column) for column in take.coefficients.T]
    return np.stack(columns, axis=1).astype(np.float32)
