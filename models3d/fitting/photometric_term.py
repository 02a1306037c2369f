"""The photometric term: what a photo shows at the face's vertices against what faces look like there.

    weight / (2 noise^2) min_a ( sum_i w_i |F_i(W(p)) - mean_i - B_i a|^2 + noise^2 |a|^2 )

F_i is the photo's feature where vertex i is seen, w_i its visibility times a robust weight. Minimising over the
texture's coefficients a gives r' P r with P = W - W B (B' W B + noise^2)^-1 B' W. The published codes take I - A A',
the limit of an unbounded texture, and go on using A' once only some rows of A are visible, which are not
orthonormal; the inverse here is that of the visible rows.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from models3d.face_model import FaceModel
from models3d.fitting.energy import Quadratic
from models3d.fitting.landmark_term import vertex_rows
from models3d.fitting.points import projection_jacobian, see
from models3d.fitting.solver import ALIGNMENT
from models3d.fitting.state import State
from models3d.fitting.texture_model import FREEDOM, TextureModel


class Sampled(NamedTuple):
    """Features at points of images, and their slopes."""

    values: Float32[Tensor, "b s c"]
    slopes: Float32[Tensor, "b s c 2"]
    """By x and y of the image; zero beyond its edges."""


def sample(images: Float32[Tensor, "b c h w"], points_px: Float32[Tensor, "b s 2"]) -> Sampled:
    """Bilinear interpolation between pixel centres and its exact derivative; the nearest edge beyond them."""
    height, width = images.shape[2:]
    last = torch.tensor([width - 1.0, height - 1.0], device=images.device)
    centred = points_px - 0.5
    at = torch.minimum(centred.nan_to_num().clamp(min=0), last)
    corner = torch.minimum(at.floor(), last - 1)
    x, y = (at - corner)[:, :, None].unbind(-1)
    index = (corner[..., 1] * width + corner[..., 0]).long()
    flat = images.flatten(2).mT
    a, b, c, d = (
        flat.gather(1, (index + shift)[..., None].expand(-1, -1, flat.shape[2])) for shift in (0, 1, width, width + 1)
    )
    inside = ((centred >= 0) & (centred <= last))[:, :, None]
    slopes = torch.stack([(1 - y) * (b - a) + y * (d - c), (1 - x) * (c - a) + x * (d - b)], dim=3)
    return Sampled((1 - y) * ((1 - x) * a + x * b) + y * ((1 - x) * c + x * d), slopes * inside)


@dataclass(frozen=True, eq=False)
class TexturedPoints:
    """The rows of a face model and of a texture model at the sampled vertices."""

    mean_mm: Float32[Tensor, "s 3"]
    basis_mm: Float32[Tensor, "s 3 p"]
    mean: Float32[Tensor, "s c"]
    components: Float32[Tensor, "s c k"]
    noise: float


def textured_points(model: FaceModel, texture: TextureModel, device: str = "cpu") -> TexturedPoints:
    """Gather the rows, once a model; the bases as `landmark_points` has them.

    Silent components are added up to a multiple of ALIGNMENT: then a photo gets the same bytes in any batch, if there
    are such a number of vertices, too.
    """
    silent = np.zeros((-len(texture.components) % ALIGNMENT, *texture.mean.shape), np.float32)
    components = np.concatenate([texture.components, silent]).transpose(1, 2, 0)
    arrays = *vertex_rows(model, texture.vertices), texture.mean, np.ascontiguousarray(components)
    mean_mm, basis_mm, mean, loadings = (torch.as_tensor(array, device=device) for array in arrays)
    return TexturedPoints(mean_mm, basis_mm, mean, loadings, texture.noise)


@dataclass(frozen=True, eq=False)
class PhotometricTerm:
    """The term with its robust weights open: `at` a state it finds which samples the texture explains."""

    points: TexturedPoints
    images: Float32[Tensor, "b c h w"]
    """Features (`texture_sites.features`)."""
    to_image: Float32[Tensor, "b 2 3"]
    """From pixels less the principal point to pixels of the image."""
    visible: Float32[Tensor, "b s"]
    """One or zero. No visible sample at all: the term is zero."""
    weight: float
    """Share of the samples that counts as independent: neighbouring ones are wrong alike."""

    def rows(self, index: Tensor) -> "PhotometricTerm":
        parts = {name: getattr(self, name)[index] for name in ("images", "to_image", "visible")}
        return replace(self, **parts)

    def at(self, state: State) -> "PhotometricEnergy":
        settled = PhotometricEnergy(self, self.visible, *projection(self.points, self.visible))
        residual = settled.residual(state)
        coefficients = settled.coefficients(residual)
        explained = torch.linalg.vecdot(self.points.components, coefficients[:, None, None])
        squared = (residual - explained).square().mean(2) / self.points.noise**2
        weights = self.visible * (FREEDOM + 1) / (FREEDOM + squared.clamp(min=1))
        return PhotometricEnergy(self, weights, *projection(self.points, weights))


def projection(
    points: TexturedPoints, weights: Float32[Tensor, "b s"]
) -> tuple[Float32[Tensor, "b s c k"], Float32[Tensor, "b k k"]]:
    """W B and the Cholesky factor of B' W B + noise^2."""
    weighted = points.components * weights[..., None, None]
    components = points.components.flatten(0, 1).expand(len(weights), -1, -1)
    normal = torch.bmm(weighted.flatten(1, 2).mT, components)
    ridge = points.noise**2 * torch.eye(normal.shape[1], device=normal.device)
    return weighted, torch.linalg.cholesky(normal + ridge)


@dataclass(frozen=True, eq=False)
class PhotometricEnergy:
    """The term with its weights settled."""

    term: PhotometricTerm
    weights: Float32[Tensor, "b s"]
    weighted: Float32[Tensor, "b s c k"]
    """W B."""
    factor: Float32[Tensor, "b k k"]

    def rows(self, index: Tensor) -> "PhotometricEnergy":
        return PhotometricEnergy(self.term.rows(index), self.weights[index], self.weighted[index], self.factor[index])

    def at(self, state: State) -> "PhotometricEnergy":
        return self

    def cost(self, state: State) -> Float32[Tensor, " b"]:
        residual = self.residual(state)
        pulled = self.pulled(residual)
        explained = (pulled * torch.cholesky_solve(pulled[..., None], self.factor)[..., 0]).sum(1)
        return self.scale / 2 * ((self.weights[..., None] * residual**2).sum((1, 2)) - explained)

    def quadratic(self, state: State) -> Quadratic:
        """Gauss-Newton of the projected residual: J' P r and J' P J.

        The residual stands to the left, as a row: as a column, a photo alone would be summed in another order.
        """
        residual, jacobian = self.residual(state), self.jacobian(state)
        pulled = self.pulled(residual)
        mixed = torch.bmm(self.weighted.flatten(1, 2).mT, jacobian.flatten(1, 2))
        solved = torch.cholesky_solve(torch.cat([pulled[..., None], mixed], dim=2), self.factor)
        rows, weighted = jacobian.flatten(1, 2), (jacobian * self.weights[..., None, None]).flatten(1, 2)
        gradient = torch.bmm(residual.flatten(1)[:, None], weighted) - torch.bmm(solved[..., :1].mT, mixed)
        matrix = weighted.mT @ rows - mixed.mT @ solved[..., 1:]
        return Quadratic(self.cost(state), self.scale * gradient[:, 0], self.scale * matrix)

    @property
    def scale(self) -> float:
        return self.term.weight / self.term.points.noise**2

    def pulled(self, residual: Float32[Tensor, "b s c"]) -> Float32[Tensor, "b k"]:
        """B' W r."""
        return torch.bmm(residual.flatten(1)[:, None], self.weighted.flatten(1, 2))[:, 0]

    def coefficients(self, residual: Float32[Tensor, "b s c"]) -> Float32[Tensor, "b k"]:
        """The texture's, most probable for a residual."""
        return torch.cholesky_solve(self.pulled(residual)[..., None], self.factor)[..., 0]

    def residual(self, state: State) -> Float32[Tensor, "b s c"]:
        return self._sampled(state).values - self.term.points.mean

    def jacobian(self, state: State) -> Float32[Tensor, "b s c p"]:
        """Derivative of the features by a step: the image's slope, the crop, the projection."""
        points = self.term.points
        basis = points.basis_mm.expand(len(self.weights), -1, -1, -1)
        seen = see(state, points.mean_mm[None], points.basis_mm[None])
        by_pixel = self._sampled(state).slopes @ self.term.to_image[:, None, :, :2]
        return by_pixel @ projection_jacobian(state, seen, basis)

    def _sampled(self, state: State) -> Sampled:
        points, to_image = self.term.points, self.term.to_image
        seen = see(state, points.mean_mm[None], points.basis_mm[None])
        places = seen.from_centre_px @ to_image[:, :, :2].mT + to_image[:, None, :, 2]
        return sample(self.term.images, places)
