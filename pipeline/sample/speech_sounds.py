"""Speech sounds of the sample: what each phone sounds like, how long it is, and which of them make a word.

Formants follow Peterson and Barney 1952 and Klatt 1980, rounded; durations and levels are this project's own.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Phone(NamedTuple):
    """One stretch of steady targets; a plosive is two of them, its closure and its burst."""

    formants_hz: tuple[float, float, float]
    duration_s: float
    voicing: float = 0.0
    """Level of the glottal source, 0 to 1; likewise `breath` (noise through the vocal tract) and `friction`."""
    breath: float = 0.0
    friction: float = 0.0
    friction_hz: tuple[float, float] = (4000.0, 2000.0)
    """Centre and width of the band of noise that the constriction makes."""


# fmt: off
PHONES: Mapping[str, tuple[Phone, ...]] = {
    "SIL": (Phone((500, 1500, 2500), 0.10),),
    "AA": (Phone((710, 1100, 2540), 0.13, 1.0),),
    "AE": (Phone((690, 1660, 2490), 0.13, 1.0),),
    "AH": (Phone((620, 1220, 2550), 0.07, 0.9),),
    "AO": (Phone((590, 880, 2540), 0.13, 1.0),),
    "AW": (Phone((710, 1150, 2540), 0.09, 1.0), Phone((440, 950, 2300), 0.08, 0.9)),
    "EH": (Phone((550, 1770, 2490), 0.10, 1.0),),
    "ER": (Phone((490, 1350, 1690), 0.12, 0.9),),
    "IH": (Phone((400, 1920, 2560), 0.08, 0.9),),
    "IY": (Phone((280, 2250, 2890), 0.11, 0.9),),
    "OW": (Phone((550, 950, 2400), 0.07, 1.0), Phone((400, 850, 2300), 0.07, 0.9)),
    "L": (Phone((360, 1100, 2700), 0.07, 0.6),),
    "R": (Phone((330, 1150, 1500), 0.07, 0.6),),
    "W": (Phone((300, 650, 2250), 0.07, 0.6),),
    "M": (Phone((250, 1000, 2200), 0.08, 0.35),),
    "N": (Phone((260, 1500, 2500), 0.07, 0.35),),
    "NG": (Phone((260, 2000, 2600), 0.09, 0.35),),
    "B": (Phone((200, 850, 2150), 0.07, 0.08), Phone((300, 900, 2200), 0.015, 0.4, 0.0, 0.25, (900, 900))),
    "P": (Phone((200, 850, 2150), 0.08), Phone((350, 1000, 2250), 0.045, 0.0, 0.30, 0.25, (900, 900))),
    "D": (Phone((200, 1700, 2600), 0.05, 0.08), Phone((300, 1700, 2600), 0.015, 0.4, 0.0, 0.35, (3800, 1500))),
    "T": (Phone((200, 1700, 2600), 0.06), Phone((350, 1750, 2650), 0.045, 0.0, 0.25, 0.40, (3800, 1500))),
    "K": (Phone((200, 1900, 2300), 0.06), Phone((350, 1850, 2350), 0.045, 0.0, 0.28, 0.30, (2000, 800))),
    "DH": (Phone((270, 1300, 2550), 0.05, 0.4, 0.0, 0.05, (5000, 3000)),),
    "F": (Phone((340, 1100, 2100), 0.10, 0.0, 0.05, 0.16, (5500, 5000)),),
    "V": (Phone((250, 1100, 2100), 0.06, 0.4, 0.0, 0.10, (5500, 5000)),),
    "S": (Phone((320, 1400, 2550), 0.10, 0.0, 0.03, 0.55, (5800, 1800)),),
    "Z": (Phone((260, 1400, 2550), 0.08, 0.35, 0.0, 0.35, (5800, 1800)),),
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "ABOUT": ("AH", "B", "AW", "T"),
    "FAMILY": ("F", "AE", "M", "AH", "L", "IY"),
    "MONEY": ("M", "AH", "N", "IY"),
    "PEOPLE": ("P", "IY", "P", "AH", "L"),
    "WATER": ("W", "AO", "T", "ER"),
    "WELCOME": ("W", "EH", "L", "K", "AH", "M"),
    "MORNING": ("M", "AO", "R", "N", "IH", "NG"),
}
# fmt: on
"""By the names of the ARPABET."""
CONTEXTS = (("DH", "AH"), ("S", "OW"), ("IH", "T"), ("AE", "N", "D"), ("AH", "V"), ("IH", "Z"))
"""What is said before and after a word in a clip."""

LEAST_LENGTH, MOST_LENGTH = 0.75, 1.3
"""Of a phone, over its usual length, besides the speaker's tempo."""


class Stretch(NamedTuple):
    """A part of a phone as it is said."""

    phone: str
    part: int
    start_s: float
    end_s: float

    @property
    def sound(self) -> Phone:
        return PHONES[self.phone][self.part]


def said(random: np.random.Generator, phones: Sequence[str], tempo: float, start_s: float = 0.0) -> list[Stretch]:
    """The phones one after another, each somewhat longer or shorter; `tempo` above 1 is faster."""
    stretches: list[Stretch] = []
    now = start_s
    for phone in phones:
        length = random.uniform(LEAST_LENGTH, MOST_LENGTH) / tempo
        for part, sound in enumerate(PHONES[phone]):
            stretches.append(Stretch(phone, part, now, now + sound.duration_s * length))
            now = stretches[-1].end_s
    return stretches


def shifted(stretches: Sequence[Stretch], by_s: float) -> list[Stretch]:
    """The same, later."""
    return [part._replace(start_s=part.start_s + by_s, end_s=part.end_s + by_s) for part in stretches]
