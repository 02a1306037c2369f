"""Points on the surface that should be seen at given pixels: residual and Jacobian of their projection."""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from models3d.camera import FLIP
from models3d.fitting.energy import Quadratic
from models3d.fitting.state import CAMERA, State, values

NEAREST_MM = 1.0
"""Points closer to the camera's plane than this, or behind it, cost infinity."""


class Seen(NamedTuple):
    """m points of the face as b photos see them."""

    head_mm: Float32[Tensor, "b m 3"]
    """R x: turned, still in the head's axes."""
    camera_mm: Float32[Tensor, "b m 3"]
    from_centre_px: Float32[Tensor, "b m 2"]
    """Pixel minus principal point."""


def see(state: State, mean_mm: Float32[Tensor, "#b m 3"], basis_mm: Float32[Tensor, "#b m 3 p"]) -> Seen:
    """Project points of the model: x = mean + basis coefficients, x_camera = FLIP R x + t, f x_camera / z.

    basis_mm  what each entry of a step adds to a point: zero for the camera's seven, then mm a standard deviation
    """
    shape_mm = mean_mm + torch.linalg.vecdot(basis_mm, values(state)[:, None, None])
    head = torch.linalg.vecdot(shape_mm[:, :, None], state.rotation[:, None])
    camera = head * flip(state) + state.translation_mm[:, None, :]
    focal = torch.exp(state.log_focal)[:, None, None]
    return Seen(head, camera, focal * camera[..., :2] / camera[..., 2:])


def flip(state: State) -> Float32[Tensor, "3"]:
    """The diagonal of `models3d.camera.FLIP`."""
    return torch.as_tensor(FLIP.diagonal().copy(), dtype=state.rotation.dtype, device=state.rotation.device)


class PointEnergy(NamedTuple):
    """sum_i |projection_i - target_i|^2 / (2 sigma^2)."""

    mean_mm: Float32[Tensor, "b m 3"]
    basis_mm: Float32[Tensor, "b m 3 p"]
    from_centre_px: Float32[Tensor, "b m 2"]
    """Where the points should be seen: pixel minus principal point."""
    sigma_px: Float32[Tensor, " b"]

    def rows(self, index: Tensor) -> "PointEnergy":
        return PointEnergy(*(part[index] for part in self))

    def at(self, state: State) -> "PointEnergy":
        return self

    def cost(self, state: State) -> Float32[Tensor, " b"]:
        return self._cost(self.seen(state))

    def quadratic(self, state: State) -> Quadratic:
        seen = self.seen(state)
        residual = self._residual(seen).flatten(1)
        jacobian = (projection_jacobian(state, seen, self.basis_mm) / self.sigma_px[:, None, None, None]).flatten(1, 2)
        gradient = torch.bmm(residual[:, None], jacobian)[:, 0]
        return Quadratic(self._cost(seen), gradient, torch.bmm(jacobian.mT, jacobian))

    def seen(self, state: State) -> Seen:
        """The points at a state."""
        return see(state, self.mean_mm, self.basis_mm)

    def _cost(self, seen: Seen) -> Float32[Tensor, " b"]:
        in_front = (seen.camera_mm[..., 2] > NEAREST_MM).all(1)
        return torch.where(in_front, (self._residual(seen) ** 2).sum((1, 2)) / 2, torch.inf)

    def _residual(self, seen: Seen) -> Float32[Tensor, "b m 2"]:
        return (seen.from_centre_px - self.from_centre_px) / self.sigma_px[:, None, None]


def projection_jacobian(state: State, seen: Seen, basis_mm: Float32[Tensor, "b m 3 p"]) -> Float32[Tensor, "b m 2 p"]:
    """Derivative of each projected point by a step (`state.CAMERA_STEP`, then the coefficients), in pixels."""
    x, y, z = seen.camera_mm.unbind(-1)
    zero = torch.zeros_like(z)
    focal = torch.exp(state.log_focal)[:, None, None, None]
    by_camera = torch.stack([z, zero, -x, zero, z, -y], dim=-1).unflatten(-1, (2, 3)) * focal / z[..., None, None] ** 2
    by_head = by_camera * flip(state)
    by_shape = by_head @ state.rotation[:, None]
    jacobian = sum(by_shape[..., axis, None] * basis_mm[:, :, None, axis] for axis in range(3))
    translation = state.translation_mm[:, None, None, :]
    jacobian[..., :CAMERA] = torch.cat(
        [
            torch.linalg.cross(seen.head_mm[:, :, None].expand_as(by_head), by_head),  # a . (w x y) = w . (y x a)
            by_camera[..., :2] * translation[..., 2:],
            (by_camera * translation).sum(-1, keepdim=True),
            seen.from_centre_px[..., None],
        ],
        dim=-1,
    )
    return jacobian
