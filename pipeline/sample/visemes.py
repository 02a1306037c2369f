"""How a mouth moves as it speaks: each phone's actions, run together by their dominance over time.

Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", 1993: every phone asks for a position with a
strength that fades before and after its middle, and the mouth is where the mean of what is asked lies. Labial closures
are strong and short, vowels broad, phones made behind the teeth weak: they take the shape of their neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64

from models3d.face_model import Basis
from pipeline.sample.expressions import coefficients
from pipeline.sample.speech_sounds import Stretch


class Style(NamedTuple):
    """How one speaker's mouth differs from another's."""

    gains: Float64[np.ndarray, " k"]
    """How much of each action the speaker makes, about 1; not alike on both sides."""
    lean: float
    """How far the jaw swings to the left as it opens, over how far it opens."""


def draw_style(random: np.random.Generator, basis: Basis) -> Style:
    """Lively or lazy, with an opening mouth that is a little crooked."""
    gains = random.uniform(0.9, 1.15) * random.uniform(0.88, 1.14, len(basis))
    return Style(gains, random.normal(0, 0.1))


def plain_style(basis: Basis) -> Style:
    """A speaker who has no way of their own."""
    return Style(np.ones(len(basis)), 0.0)


class Viseme(NamedTuple):
    """What a phone asks of the mouth."""

    actions: Mapping[str, float]
    """In standard deviations; a name without a side means both sides."""
    dominance: float
    reach_s: float
    """Within which its dominance falls to 1/e, besides half its length."""


_LABIAL = Viseme({"press": 1.6}, 6.0, 0.030)
_LIP_TO_TEETH = Viseme({"chin_raise": 1.1, "upper_lip_raise": 0.9, "jaw_forward": -0.4}, 2.2, 0.035)
_TONGUE = Viseme({"jaw_open": 0.35, "lower_lip_depress": 0.4}, 0.45, 0.05)
_BACK = Viseme({"jaw_open": 0.6}, 0.35, 0.05)
_HISS = Viseme({"jaw_open": 0.1, "jaw_forward": 0.6, "stretch": 0.6, "lower_lip_depress": 0.7}, 1.2, 0.045)
_ROUND = Viseme({"pucker": 2.0, "jaw_open": 0.15}, 1.6, 0.06)

# fmt: off
VISEMES: Mapping[str, tuple[Viseme, ...]] = {
    "AA": (Viseme({"jaw_open": 1.7}, 1.0, 0.06),),
    "AE": (Viseme({"jaw_open": 1.5, "stretch": 0.7}, 1.0, 0.06),),
    "AH": (Viseme({"jaw_open": 1.0}, 0.8, 0.055),),
    "AO": (Viseme({"jaw_open": 1.4, "funnel": 1.2}, 1.0, 0.06),),
    "AW": (Viseme({"jaw_open": 1.7}, 1.0, 0.055), Viseme({"jaw_open": 0.5, "pucker": 1.5}, 1.0, 0.055)),
    "EH": (Viseme({"jaw_open": 1.1, "stretch": 0.6}, 1.0, 0.055),),
    "ER": (Viseme({"jaw_open": 0.5, "funnel": 1.0}, 1.0, 0.055),),
    "IH": (Viseme({"jaw_open": 0.6, "stretch": 0.6}, 0.9, 0.055),),
    "IY": (Viseme({"jaw_open": 0.3, "stretch": 1.3, "smile": 0.5}, 1.0, 0.055),),
    "OW": (Viseme({"jaw_open": 1.0, "funnel": 1.2}, 1.0, 0.055), Viseme({"jaw_open": 0.4, "pucker": 1.6}, 1.0, 0.055)),
    "B": (_LABIAL, _LABIAL._replace(dominance=0.3)),
    "P": (_LABIAL, _LABIAL._replace(dominance=0.2)),
    "M": (_LABIAL,),
    "F": (_LIP_TO_TEETH,),
    "V": (_LIP_TO_TEETH,),
    "S": (_HISS,),
    "Z": (_HISS,),
    "R": (Viseme({"jaw_open": 0.3, "funnel": 0.9}, 0.9, 0.055),),
    "W": (_ROUND,),
    "L": (_TONGUE._replace(dominance=0.6),),
    **{phone: (_TONGUE, _TONGUE) for phone in ("D", "T")},
    **{phone: (_TONGUE,) for phone in ("N", "DH")},
    "K": (_BACK, _BACK),
    "NG": (_BACK,),
    "SIL": (Viseme({}, 0.6, 0.09),),
}
# fmt: on


def motion(
    stretches: Sequence[Stretch], times_s: Float[np.ndarray, " f"], basis: Basis, style: Style
) -> Float32[np.ndarray, "f k"]:
    """Coefficients of the actions at moments of speech.

    Before the first and after the last stretch the mouth comes to rest.
    """
    rest = Viseme({}, 0.5, 0.12)
    first, last = stretches[0].start_s, stretches[-1].end_s
    asked = [(VISEMES[part.phone][part.part], part.start_s, part.end_s) for part in stretches]
    asked = [(rest, -np.inf, first - 0.04), *asked, (rest, last + 0.04, np.inf)]
    start, end = (np.array([entry[place] for entry in asked]) for place in (1, 2))
    reach = np.array([viseme.reach_s for viseme, _, _ in asked])
    outside = np.maximum(np.maximum(start - times_s[:, None], times_s[:, None] - end), 0)
    strength = np.array([viseme.dominance for viseme, _, _ in asked]) * np.exp(-((outside / reach) ** 2))
    targets = np.stack([coefficients(viseme.actions, basis.names) for viseme, _, _ in asked])
    moved = style.gains * (strength @ targets) / strength.sum(axis=1, keepdims=True)
    moved[:, basis.names.index("jaw_left")] += style.lean * moved[:, basis.names.index("jaw_open")]
    return np.clip(moved, *basis.bounds.T).astype(np.float32)
