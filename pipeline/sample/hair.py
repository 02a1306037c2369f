"""Hair: a shell over the skull from the crown down to its border, hanging where it is long."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

SKULL_CENTRE, SKULL_AXES = np.array([0.0, 45.0, 8.0]), np.array([78.0, 94.0, 101.0])
"""An ellipsoid just inside the template's forehead and temples, mm."""
COLUMNS, ROWS = 301, 56
BORDER_DEG = np.array([0, 28, 50, 64, 69, 79, 84, 104, 120, 180.0])
"""Angles from the nose where a style states its border: forehead, temple, sideburn, over and behind the ear, nape."""


class HairStyle(NamedTuple):
    """Where hair grows to and how full it is, mm in the frame of the mean head."""

    front: float
    """Height of the border above the middle of the forehead; `temple` and the others likewise."""
    temple: float
    sideburn: float
    ear: float
    nape: float
    thickness: float
    curl: float
    """0 for straight hair, 1 for tight curls."""


STYLES = (
    HairStyle(93, 78, 22, 46, -5, 3.0, 0.0),
    HairStyle(92, 76, 14, 44, -8, 8.0, 0.1),
    HairStyle(93, 78, 12, 42, -10, 16.0, 0.3),
    HairStyle(92, 75, 26, 42, -5, 24.0, 1.0),
    HairStyle(72, 60, 8, 32, -12, 11.0, 0.1),
    HairStyle(93, 74, -15, -15, -60, 17.0, 0.4),
    HairStyle(92, 72, -75, -80, -95, 16.0, 0.2),
    HairStyle(94, 74, -140, -150, -165, 16.0, 0.5),
    HairStyle(68, 54, -95, -105, -120, 13.0, 0.0),
)
FRINGE_MM = 80.0
"""Hair whose border is lower than this falls over the forehead."""
SUNK_MM, OFF_EARS_MM = 2.5, 6.0
SHORT = 5
"""The styles before this one leave the ears free."""


def hair_shell(
    style: HairStyle, tone: Float64[np.ndarray, "3"], skin: Float64[np.ndarray, "3"], phases: Float64[np.ndarray, "6"]
) -> tuple[Float64[np.ndarray, "rows columns 3"], Float64[np.ndarray, "rows columns 3"]]:
    """Vertices and linear RGB, rows from the crown down, columns once around.

    tone, skin  linear RGB of the hair, and of what shows between its roots
    phases      shift its locks
    """
    azimuth = np.linspace(-np.pi, np.pi, COLUMNS)
    down = np.linspace(0, 1, ROWS)[:, None]
    locks = _locks(azimuth, down, phases, style.curl)
    fringe = style.front < FRINGE_MM
    border = _border(style, azimuth) + _ragged(azimuth, phases) * (2.5 if fringe else 1.0)
    crown = SKULL_CENTRE[1] + SKULL_AXES[1]
    height = crown - (crown - border) * (1 - np.cos(down * np.pi / 2)) ** 0.9
    hangs = _ramp(-10.0, -40.0, border)
    above = np.clip((height - SKULL_CENTRE[1]) / SKULL_AXES[1], -1, 1)
    # below the skull's widest part short hair follows the nape, long hair falls straight
    narrowest = np.where(height < SKULL_CENTRE[1], 0.68 + 0.30 * hangs, 0)
    radius = np.maximum(np.sqrt(1 - above**2), narrowest)
    thins_over = np.where(hangs > 0.5, 0.10, 0.12 if fringe else 0.38)
    fullness = np.minimum(1, (1 - down) / thins_over) * (1 - np.exp(-down / 0.03))
    # at its border the shell sinks below the skin; long hair stands off the ears
    relief = (1.0 + 3.5 * style.curl) * locks
    off_ears = OFF_EARS_MM * hangs * _ramp(60.0, 10.0, height)
    swell = (style.thickness + relief) * fullness - SUNK_MM * (1 - fullness) + off_ears
    x = (SKULL_AXES[0] * radius + swell) * np.sin(azimuth)
    z = SKULL_CENTRE[2] + (SKULL_AXES[2] * radius + swell) * np.cos(azimuth)
    y = height + swell * np.maximum(above, 0)
    strands = _strands(azimuth, down, phases)
    colour = tone * np.exp((0.16 * locks + 0.14 * strands) * (1 + style.curl))[..., None]
    roots = np.clip(1 - (1 - down) / 0.10 + 0.5 * strands, 0, 1) * (hangs == 0) * (not fringe)
    return np.stack([x, y, z], axis=-1), colour + 0.8 * roots[..., None] * (skin - colour)


def _border(style: HairStyle, azimuth: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " c"]:
    heights = [style.front, style.front - 2, style.temple, style.temple - 16, style.sideburn, style.sideburn,
               style.ear, style.ear, style.nape, style.nape]  # fmt: skip
    return np.interp(np.abs(azimuth), np.deg2rad(BORDER_DEG), heights)


def _ragged(azimuth: Float64[np.ndarray, " c"], phases: Float64[np.ndarray, "6"]) -> Float64[np.ndarray, " c"]:
    """Locks of unequal length, mm."""
    return sum(0.8 * np.sin(n * azimuth + phase) for n, phase in zip((5, 17, 38, 71, 109), phases[:5], strict=True))


def _locks(
    azimuth: Float64[np.ndarray, " c"], down: Float64[np.ndarray, "r 1"], phases: Float64[np.ndarray, "6"], curl: float
) -> Float64[np.ndarray, "r c"]:
    """Relief of about unit amplitude: along the strands when straight, in all directions when curly."""
    turn = azimuth + 0.15 * np.sin(4 * down + phases[0])
    straight = 0.6 * np.sin(23 * turn + phases[1]) + 0.5 * np.sin(41 * turn + phases[2])
    around, along = 31 * azimuth + 2 * np.sin(17 * down + phases[3]), 26 * down + 2 * np.sin(19 * azimuth + phases[4])
    return (1 - curl) * straight + curl * np.sin(around) * np.sin(along)


def _strands(
    azimuth: Float64[np.ndarray, " c"], down: Float64[np.ndarray, "r 1"], phases: Float64[np.ndarray, "6"]
) -> Float64[np.ndarray, "r c"]:
    """Fine streaks that change along their length."""
    turn = azimuth + 0.05 * np.sin(6 * down + phases[5])
    return (
        sum(np.sin(n * (turn + phase) + 3 * down) for n, phase in zip((67, 89, 113, 139), phases[:4], strict=True)) / 2
    )


def _ramp(start: float, end: float, value: np.ndarray) -> np.ndarray:
    """0 at `start`, 1 at `end`, linear in between."""
    return np.clip((value - start) / (end - start), 0, 1)
