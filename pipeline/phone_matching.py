"""Coefficients for a word that no take says: from the phones that takes of other words share with it.

Which phone is where, in takes and clip, is known from forced alignment (`forced_alignment`). At a share of a phone the
mouth is where it was at that share of the same phone in the takes; those count most whose neighbours are alike, the one
before at its beginning, the one after at its end, since mouths run phones together.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64

from models3d.errors import UnusableDatum
from pipeline.forced_alignment import SpokenPhones
from pipeline.shards import Shard
from pipeline.word_matching import Take, coefficients_at, takes_of

# fmt: off
LOOKS: Mapping[str, str] = {
    **dict.fromkeys(("P", "B", "M"), "lips closed"),
    **dict.fromkeys(("F", "V"), "lip to teeth"),
    **dict.fromkeys(("TH", "DH"), "tongue to teeth"),
    **dict.fromkeys(("T", "D", "N", "L"), "tongue behind teeth"),
    **dict.fromkeys(("S", "Z"), "teeth together"),
    **dict.fromkeys(("SH", "ZH", "CH", "JH"), "teeth together, lips forward"),
    **dict.fromkeys(("K", "G", "NG", "HH"), "behind the mouth"),
    **dict.fromkeys(("R", "ER"), "lips forward"),
    **dict.fromkeys(("W", "UW", "UH"), "lips round"),
    **dict.fromkeys(("AO", "OW", "OY"), "open and round"),
    **dict.fromkeys(("AA", "AY", "AW"), "wide open"),
    **dict.fromkeys(("AE", "EH", "EY"), "open and broad"),
    **dict.fromkeys(("AH",), "open"),
    **dict.fromkeys(("IH", "IY", "Y"), "broad"),
}
# fmt: on
"""Phones of one look can stand for one another where a database lacks one."""

SAME_PHONE, SAME_NEIGHBOUR = 3.0, 4.0
"""What an instance of the very phone, and one with a neighbour of the same look, count more than one of its look."""

LEAST_KNOWN = 0.5
"""Of a word's phones, what takes must say."""


class Instance(NamedTuple):
    """A phone as it is said in a take."""

    phone: str
    before: str
    """How the phone before it looks; empty at the beginning of the word, like `after` at its end."""
    after: str
    start_s: float
    end_s: float
    take: Take


def instances(database: Shard, phones: Shard) -> dict[str, list[Instance]]:
    """Every phone of a `takes` shard by its look; `phones` says when they are said."""
    found: dict[str, list[Instance]] = {}
    takes = {take.name: take for take in takes_of(database)}
    names, spans_s = phones.text("phones"), np.asarray(phones["spans_s"])
    for take_name, (first, end) in zip(phones.text("id"), phones["ranges"].tolist(), strict=True):
        looks = ["", *(look(name) for name in names[first:end]), ""]
        for place in range(first, end):
            before, own, after = looks[place - first : place - first + 3]
            start_s, end_s = spans_s[place].tolist()
            one = Instance(names[place], before, after, start_s, end_s, takes[take_name])
            found.setdefault(own, []).append(one)
    return found


def look(phone: str) -> str:
    """What a phone looks like; one that is not in the table looks like nothing else."""
    return LOOKS.get(phone, phone)


def put_together(
    spoken: SpokenPhones, start_s: float, times_s: Float64[np.ndarray, " f"], known: Mapping[str, Sequence[Instance]]
) -> Float32[np.ndarray, "f k"]:
    """Coefficients at moments of a clip in which the word begins at `start_s`; between known phones linearly.

    Raises UnusableDatum if fewer than half of the phones are known.
    """
    looks = ["", *map(look, spoken.names), ""]
    parts, moments = [], []
    for place, (name, span_s) in enumerate(zip(spoken.names, spoken.spans_s + start_s, strict=True)):
        said = known.get(looks[place + 1], ())
        if not said:
            continue
        inside = times_s[(times_s >= span_s[0]) & (times_s < span_s[1])]
        moments.append(np.concatenate([inside, [span_s.mean()]]))
        share = (moments[-1] - span_s[0]) / (span_s[1] - span_s[0])
        parts.append(mean_at(share, name, looks[place], looks[place + 2], said))
    if len(parts) < LEAST_KNOWN * len(spoken.names):
        raise UnusableDatum(f"takes say {len(parts)} of the phones {' '.join(spoken.names)} only")
    at, values = np.concatenate(moments), np.concatenate(parts)
    order = np.argsort(at, kind="stable")
    columns: list[Float[np.ndarray, " f"]] = [np.interp(times_s, at[order], column[order]) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def mean_at(
    share: Float64[np.ndarray, " m"], phone: str, before: str, after: str, said: Sequence[Instance]
) -> Float64[np.ndarray, "m k"]:
    """The mean of the instances at shares of their lengths."""
    values, weights = [], []
    for one in said:
        times_s = one.start_s + share * (one.end_s - one.start_s)
        values.append(coefficients_at(one.take, times_s).astype(np.float64))
        alike = (one.before == before) * (1 - share) + (one.after == after) * share
        weights.append((1 + SAME_PHONE * (one.phone == phone)) * (1 + SAME_NEIGHBOUR * alike))
    strength = np.array(weights)[..., None]
    return (strength * np.array(values)).sum(0) / strength.sum(0)
