"""Which take of a database says a word as a clip does, how alike they are, and where in the take the clip is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32

from pipeline.shards import Shard
from pipeline.speech_features import WINDOWS_PER_S, normalised
from pipeline.time_warping import Warping, second_at, warp

LEAST_SPREAD = 0.05
"""Of the scores of like and unlike words: a small database says little of how they scatter."""
TINY = 1e-9
"""So that takes of which not one is sure still have a mean."""
REFERENCE_WORDS = 24
"""At most so many words of a database are what a word is compared with, spread evenly over their names."""


Item = TypeVar("Item")


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
    """A word in a clip and a take that says it."""

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


def ranges(lengths: Sequence[int]) -> Int32[np.ndarray, "t 2"]:
    """[first, end) of parts that stand one behind the other."""
    ends = np.cumsum(lengths, dtype=np.int32)
    return np.stack([ends - np.array(lengths, np.int32), ends], axis=1).astype(np.int32).reshape(-1, 2)


def reference_words(words: Iterable[str]) -> list[str]:
    """Those of a database that words are compared with."""
    return spread(sorted(set(words)), REFERENCE_WORDS)


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly."""
    return list(items[:: max(1, -(-len(items) // most))])


def calibrate(takes: Sequence[Take]) -> Calibration | None:
    """From the scores of the database's own takes, for their own words and for others, as other speakers say them.

    None if there are not two words, none has two speakers, or like ones cost more.
    """
    like: list[float] = []
    unlike: list[float] = []
    words = reference_words(take.word for take in takes)
    for take in (take for take in takes if take.word in words):
        others = {word: [o for o in takes if o.word == word and o.speaker != take.speaker] for word in words}
        costs = {word: cheapest(take.features, said) for word, said in others.items() if said}
        for word, cost in costs.items():
            if len(costs) > 1:
                rest = [other for name, other in costs.items() if name != word]
                (like if word == take.word else unlike).append(cost / float(np.median(rest)))
    return calibration(like, unlike)


def calibration(like: Sequence[float], unlike: Sequence[float]) -> Calibration | None:
    """What scores of like and of unlike words teach. Two normal densities of one variance give a logistic curve: its
    middle lies between their means, its width is the variance over their distance.

    None if there are none, or like ones cost as much as unlike ones.
    """
    if not like or not unlike:
        return None
    low, high = float(np.mean(like)), float(np.mean(unlike))
    spread = float(np.concatenate([np.array(like) - low, np.array(unlike) - high]).std())
    return Calibration((low + high) / 2, max(spread, LEAST_SPREAD) ** 2 / (high - low)) if low < high else None


def cheapest(features: Float32[np.ndarray, "w f"], takes: Sequence[Take]) -> float:
    """What the take costs that costs least, of one or more."""
    return min(warp(features, take.features).cost for take in takes)


def matches(
    features: Float32[np.ndarray, "w f"], word: str, by_word: Mapping[str, Sequence[Take]], curve: Calibration
) -> list[Match]:
    """All takes of the word, the most alike first; `features` are normalised over the word in the clip."""
    others = [name for name in reference_words(by_word) if name != word]
    usual = float(np.median([cheapest(features, by_word[name]) for name in others]))
    warped = [(take, warp(features, take.features)) for take in by_word[word]]
    found = [Match(take, warping, curve.confidence(warping.cost / usual)) for take, warping in warped]
    return sorted(found, key=lambda match: match.warping.cost)


def mean_coefficients(
    found: Sequence[Match], times_s: Float64[np.ndarray, " f"], start_s: float
) -> Float32[np.ndarray, "f k"]:
    """The coefficients of the takes at moments of the clip, as sure as each of them is of the word.

    What is one speaker's own way stands in one take, what the word asks of everyone in all.
    """
    weights = np.array([match.confidence for match in found]) + TINY
    parts = [coefficients_at(match.take, take_times_s(match, times_s, start_s)) for match in found]
    return np.average(parts, axis=0, weights=weights).astype(np.float32)


def take_times_s(match: Match, times_s: Float64[np.ndarray, " f"], start_s: float) -> Float64[np.ndarray, " f"]:
    """The moments of the take that belong to moments of the clip, whose word's windows begin at `start_s`."""
    windows = (times_s - start_s) * WINDOWS_PER_S
    return match.take.start_s + second_at(match.warping, windows) / WINDOWS_PER_S


def coefficients_at(take: Take, times_s: Float64[np.ndarray, " f"]) -> Float32[np.ndarray, "f k"]:
    """The take's coefficients between its frames, linearly; before the first and after the last they stay."""
    frames_s = (np.arange(len(take.coefficients)) + 0.5) / take.frames_per_s
    columns: list[Float[np.ndarray, " f"]] = [np.interp(times_s, frames_s, column) for column in take.coefficients.T]
    return np.stack(columns, axis=1).astype(np.float32)
