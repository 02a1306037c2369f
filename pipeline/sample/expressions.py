"""Which actions a face makes together, and how strongly: coefficients of the expression basis."""

from collections.abc import Mapping
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64

from models3d.face_model import Basis
from pipeline.actions import coefficients, side_free

PROTOTYPES: Mapping[str, Mapping[str, float]] = {
    "happiness": {"smile": 2.2, "cheek_raise": 1.8, "squint": 0.8, "jaw_open": 0.5, "upper_lip_raise": 0.6},
    "surprise": {"brow_inner_raise": 2.0, "brow_outer_raise": 2.0, "wide": 2.0, "jaw_open": 1.8},
    "anger": {"brow_lower": 2.4, "press": 1.5, "nose_sneer": 0.8, "squint": 0.8, "jaw_forward": 0.5},
    "sadness": {"brow_inner_raise": 2.2, "frown": 2.0, "chin_raise": 1.2, "squint": 0.4},
    "disgust": {"nose_sneer": 2.4, "upper_lip_raise": 1.5, "brow_lower": 1.2, "squint": 1.0, "frown": 0.6},
    "fear": {"brow_inner_raise": 2.0, "wide": 1.8, "stretch": 2.0, "jaw_open": 0.8, "lower_lip_depress": 0.8},
    "contempt": {"smile_left": 1.8, "cheek_raise_left": 0.8, "squint": 0.4},
    "kiss": {"pucker": 2.4, "blink": 1.5},
    "shout": {"jaw_open": 2.7, "brow_lower": 1.5, "upper_lip_raise": 1.0, "lower_lip_depress": 1.2, "squint": 0.8},
    "speech": {"funnel": 1.6, "jaw_open": 0.7, "brow_outer_raise": 0.6},
    "puff": {"cheek_puff": 2.4, "press": 0.6},
    "wink": {"blink_right": 2.9, "smile_right": 1.4, "cheek_raise_right": 1.2},
    "doze": {"blink": 2.9},
}
"""Facial expressions by their actions; a name without a side means both sides."""

EXCLUSIVE = (
    ("blink", "wide"), ("blink", "squint"), ("squint", "wide"), ("brow_lower", "brow_outer_raise"),
    ("smile", "frown"), ("pucker", "stretch"), ("pucker", "smile"), ("pucker", "funnel"), ("pucker", "press"),
    ("pucker", "jaw_open"), ("funnel", "smile"), ("funnel", "stretch"), ("funnel", "press"), ("press", "jaw_open"),
    ("press", "upper_lip_raise"), ("press", "lower_lip_depress"), ("chin_raise", "jaw_open"),
    ("chin_raise", "lower_lip_depress"), ("cheek_puff", "jaw_open"), ("cheek_puff", "funnel"),
)  # fmt: skip
"""Pairs that no face makes at once on one side: the weaker of the two is left out."""


def draw_expression(generator: np.random.Generator, basis: Basis) -> Float32[np.ndarray, " k"]:
    """One face in a photo: near neutral, a known expression, a few actions, or many weak ones."""
    kind = generator.choice(4, p=[0.15, 0.45, 0.25, 0.15])
    strength = np.zeros(len(basis))
    if kind == 1:
        strength = draw_prototype(generator, basis)
    elif kind == 2:
        strength = draw_few(generator, basis)
    elif kind == 3:
        strength = np.abs(generator.normal(0, 0.8, len(basis)))
    return possible(strength + generator.normal(0, 0.12, len(basis)), basis)


def draw_prototype(generator: np.random.Generator, basis: Basis) -> Float64[np.ndarray, " k"]:
    """One of PROTOTYPES, each of its actions somewhat stronger or weaker, not quite alike on both sides."""
    likely = np.array([4.0 if name == "happiness" else 1.0 for name in PROTOTYPES])
    name = generator.choice(list(PROTOTYPES), p=likely / likely.sum())
    strength = coefficients(PROTOTYPES[name], basis.names)
    return strength * generator.uniform(0.6, 1.2) * generator.uniform(0.75, 1.2, len(basis))


def draw_few(generator: np.random.Generator, basis: Basis) -> Float64[np.ndarray, " k"]:
    """One to four actions at random."""
    strength = np.zeros(len(basis))
    chosen = generator.choice(len(basis), generator.integers(1, 5), replace=False)
    strength[chosen] = generator.uniform(0.8, 2.8, len(chosen))
    return strength


def possible(strength: Float[np.ndarray, " k"], basis: Basis) -> Float32[np.ndarray, " k"]:
    """Coefficients within their bounds, without actions that exclude a stronger one."""
    kept = np.clip(strength, *basis.bounds.T)
    for i, j in _exclusive(basis.names):
        if kept[i] > 0 and kept[j] > 0:
            kept[i if kept[i] < kept[j] else j] = 0
    return kept.astype(np.float32)


@cache
def _exclusive(names: tuple[str, ...]) -> list[tuple[int, int]]:
    """EXCLUSIVE as indices of components; an action of one side excludes none of the other side's."""
    return [
        (i, j)
        for first, second in EXCLUSIVE
        for i, one in enumerate(names)
        for j, other in enumerate(names)
        if (side_free(one), side_free(other)) == (first, second) and {_side(one), _side(other)} != {"left", "right"}
    ]


def _side(name: str) -> str:
    """left, right, or empty for an action of the whole face."""
    return next((side for side in ("left", "right") if name.endswith(f"_{side}")), "")


def sequence(generator: np.random.Generator, basis: Basis, frames: int) -> Float32[np.ndarray, "frames k"]:
    """Coefficients of a clip that goes neutral - apex - neutral; its few actions do not all peak at the same frame.

    Expressions of emotion would not do: actions that always come together cannot be told apart.
    """
    apex = possible(draw_few(generator, basis), basis)
    time = np.linspace(0, 1, frames)[:, None]
    peak = generator.uniform(0.4, 0.6, len(basis))
    phase = np.where(time < peak, time / (2 * peak), 0.5 + (time - peak) / (2 * (1 - peak)))
    return (apex * (0.5 - 0.5 * np.cos(2 * np.pi * phase))).astype(np.float32)
