"""Seven discrete expressions: as parameters, and recognised in pictures by a classifier trained on held-out renders."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from skimage.measure import block_reduce

from models3d.errors import InputError
from pipeline.actions import coefficients, side_free

NEUTRAL = "neutral"
NEUTRAL_SHARE = 0.5
"""Of the weakest expression's length: parameters shorter than that are neutral."""

SEEN_PX = 32
"""Side of the pictures that the classifier sees."""


class Prototypes(NamedTuple):
    """Discrete expressions as parameters; the neutral one comes first."""

    names: tuple[str, ...]
    params: Float[np.ndarray, "e p"]


class Classifier(NamedTuple):
    """A linear map from the change of a picture to the change of the parameters."""

    weights: Float[np.ndarray, "d p"]
    prototypes: Prototypes


def prototypes(
    expressions: Mapping[str, Mapping[str, float]], components: Sequence[str], range_sigma: float
) -> Prototypes | None:
    """Expressions by the components that make them, in standard deviations; None if the components have other names.

    A component's name stands for both sides if only `<name>_left` and `<name>_right` are there.
    Raises InputError if some of an expression's components are there and others not.
    """
    known = {name for name in components} | {side_free(name) for name in components}
    named = {part for parts in expressions.values() for part in parts}
    if not named & known:
        return None
    if named - known:
        remedy = f"use names of components: {', '.join(components)}"
        raise InputError("evaluate.expressions", f"there is no component '{min(named - known)}'", remedy)
    rows = [np.zeros(len(components)), *(coefficients(parts, components) for parts in expressions.values())]
    return Prototypes((NEUTRAL, *expressions), np.clip(np.stack(rows) / range_sigma, -1, 1).astype(np.float32))


def nearest(
    params: Float[np.ndarray, "n p"], known: Prototypes
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The expression that each one points to, and the cosine; short ones are neutral, with a cosine of 1."""
    lengths = np.linalg.norm(params, axis=1)
    directions = known.params[1:] / np.linalg.norm(known.params[1:], axis=1, keepdims=True)
    cosines = (params / np.maximum(lengths, 1e-9)[:, None]) @ directions.T
    short = lengths < NEUTRAL_SHARE * np.linalg.norm(known.params[1:], axis=1).min()
    return np.where(short, 0, 1 + cosines.argmax(1)), np.where(short, 1.0, cosines.max(1))


def train_classifier(
    changes: Float[np.ndarray, "n d"], params: Float[np.ndarray, "n p"], ridge: float, known: Prototypes
) -> Classifier:
    """Ridge regression in its dual form: min |X w - p|^2 + ridge * mean |x|^2 * |w|^2.

    changes  pictures minus their face's reference picture, as `seen` gives them
    params   their parameters minus those of the reference
    """
    gram = changes @ changes.T
    gram[np.diag_indices_from(gram)] += ridge * np.trace(gram) / len(gram)
    return Classifier(changes.T @ np.linalg.solve(gram, params), known)


def recognise(
    classifier: Classifier, changes: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "n p"]
) -> Int[np.ndarray, " n"]:
    """The expression of each picture, from its change and the parameters of its reference."""
    return nearest(reference + changes @ classifier.weights, classifier.prototypes)[0]


def seen(images: UInt8[np.ndarray, "n h w 3"]) -> Float[np.ndarray, "n d"]:
    """Pictures as the classifier sees them: small and flat, in [0, 1]."""
    factor = images.shape[1] // SEEN_PX
    small = block_reduce(images.astype(np.float64), (1, factor, factor, 1), np.mean) / 255
    return small.reshape(len(images), -1)


def folds(groups: Int[np.ndarray, " n"], count: int) -> list[Bool[np.ndarray, " n"]]:
    """Which rows are tested in each fold: every face in one, no face on both sides."""
    _, place = np.unique(groups, return_inverse=True)
    return [place % count == fold for fold in range(min(count, place.max(initial=-1) + 1))]


def average_accuracy(found: Int[np.ndarray, " n"], true: Int[np.ndarray, " n"]) -> float:
    """The mean over the expressions of the share recognised; not a number if there is nothing to recognise."""
    shares = [(found[true == label] == label).mean() for label in np.unique(true)]
    return float(np.mean(shares)) if shares else float("nan")
