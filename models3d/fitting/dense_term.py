"""The dense term: points that should lie where `learn_landmarks` sees them, weighted by how sure it is."""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from models3d.fitting.energy import Quadratic
from models3d.fitting.points import NEAREST_MM, Seen, projection_jacobian, see
from models3d.fitting.state import State


class DenseTerm(NamedTuple):
    """weight |V W (projection - target)|^2 / 2 over all m points of a photo: a term, and its energy.

    Errors of neighbouring points go together, so they do not count as independent ones would: V whitens them all at
    once. A photo without evidence has W = 0.
    """

    mean_mm: Float32[Tensor, "m 3"]
    basis_mm: Float32[Tensor, "m 3 p"]
    from_centre_px: Float32[Tensor, "b m 2"]
    """Targets: pixel minus principal point."""
    own: Float32[Tensor, "b m 2 2"]
    """W, point by point: from pixels to standard errors along the head's axes."""
    whitening: Float32[Tensor, "outputs outputs"]
    """V, the same for every photo; sqrt(weight) is in it."""

    def rows(self, index: Tensor) -> "DenseTerm":
        return self._replace(from_centre_px=self.from_centre_px[index], own=self.own[index])

    def at(self, state: State) -> "DenseTerm":
        return self

    def cost(self, state: State) -> Float32[Tensor, " b"]:
        return self._cost(self.seen(state))

    def quadratic(self, state: State) -> Quadratic:
        seen = self.seen(state)
        by_step = projection_jacobian(state, seen, self.basis_mm.expand(len(self.own), -1, -1, -1))
        first, second = (self.own[..., axis, None] * by_step[:, :, None, axis] for axis in range(2))
        own = first + second
        jacobian = torch.bmm(self.whitening.expand(len(own), -1, -1), own.flatten(1, 2))
        gradient = torch.bmm(self._residual(seen)[:, None], jacobian)[:, 0]
        return Quadratic(self._cost(seen), gradient, torch.bmm(jacobian.mT, jacobian))

    def seen(self, state: State) -> Seen:
        """The points at a state."""
        return see(state, self.mean_mm[None], self.basis_mm[None])

    def _cost(self, seen: Seen) -> Float32[Tensor, " b"]:
        in_front = (seen.camera_mm[..., 2] > NEAREST_MM).all(1)
        return torch.where(in_front, self._residual(seen).square().sum(1) / 2, torch.inf)

    def _residual(self, seen: Seen) -> Float32[Tensor, "b outputs"]:
        """Whitened, photo by photo: a product over all photos at once would round by their number."""
        own = torch.linalg.vecdot(self.own, (seen.from_centre_px - self.from_centre_px)[:, :, None]).flatten(1)
        return torch.linalg.vecdot(self.whitening, own[:, None])
