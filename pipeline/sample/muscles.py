"""Actions of the skin's muscles: handles on the mean head, where each goes and what it takes with it.

Which way the skin goes follows the Facial Action Coding System (Ekman and Friesen 1978); the table's
numbers are this project's own.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from models3d.landmarks import MIRRORED
from pipeline.sample.heads import Head
from pipeline.sample.mesh import nearest

SMALL, MIDDLE, LARGE, WIDE = 5.0, 7.0, 9.5, 12.5
"""Radii in mm: a bell's standard deviation along the surface."""


class Handle(NamedTuple):
    """A pull on the skin at a landmark, or at the point of the skin in front of a mean of landmarks."""

    at: tuple[int, ...]
    towards_mm: tuple[float, float, float]
    radius_mm: float


# Of the subject's left half, for actions that a face can make on one side; the right half mirrors them.
ONE_SIDE: Mapping[str, tuple[Handle, ...]] = {
    "smile": (
        Handle((54,), (8.5, 8.5, -7.0), LARGE),
        Handle((53,), (4.0, 3.5, -2.5), MIDDLE),
        Handle((55,), (4.5, 4.5, -2.5), MIDDLE),
        Handle((46, 54), (1.5, 4.5, 3.5), WIDE),
        Handle((35, 13, 54), (3.5, 3.5, 2.0), LARGE),
        Handle((47,), (0.0, 1.2, 0.4), SMALL),
    ),
    "frown": (
        Handle((54,), (1.5, -8.5, -3.0), MIDDLE),
        Handle((55,), (0.5, -3.5, -0.5), MIDDLE),
        Handle((53,), (0.0, -2.0, -0.5), SMALL),
        Handle((54, 10), (2.0, -3.5, 1.5), LARGE),
    ),
    "stretch": (
        Handle((54,), (10.0, -3.5, -7.5), LARGE),
        Handle((55,), (4.5, -2.0, -2.0), MIDDLE),
        Handle((53,), (4.0, -0.5, -2.0), MIDDLE),
        Handle((10, 54), (5.0, -5.0, -1.0), WIDE),
        Handle((10,), (2.5, -4.0, 0.0), WIDE),
    ),
    "cheek_raise": (
        Handle((46, 35, 14), (0.0, 5.5, 3.0), WIDE),
        Handle((46, 46, 14), (-1.0, 3.5, 1.5), MIDDLE),
        Handle((46,), (0.0, 1.4, 0.3), SMALL),
        Handle((47,), (0.0, 1.4, 0.3), SMALL),
        Handle((45, 45, 15), (-1.5, 0.5, 0.5), MIDDLE),
    ),
    "nose_sneer": (
        Handle((35,), (1.5, 4.5, 0.5), MIDDLE),
        Handle((52,), (0.5, 4.0, 1.0), MIDDLE),
        Handle((53,), (1.0, 3.5, 0.5), SMALL),
        Handle((42, 30), (0.0, 3.0, 1.0), MIDDLE),
        Handle((22,), (-1.5, -2.5, 0.5), MIDDLE),
        Handle((47, 35), (0.0, 2.5, 1.0), MIDDLE),
    ),
    "brow_outer_raise": (
        Handle((25,), (0.5, 8.5, 0.0), LARGE),
        Handle((26,), (1.0, 6.5, -1.0), LARGE),
        Handle((24,), (0.0, 5.5, 0.5), LARGE),
        Handle((44, 25), (0.0, 2.0, 0.0), SMALL),
    ),
    "brow_lower": (
        Handle((22,), (-4.0, -5.5, 1.5), LARGE),
        Handle((23,), (-3.5, -6.0, 1.5), MIDDLE),
        Handle((24,), (-2.5, -5.0, 1.0), MIDDLE),
        Handle((25,), (-1.5, -3.0, 0.5), MIDDLE),
        Handle((26,), (-0.5, -1.5, 0.0), MIDDLE),
    ),
}

# Handles of the right half and the midline, for actions of the whole face; the left half mirrors them.
BOTH_SIDES: Mapping[str, tuple[Handle, ...]] = {
    "upper_lip_raise": (
        Handle((51,), (0.0, 6.5, 1.5), MIDDLE),
        Handle((50,), (0.0, 6.5, 1.0), MIDDLE),
        Handle((62,), (0.0, 6.5, 1.5), MIDDLE),
        Handle((61,), (0.0, 6.0, 1.0), MIDDLE),
        Handle((31, 49), (-0.5, 3.0, 0.5), MIDDLE),
        Handle((31,), (-1.0, 1.5, 0.0), SMALL),
    ),
    "lower_lip_depress": (
        Handle((66,), (0.0, -7.0, 0.5), MIDDLE),
        Handle((67,), (-0.5, -6.5, 0.5), MIDDLE),
        Handle((57,), (0.0, -6.5, 1.0), MIDDLE),
        Handle((58,), (-0.5, -6.0, 1.0), MIDDLE),
        Handle((59,), (-1.0, -3.0, 0.0), MIDDLE),
    ),
    "pucker": (
        Handle((48,), (9.5, 0.0, 5.5), LARGE),
        Handle((49,), (5.0, 0.5, 5.5), SMALL),
        Handle((50,), (2.5, 1.0, 6.0), MIDDLE),
        Handle((51,), (0.0, 0.8, 6.0), MIDDLE),
        Handle((59,), (5.0, -0.5, 5.0), SMALL),
        Handle((58,), (2.5, -1.0, 6.0), MIDDLE),
        Handle((57,), (0.0, -1.0, 6.0), MIDDLE),
        Handle((62,), (0.0, 0.2, 6.5), SMALL),
        Handle((66,), (0.0, -0.2, 6.5), SMALL),
        Handle((48, 5), (4.0, 0.0, -2.0), WIDE),
    ),
    "funnel": (
        Handle((48,), (7.5, -0.5, 4.0), MIDDLE),
        Handle((50,), (1.5, 4.5, 6.5), MIDDLE),
        Handle((51,), (0.0, 4.5, 6.5), MIDDLE),
        Handle((62,), (0.0, 4.5, 6.0), MIDDLE),
        Handle((61,), (1.5, 4.0, 5.5), MIDDLE),
        Handle((49,), (4.0, 2.5, 5.0), MIDDLE),
        Handle((58,), (1.5, -5.5, 6.0), MIDDLE),
        Handle((57,), (0.0, -6.0, 6.5), MIDDLE),
        Handle((66,), (0.0, -6.0, 5.5), MIDDLE),
        Handle((67,), (1.5, -5.0, 5.0), MIDDLE),
        Handle((59,), (4.0, -3.0, 4.5), MIDDLE),
    ),
    "press": (
        Handle((51,), (0.0, -4.0, -2.0), SMALL),
        Handle((50,), (0.0, -4.2, -2.2), SMALL),
        Handle((49,), (-1.0, -3.0, -1.5), SMALL),
        Handle((57,), (0.0, 4.8, -1.5), SMALL),
        Handle((58,), (0.0, 4.5, -1.8), SMALL),
        Handle((59,), (-1.0, 3.0, -1.5), SMALL),
        Handle((48,), (-2.0, 0.0, -2.0), MIDDLE),
        Handle((57, 8), (0.0, 2.5, 1.5), LARGE),
    ),
    "chin_raise": (
        Handle((57, 8), (0.0, 6.0, 2.0), LARGE),
        Handle((57,), (0.0, 4.5, 2.5), MIDDLE),
        Handle((58,), (0.0, 4.0, 2.0), MIDDLE),
        Handle((66,), (0.0, 3.5, 1.5), MIDDLE),
        Handle((62,), (0.0, 3.2, 1.2), MIDDLE),
        Handle((51,), (0.0, 2.2, 1.0), MIDDLE),
        Handle((48,), (0.0, -1.5, -0.5), SMALL),
        Handle((67,), (0.0, 3.2, 1.5), MIDDLE),
        Handle((61,), (0.0, 3.0, 1.2), MIDDLE),
    ),
    "cheek_puff": (
        Handle((48, 3), (-6.0, -1.0, 6.5), WIDE),
        Handle((48, 31, 4), (-4.0, 0.0, 6.0), WIDE),
        Handle((48,), (1.0, 0.0, 2.5), MIDDLE),
        Handle((31, 49), (0.0, 0.0, 3.0), MIDDLE),
        Handle((59, 6), (0.0, 0.0, 3.0), LARGE),
    ),
    "brow_inner_raise": (
        Handle((21,), (1.0, 9.0, 0.5), LARGE),
        Handle((20,), (0.5, 6.0, 0.5), LARGE),
        Handle((19,), (0.0, 2.0, 0.0), MIDDLE),
        Handle((21, 20, 38), (0.0, 1.5, 0.0), SMALL),
    ),
}


def skin_actions(head: Head) -> dict[str, Float64[np.ndarray, "t 3"]]:
    """Every action of the tables at full strength, over the template's vertices."""
    handles = {name: half + _other_half(half) for name, half in BOTH_SIDES.items()}
    for name, half in ONE_SIDE.items():
        handles[f"{name}_left"], handles[f"{name}_right"] = half, tuple(map(mirrored, half))
    bells = _bells(head, (handle for group in handles.values() for handle in group))
    return {name: _pulled(group, bells) for name, group in handles.items()}


def mirrored(handle: Handle) -> Handle:
    """The same pull on the other half of the face."""
    x, y, z = handle.towards_mm
    return Handle(tuple(int(MIRRORED[landmark]) for landmark in handle.at), (-x, y, z), handle.radius_mm)


def _other_half(half: tuple[Handle, ...]) -> tuple[Handle, ...]:
    """Mirror images of the handles that do not lie on the midline."""
    return tuple(other for handle in half if (other := mirrored(handle)).at != handle.at)


def _bells(head: Head, handles: Iterable[Handle]) -> dict[tuple, Float64[np.ndarray, " t"]]:
    """The bell of each place and radius; those of one radius are solved for together."""
    places = sorted({(handle.radius_mm, handle.at) for handle in handles})
    bells = {}
    for radius in sorted({radius for radius, _ in places}):
        anchors = [at for r, at in places if r == radius]
        columns = head.skin.bells(np.concatenate([_anchor(head, at) for at in anchors]), radius)
        bells.update({(radius, at): column for at, column in zip(anchors, columns.T, strict=True)})
    return bells


def _anchor(head: Head, at: tuple[int, ...]) -> Int[np.ndarray, "1"]:
    """A landmark's vertex, or that of the face's front nearest in x and y to the landmarks' mean."""
    if len(at) == 1:
        return head.landmarks[list(at)]
    vertices = head.skin.vertices
    mean = vertices[head.landmarks[list(at)]].mean(0, keepdims=True) + [0.0, 0.0, 8.0]
    flat = np.array([1.0, 1.0, 0.15])
    return nearest(vertices * flat, mean * flat, vertices[:, 2] > 20)


def _pulled(handles: tuple[Handle, ...], bells: dict[tuple, np.ndarray]) -> Float64[np.ndarray, "t 3"]:
    """Near one handle its pull, between several their mean, far from all none.

    With bells w_i and pulls d_i, the pull is sum(w_i d_i) / sum(w_i) and its extent 1 - prod(1 - w_i).
    """
    weights = np.stack([bells[handle.radius_mm, handle.at] for handle in handles], axis=1)
    pulls = weights @ np.array([handle.towards_mm for handle in handles])
    extent = 1 - np.prod(1 - weights, axis=1, keepdims=True)
    return pulls / np.maximum(weights.sum(1, keepdims=True), 1e-12) * extent
