"""What the photometric term adds to landmarks, by its weight, on renders of ICT people; `make bench` prints the table.

The texture is learnt from other people's photos through their landmark fits; the fitter lacks 10 of the 30 identity
shapes.
"""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models3d.camera import Camera
from models3d.face_model import FaceModel, synthesize
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.fitting.photometric_term import PhotometricTerm, textured_points
from models3d.fitting.texture_model import learn
from models3d.fitting.texture_sites import features, texture_vertices, visible_sites
from pipeline.crops import canonical_landmarks_px, crop_matrix, cut
from tests.benchmarks.fitting.ict_photos import (
    FACE_VERTICES,
    HELD_BACK,
    NOISE_PX,
    SIZE_PX,
    Photos,
    load,
    take_photos,
    without_modes,
)
from tests.benchmarks.fitting.measures import errors

LEARNT_FROM, JUDGED_ON = 400, 100
SITES, COMPONENTS, CROP_PX = 800, 40, 96
OPTIONS = LandmarkFitOptions(
    landmark_sigma=0.022,
    identity_weight=2.0,
    expression_weight=2.8,
    focal_ratio=2.9,
    focal_log_sigma=0.35,
    max_turn_rad=np.deg2rad(75),
    iterations=30,
)


def looks(model: FaceModel, photos: Photos, fit: LandmarkFit, vertices: np.ndarray) -> tuple[np.ndarray, ...]:
    """Feature images, features, visibility and the way to the crop, photo by photo."""
    canonical, rows = canonical_landmarks_px(model, CROP_PX, 0.7), []
    for row, photo in enumerate(photos.images):
        crop = crop_matrix(photos.landmarks_px[row], canonical)
        face = synthesize(model, fit.identity[row], fit.expression[row])
        camera = Camera(*(part[row] for part in fit.camera))
        places, seen = visible_sites(face, model.triangles, camera, crop, CROP_PX, vertices)
        from_middle = np.column_stack([crop[:, :2], crop[:, :2] @ np.full(2, SIZE_PX / 2) + crop[:, 2]])
        rows.append((*features(cut(photo, crop, CROP_PX), places, seen), seen, from_middle.astype(np.float32)))
    return tuple(np.stack(column) for column in zip(*rows, strict=True))


@pytest.mark.benchmark
def test_photometric_term_by_weight(ict_folder):
    torch.set_num_threads(1)
    folder = Path(ict_folder) / "FaceXModel"
    truth = load(folder)
    model = without_modes(truth, HELD_BACK)
    points = landmark_points(model)

    def fit(photos: Photos, **more) -> LandmarkFit:
        count = len(photos.images)
        sizes, slides = np.full((count, 2), float(SIZE_PX)), np.zeros(count, bool)
        return fit_landmarks(model, points, photos.landmarks_px, sizes, slides, OPTIONS, **more)

    others, judged = (take_photos(truth, folder, count, seed) for count, seed in ((LEARNT_FROM, 11), (JUDGED_ON, 7)))
    vertices = texture_vertices(model, SITES, np.random.default_rng(0))
    _, at_sites, visible, _ = looks(model, others, fit(others), vertices)
    texture = textured_points(model, learn(at_sites, visible, vertices, COMPONENTS))
    alone = fit(judged)
    images, _, seen, to_image = looks(model, judged, alone, vertices)
    print(f"\n{JUDGED_ON} photos of {SIZE_PX} px, landmark noise {NOISE_PX} px; texture from {LEARNT_FROM} others")
    print(f"{'weight':<10}{'median':>8}{'p90':>8}{'correlation':>13}{'better':>8}{'aligned, mm':>13}{'ms/photo':>10}")
    first: np.ndarray | None = None
    medians = {}
    for weight in (0.0, 0.01, 0.03, 0.1, 0.3):
        arrays = (torch.as_tensor(part, dtype=torch.float32) for part in (images, to_image, seen))
        term = PhotometricTerm(texture, *arrays, weight)
        start = time.process_time()
        found = fit(judged, start=alone, more=[term]) if weight else alone
        spent = (time.process_time() - start) / JUDGED_ON * 1e3
        wrong = errors(model, found.identity, found.expression, found.landmarks_px, judged, slice(0, FACE_VERTICES))
        first = wrong.expression if first is None else first
        medians[weight] = np.median(wrong.expression)
        print(
            f"{weight or 'landmarks':<10}{medians[weight]:>8.2f}{np.quantile(wrong.expression, 0.9):>8.2f}"
            f"{np.median(wrong.correlation):>13.2f}{np.mean(wrong.expression < first):>8.0%}"
            f"{wrong.aligned_mm.mean():>13.2f}{spent:>10.0f}"
        )
    assert medians[0.03] < medians[0.0]
