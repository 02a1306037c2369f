"""The energy and its parts. Every part is half a sum of squares, so their local models add up."""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor

from models3d.fitting.state import State, values


class Quadratic(NamedTuple):
    """The Gauss-Newton model of an energy around a state: cost + gradient . step + step . matrix step / 2."""

    cost: Float32[Tensor, " b"]
    gradient: Float32[Tensor, "b p"]
    matrix: Float32[Tensor, "b p p"]


@runtime_checkable
class Term(Protocol):
    """A part of the energy as the data give it, correspondences still open."""

    def rows(self, index: Tensor) -> "Term":
        """The same term on some of the photos."""
        ...

    def at(self, state: State) -> "Energy":
        """Settle what depends on the pose: which points form the outline, which are visible."""
        ...


@runtime_checkable
class Energy(Term, Protocol):
    """A part of the energy with its correspondences settled: a smooth function of the state. `at` gives itself."""

    def cost(self, state: State) -> Float32[Tensor, " b"]: ...

    def quadratic(self, state: State) -> Quadratic: ...


class Prior(NamedTuple):
    """sum_i weight_i (value_i - centre_i)^2 / 2 over focal length and coefficients: a term and an energy."""

    weight: Float32[Tensor, "*b p"]
    """For all photos alike (p,), or photo by photo (b, p)."""
    centre: Float32[Tensor, "b p"]

    def rows(self, index: Tensor) -> "Prior":
        return Prior(self.weight if self.weight.ndim == 1 else self.weight[index], self.centre[index])

    def at(self, state: State) -> "Prior":
        return self

    def cost(self, state: State) -> Float32[Tensor, " b"]:
        return (self.weight * (values(state) - self.centre) ** 2).sum(1) / 2

    def quadratic(self, state: State) -> Quadratic:
        gradient = self.weight * (values(state) - self.centre)
        return Quadratic(self.cost(state), gradient, torch.diag_embed(self.weight).expand(len(gradient), -1, -1))


class Sum(NamedTuple):
    """Several settled parts as one."""

    parts: tuple[Energy, ...]

    def cost(self, state: State) -> Float32[Tensor, " b"]:
        return torch.stack([part.cost(state) for part in self.parts]).sum(0)

    def quadratic(self, state: State) -> Quadratic:
        models = [part.quadratic(state) for part in self.parts]
        total = models[0]
        for model in models[1:]:
            total = Quadratic(*(a + b for a, b in zip(total, model, strict=True)))
        return total
