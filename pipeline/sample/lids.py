"""The eyelids: they turn about their eyeball, which rests."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float64, Int

from pipeline.sample.heads import Eye
from pipeline.sample.mesh import Manifold

LID_TURNS: Mapping[str, tuple[float, float]] = {"blink": (1.0, 0.10), "wide": (-0.30, -0.10), "squint": (0.22, 0.30)}
"""How far the upper and the lower lid close when strong: 1 is the whole way to the other lid; negative opens."""
LIFT_MM = 0.9
"""How far a closed lid lies in front of the eyeball."""
OVERLAP_RAD = 0.04
"""How far a lid that closes the whole way passes the other."""
REACH_MM = 26.0
"""Skin farther from the eye rests."""


def lid_actions(skin: Manifold, eyes: Mapping[str, Eye]) -> dict[str, Float64[np.ndarray, "t 3"]]:
    """Blinks and widening of each eye, squinting of both: displacements of the template's vertices when strong."""
    turned = {side: dict(zip(LID_TURNS, _turned(skin, eye), strict=True)) for side, eye in eyes.items()}
    one_eyed = {f"{name}_{side}": turned[side][name] for name in ("blink", "wide") for side in ("left", "right")}
    return {**one_eyed, "squint": turned["left"]["squint"] + turned["right"]["squint"]}


def _turned(skin: Manifold, eye: Eye) -> list[Float64[np.ndarray, "t 3"]]:
    """What each of LID_TURNS does to the skin around one eye.

    A lid's border turns by its share of the gap to the other's, and the turn fades harmonically into the
    skin around, about the horizontal axis through the eyeball's centre.
    """
    offset = skin.vertices - eye.centre
    angle = np.arctan2(offset[:, 1], offset[:, 2])
    upper, lower = eye.upper[1:-1], eye.lower[1:-1]
    above, below = (_border(offset, angle, chain) for chain in (upper, lower))
    gap = [above(offset[chain, 0]) - below(offset[chain, 0]) for chain in (upper, lower)]
    far = np.flatnonzero(np.linalg.norm(offset - [0, 0, eye.radius_mm], axis=1) > REACH_MM)
    still = np.concatenate([far, eye.upper[[0, -1]], eye.vertices])
    turns = [
        np.concatenate([np.zeros(len(still)), -closes * gap[0] - OVERLAP_RAD * (closes >= 1), rises * gap[1]])
        for closes, rises in LID_TURNS.values()
    ]
    fields = skin.harmonic(np.concatenate([still, upper, lower]), np.stack(turns, axis=1))
    return [_about_eyeball(eye, offset, angle, turn) for turn in fields.T]


def _border(
    offset: Float64[np.ndarray, "t 3"], angle: Float64[np.ndarray, " t"], chain: Int[np.ndarray, " c"]
) -> Callable[[np.ndarray], np.ndarray]:
    """The elevation of a lid's border as a function of x."""
    ordered = chain[np.argsort(offset[chain, 0], kind="stable")]
    return lambda x: np.interp(x, offset[ordered, 0], angle[ordered])


def _about_eyeball(
    eye: Eye, offset: Float64[np.ndarray, "t 3"], angle: Float64[np.ndarray, " t"], turn: Float64[np.ndarray, " t"]
) -> Float64[np.ndarray, "t 3"]:
    """Displacement by a turn about the x axis through the eyeball; what turns far is lifted off the eyeball."""
    radius = np.hypot(offset[:, 1], offset[:, 2])
    eyeball = np.sqrt(np.maximum(eye.radius_mm**2 - offset[:, 0] ** 2, 0))
    lift = np.minimum(np.abs(turn) / 0.25, 1) * np.maximum(eyeball + LIFT_MM - radius, 0)
    lift[eye.vertices] = 0
    moved = np.stack([np.sin(angle + turn), np.cos(angle + turn)], axis=1) * (radius + lift)[:, None]
    return np.concatenate([np.zeros((len(turn), 1)), moved - offset[:, 1:]], axis=1)
