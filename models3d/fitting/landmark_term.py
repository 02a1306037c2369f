"""The landmark term: the model's 68 points pulled to those of the photo, the jaw line sliding."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32, Int64
from torch import Tensor

from models3d.face_model import LANDMARK_COUNT, Basis, FaceModel
from models3d.fitting.jaw_line import jaw_line
from models3d.fitting.points import PointEnergy, flip, see
from models3d.fitting.solver import ALIGNMENT
from models3d.fitting.state import CAMERA, State
from models3d.landmarks import JAW


@dataclass(frozen=True, eq=False)
class LandmarkPoints:
    """Every point of a model that may be a landmark: the 68, then the candidates of the jaw line, strip by strip."""

    mean_mm: Float32[Tensor, "m 3"]
    basis_mm: Float32[Tensor, "m 3 p"]
    """By a step: zero for the camera, then identity and expression in mm a standard deviation, then zeros."""
    strips: Int64[Tensor, "jaw candidates"]
    outward: Float32[Tensor, "jaw 3"]


def landmark_points(model: FaceModel, device: str = "cpu") -> LandmarkPoints:
    """Gather, once a model, the rows of its mean and bases that landmarks can need."""
    jaw = jaw_line(model)
    strip_corners, strip_weights = jaw.corners.reshape(-1, 3), jaw.weights.reshape(-1, 3, 1)

    def gather(vertices: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "m 3"]:
        return np.concatenate([vertices[model.landmarks], (vertices[strip_corners] * strip_weights).sum(1)])

    mean = gather(model.mean_mm)
    basis = np.zeros((*mean.shape, step_length(model)), np.float32)
    directions = [pair for part in fitted_bases(model) for pair in zip(part.components, part.sigmas_mm, strict=True)]
    for entry, (component, sigma) in enumerate(directions, start=CAMERA):
        basis[..., entry] = gather(component) * sigma
    candidates = np.arange(jaw.corners.shape[0] * jaw.corners.shape[1]).reshape(jaw.corners.shape[:2])
    return LandmarkPoints(
        mean_mm=torch.as_tensor(mean, device=device),
        basis_mm=torch.as_tensor(basis, device=device),
        strips=torch.as_tensor(LANDMARK_COUNT + candidates, device=device),
        outward=torch.as_tensor(jaw.outward, device=device),
    )


def vertex_rows(
    model: FaceModel, vertices: Int32[np.ndarray, " m"]
) -> tuple[Float32[np.ndarray, "m 3"], Float32[np.ndarray, "m 3 p"]]:
    """The model's mean at some vertices, and what a step adds there, as `LandmarkPoints.basis_mm`."""
    basis = np.zeros((len(vertices), 3, step_length(model)), np.float32)
    moves = np.concatenate([part.at(vertices).displacements_mm for part in fitted_bases(model)])
    basis[..., CAMERA : CAMERA + len(moves)] = np.moveaxis(moves, 0, -1)
    return model.mean_mm[vertices], basis


def fitted_bases(model: FaceModel) -> tuple[Basis, Basis]:
    """The bases that a photo is fitted with: speech is for clips."""
    return model.identity, model.expression


def step_length(model: FaceModel) -> int:
    """Entries of a step: the camera's, the coefficients', and idle ones up to a multiple of ALIGNMENT."""
    used = CAMERA + sum(len(basis) for basis in fitted_bases(model))
    return -(-used // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, eq=False)
class LandmarkTerm:
    """sum_i |projection_i - landmark_i|^2 / (2 sigma^2), the jaw line settled by the pose where it slides."""

    points: LandmarkPoints
    from_centre_px: Float32[Tensor, "b 68 2"]
    """Landmarks: pixel minus principal point."""
    sigma_px: Float32[Tensor, " b"]
    slides: Bool[Tensor, " b"]
    """Whether a photo's jaw landmarks mark the visible outline, or places on the head wherever they are seen."""

    def rows(self, index: Tensor) -> "LandmarkTerm":
        return replace(
            self,
            from_centre_px=self.from_centre_px[index],
            sigma_px=self.sigma_px[index],
            slides=self.slides[index],
        )

    def at(self, state: State) -> PointEnergy:
        chosen = self.visible_points(state)
        return PointEnergy(
            self.points.mean_mm[chosen], self.points.basis_mm[chosen], self.from_centre_px, self.sigma_px
        )

    def visible_points(self, state: State) -> Int64[Tensor, "b 68"]:
        """For each landmark, the row of `points` that it marks at this pose."""
        points, strips = self.points, self.points.strips
        candidates = strips.flatten()
        seen = see(state, points.mean_mm[candidates][None], points.basis_mm[candidates][None])
        outward_px = ((points.outward @ state.rotation.mT) * flip(state))[..., :2]
        places_px = seen.from_centre_px.unflatten(1, strips.shape)
        outermost = (places_px * outward_px[:, :, None]).sum(3).argmax(2)
        chosen = torch.arange(LANDMARK_COUNT, device=strips.device).expand(len(outermost), -1).clone()
        outline = strips.gather(1, outermost.T).T
        chosen[:, JAW] = torch.where(self.slides[:, None], outline, chosen[:, JAW])
        return chosen
