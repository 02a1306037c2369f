"""What is known of expressions before a photo is seen: a face moves few of its units, and some faces hardly any.

Coefficients p_i ~ Student's t with UNIT_FREEDOM degrees of freedom, scaled photo by photo, and |p|^2 over all k of them
as of a t with FACE_FREEDOM, too. A t is a normal of unknown scale, so its energy is minimised by squares whose weights
follow the coefficients (Lange, Little and Taylor, "Robust statistical modeling using the t distribution", 1989):

    w_face = (FACE_FREEDOM + k) / (FACE_FREEDOM / weight + |p|^2)
    w_i    = (UNIT_FREEDOM + 1) / (UNIT_FREEDOM / w_face + p_i^2)

Landmarks alone say too little for it: their noise would be taken for a neutral face.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from models3d.fitting.energy import Prior
from models3d.fitting.state import State, values

FACE_FREEDOM, UNIT_FREEDOM = 10.0, 2.0


class ExpressionPrior(NamedTuple):
    """The prior of some entries of a step, its weights open."""

    weight: float
    """Of squared coefficients as usual."""
    first: int
    units: int

    def rows(self, index: Tensor) -> "ExpressionPrior":
        return self

    def at(self, state: State) -> Prior:
        place = values(state)
        weights = torch.zeros_like(place)
        used = slice(self.first, self.first + self.units)
        weights[:, used] = heavy_tailed(place[:, used], self.weight)
        return Prior(weights, torch.zeros_like(place))


def heavy_tailed(coefficients: Float32[Tensor, "b k"], weight: float) -> Float32[Tensor, "b k"]:
    """The weights of squared coefficients."""
    squared = coefficients.square()
    of_face = (FACE_FREEDOM + squared.shape[1]) / (FACE_FREEDOM / weight + squared.sum(1, keepdim=True))
    return (UNIT_FREEDOM + 1) / (UNIT_FREEDOM / of_face + squared)
