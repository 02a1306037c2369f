"""Fitting by landmarks and by what faces look like: the photometric term, seen through a landmark fit."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32

from models3d.camera import Camera
from models3d.face_model import FaceModel, synthesize
from models3d.fitting.coarse_to_fine import Evidence, fit_twice
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions
from models3d.fitting.landmark_term import LandmarkPoints
from models3d.fitting.photometric_term import PhotometricTerm, TexturedPoints, textured_points
from models3d.fitting.texture_model import TextureModel
from models3d.fitting.texture_sites import LEAST_SITES, Crop, look

ReadCrop = Callable[[int], Crop]
"""Gives the crop of a row's photo, so that one photo at a time is in memory; called in order, for photos with a usable
fit."""


class TexturedFace(NamedTuple):
    """What is known of the look of faces, ready for photos."""

    points: TexturedPoints
    vertices: Int32[np.ndarray, " s"]
    size_px: int
    """Side of the crops that it was learnt from."""


def textured_face(model: FaceModel, texture: TextureModel, size_px: int, device: str = "cpu") -> TexturedFace:
    """Gather the rows of a face model and of a texture model that was learnt with it."""
    return TexturedFace(textured_points(model, texture, device), texture.vertices, size_px)


def fit_photometrically(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "b 68 2"],
    sizes_px: Float[np.ndarray, "b 2"],
    slides: Bool[np.ndarray, " b"],
    face: TexturedFace,
    read_crop: ReadCrop,
    options: LandmarkFitOptions,
    weight: float,
) -> LandmarkFit:
    """Fit by landmarks, then from there by landmarks and texture (`fit_twice`).

    weight  of the photometric term: the share of its samples that counts as independent
    """

    def look_at(fit: LandmarkFit, usable: Bool[np.ndarray, " b"]) -> Evidence:
        term = seen_through(model, fit, usable, face, read_crop, weight)
        return Evidence(term, term.visible.sum(1).cpu().numpy() >= LEAST_SITES)

    return fit_twice(model, points, landmarks_px, sizes_px, slides, options, look_at)


def seen_through(
    model: FaceModel,
    fit: LandmarkFit,
    usable: Bool[np.ndarray, " b"],
    face: TexturedFace,
    read_crop: ReadCrop,
    weight: float,
) -> PhotometricTerm:
    """The term over photos that have a usable fit, hidden vertices found through it; the others show nothing."""
    count, size, device = len(usable), face.size_px, face.points.mean.device
    images = np.zeros((count, 3, size, size), np.float32)
    to_image, visible = np.zeros((count, 2, 3), np.float32), np.zeros((count, len(face.vertices)), np.float32)
    for row in np.flatnonzero(usable):
        crop, camera = read_crop(int(row)), Camera(*(part[row] for part in fit.camera))
        vertices = synthesize(model, fit.identity[row], fit.expression[row])
        images[row], _, visible[row] = look(vertices, model.triangles, camera, crop, face.vertices)
        to_image[row] = crop.matrix
        to_image[row, :, 2] += crop.matrix[:, :2] @ camera.centre_px
    seen, places, shown = (torch.as_tensor(part, device=device) for part in (images, to_image, visible))
    return PhotometricTerm(face.points, seen, places, shown, weight)
