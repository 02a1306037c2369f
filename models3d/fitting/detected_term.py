"""The landmark term of a detector whose habits are known: which places it marks, and what errs together."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from models3d.face_model import LANDMARK_COUNT, FaceModel
from models3d.fitting.dense_term import DenseTerm
from models3d.fitting.landmark_term import fitted_bases, vertex_rows
from models3d.fitting.points import flip
from models3d.fitting.state import CAMERA, State
from models3d.learnt_offsets import DetectorHabits

ROWS = 72
"""The 68 landmarks and four idle points: two numbers each fill whole 64-byte lines, as `dense_layout.POINTS`."""
IDLE = ROWS - LANDMARK_COUNT


class DetectorPoints(NamedTuple):
    """The places that a detector marks on a model, ready for fitting; idle rows repeat the last landmark."""

    mean_mm: Float32[Tensor, "72 3"]
    basis_mm: Float32[Tensor, "72 3 p"]
    """By a step, as `LandmarkPoints.basis_mm`."""
    whitening: Float32[Tensor, "144 144"]


def detector_points(model: FaceModel, habits: DetectorHabits, device: str = "cpu") -> DetectorPoints:
    """Gather the model's rows at the landmarks, and add what the detector sees there instead."""
    mean, basis = vertex_rows(model, model.landmarks)
    first = CAMERA + len(fitted_bases(model)[0])
    used = slice(first, first + habits.gains_mm.shape[2])
    basis[..., used] += habits.gains_mm
    rows = [*range(LANDMARK_COUNT), *[LANDMARK_COUNT - 1] * IDLE]
    parts = (mean + habits.shift_mm)[rows], basis[rows], np.pad(habits.whitening, (0, 2 * IDLE))
    return DetectorPoints(*(torch.as_tensor(part, device=device) for part in parts))


class DetectedTerm(NamedTuple):
    """|V W (projection - landmark)|^2 / 2 over the 68 landmarks of a photo.

    Standard errors lie along the head's axes as they are seen, so they turn with its pose, and are as large in the
    picture as the head is.
    """

    points: DetectorPoints
    from_centre_px: Float32[Tensor, "b 68 2"]
    """Landmarks: pixel minus principal point."""
    counts: Float32[Tensor, " b"]
    """1, or 0 for photos whose landmarks the detector did not find."""

    def rows(self, index: Tensor) -> "DetectedTerm":
        return self._replace(from_centre_px=self.from_centre_px[index], counts=self.counts[index])

    def at(self, state: State) -> DenseTerm:
        up = state.rotation[:, :2, 1] * flip(state)[:2]
        up = up / up.norm(dim=1, keepdim=True)
        axes = torch.stack([torch.stack([-up[:, 1], up[:, 0]], dim=1), up], dim=1)
        px_per_mm = torch.exp(state.log_focal) / state.translation_mm[:, 2]
        own = axes * (self.counts / px_per_mm)[:, None, None]
        landmarks = torch.cat([self.from_centre_px, self.from_centre_px[:, -1:].expand(-1, IDLE, -1)], dim=1)
        mean, basis, whitening = self.points
        return DenseTerm(mean, basis, landmarks, own[:, None].expand(-1, ROWS, -1, -1), whitening)
