"""Clips of people with known camera, identity and expression in every frame, and what fits make of them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from models3d.camera import Camera, project
from models3d.face_model import FaceModel, synthesize
from tests.models3d.fitting.people import SIZE_PX


class Clip(NamedTuple):
    """f frames of one person in one camera."""

    camera: Camera
    identity: np.ndarray
    expression: np.ndarray
    landmarks_px: np.ndarray


def clip(model: FaceModel, frames: int, rng: np.random.Generator, focal_ratio: float = 1.5) -> Clip:
    """A head that turns and nods slowly while some expressions come and go, in 256 x 256 px."""
    time = np.linspace(0, frames / 25, frames)[:, None]

    def waves(count: int, most_hz: float) -> np.ndarray:
        """(frames, count) of mean square 1/2 over the phase."""
        return np.sin(2 * np.pi * time * rng.uniform(0.1, most_hz, count) + rng.uniform(0, 2 * np.pi, count))

    identity = np.tile(np.clip(rng.normal(size=len(model.identity)), -2.9, 2.9), (frames, 1))
    low, high = model.expression.bounds.T
    chosen = rng.permutation(len(low))[: max(4, len(low) // 4)]
    swing = np.clip(0.5 + 0.5 * waves(len(chosen), 1.5), 0, 1) ** 2 * rng.uniform(0.3, 0.95, len(chosen))
    expression = np.zeros((frames, len(low)))
    expression[:, chosen] = np.where(rng.random(len(chosen)) < 0.5, low[chosen], high[chosen]) * swing
    rotation = waves(3, 0.4) * (0.1, 0.25, 0.06) + rng.normal(size=3) * (0.05, 0.15, 0.05)
    distance = 500 * focal_ratio * rng.uniform(0.95, 1.1)
    camera = Camera(
        rotation_rad=rotation,
        translation_mm=np.column_stack([waves(2, 0.5) * 8, distance + 15 * waves(1, 0.3)]),
        focal_px=np.full(frames, focal_ratio * SIZE_PX),
        centre_px=np.full((frames, 2), SIZE_PX / 2),
    )
    vertices = synthesize(only_landmarks(model), identity, expression)
    return Clip(camera, identity, expression, project(camera, vertices))


def only_landmarks(model: FaceModel) -> FaceModel:
    """The model of the landmarks' vertices alone: quick to synthesise."""
    at = model.landmarks
    bases = {part: getattr(model, part).at(at) for part in ("identity", "expression", "speech")}
    return replace(
        model,
        mean_mm=model.mean_mm[at],
        triangles=np.zeros((1, 3), np.int32),
        landmarks=np.arange(68, dtype=np.int32),
        **bases,
    )


def expression_errors(model: FaceModel, found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Of every frame: the displacement that is wrong over the root mean square of the true ones of all frames."""
    flat = model.expression.displacements_mm.reshape(len(model.expression), -1)
    gram = flat @ flat.T

    def norms(p: np.ndarray) -> np.ndarray:
        return np.sqrt(np.einsum("fi,ij,fj->f", p, gram, p))

    return norms(found - true) / np.sqrt(np.mean(norms(true) ** 2))


def jitter(found: np.ndarray, true: np.ndarray) -> float:
    """Root mean square, over frames and components, of how much the error of a coefficient changes from one frame to
    the next, in standard deviations: motion that the truth does not have."""
    return float(np.sqrt(np.mean(np.diff(found - true, axis=0) ** 2)))
