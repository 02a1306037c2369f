"""Facial actions by the names of components; a name without a side stands for both."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64


def side_free(name: str) -> str:
    """`smile` of `smile_left`."""
    return name.removesuffix("_left").removesuffix("_right")


def coefficients(actions: Mapping[str, float], names: Sequence[str]) -> Float64[np.ndarray, " k"]:
    """Actions by name, with or without a side, as coefficients of the components of those names."""
    return np.array([actions.get(name, actions.get(side_free(name), 0.0)) for name in names])
