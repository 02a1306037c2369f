from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from models3d.camera import Camera
from models3d.face_model import synthesize
from models3d.fitting.landmark_fit import USABLE, LandmarkFit, LandmarkFitOptions, Status, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.fitting.photometric_fit import fit_photometrically, textured_face
from models3d.fitting.texture_model import TextureModel, learn
from models3d.fitting.texture_sites import Crop, look, texture_vertices
from models3d.render import Lighting, Surface, render_photo, to_srgb
from tests.models3d.fitting.people import SIZE_PX, People, people
from tests.models3d.fitting.test_landmark_fit import same

torch.set_num_threads(1)

OPTIONS = LandmarkFitOptions(0.02, 1.0, 1.0, 1.5, 0.0, np.deg2rad(75), 30)
COUNT, SIDE, WEIGHT = 8, 128, 0.1
MATRIX = np.array([[SIDE / SIZE_PX, 0, 0], [0, SIDE / SIZE_PX, 0]], np.float32)
"""The crops are the whole photos, halved."""


class Scene(NamedTuple):
    crowd: People
    crops: list[Crop]
    texture: TextureModel
    noisy_px: np.ndarray


def painted(model, crowd: People) -> list[Crop]:
    """Everybody with the same waves of colour on the skin."""
    x, y, _ = model.mean_mm.T
    waves = np.stack([np.sin(x / 3) + np.sin(y / 4), np.sin(x / 5 + 1), np.cos(y / 6)], axis=1)
    albedo = np.exp(0.4 * waves - 1).clip(0.01, 0.9).astype(np.float32)
    surface = Surface(albedo, np.zeros(len(x), np.float32), np.full(len(x), 10, np.float32))
    light = Lighting(np.eye(9)[:, :1] * np.full(3, 3.0), np.array([[0.0, 0, -1]]), np.zeros((1, 3)))
    rng, crops = np.random.default_rng(2), []
    for row in range(COUNT):
        camera = Camera(*(part[row] for part in crowd.camera))
        small = camera._replace(focal_px=camera.focal_px * SIDE / SIZE_PX, centre_px=camera.centre_px * SIDE / SIZE_PX)
        face = synthesize(model, crowd.identity[row], crowd.expression[row]).astype(np.float32)
        picture = render_photo(face, model.triangles, surface, light, small, np.full((SIDE, SIDE, 3), 0.2), 2)
        grain = rng.normal(0, 0.01, picture.shape)
        crops.append(Crop(to_srgb(picture + grain), MATRIX, (int(SIZE_PX), int(SIZE_PX))))
    return crops


@pytest.fixture(scope="module")
def scene(template_model) -> Scene:
    crowd = people(template_model, COUNT)
    crops = painted(template_model, crowd)
    vertices = texture_vertices(template_model, 320, np.random.default_rng(0))
    looks = []
    for row, crop in enumerate(crops):
        face = synthesize(template_model, crowd.identity[row], crowd.expression[row]).astype(np.float32)
        camera = Camera(*(part[row] for part in crowd.camera))
        looks.append(look(face, template_model.triangles, camera, crop, vertices))
    texture = learn(np.stack([a.at_sites for a in looks]), np.stack([a.visible for a in looks]), vertices, 2)
    noise = np.random.default_rng(4).normal(0, 1.5, crowd.landmarks_px.shape)
    return Scene(crowd, crops, texture, crowd.landmarks_px + noise)


@pytest.fixture(scope="module")
def fit(template_model, scene):
    points = landmark_points(template_model)
    face = textured_face(template_model, scene.texture, SIDE)

    def run(landmarks_px: np.ndarray, rows=range(COUNT), crops=scene.crops, weight: float = WEIGHT) -> LandmarkFit:
        rows = list(rows)
        sizes, slides = np.full((len(rows), 2), SIZE_PX), np.zeros(len(rows), bool)
        batch = template_model, points, landmarks_px[rows], sizes, slides
        return fit_photometrically(*batch, face, lambda row: crops[rows[row]], OPTIONS, weight)

    return run


def wrong(model, crowd: People, found: LandmarkFit) -> float:
    """Median relative error of the displacement that the expression makes."""
    true, read = (
        synthesize(model, np.zeros((COUNT, 0)), expression) - model.mean_mm
        for expression in (crowd.expression, found.expression)
    )
    return float(np.median(np.linalg.norm(read - true, axis=(1, 2)) / np.linalg.norm(true, axis=(1, 2))))


def test_a_known_look_makes_better_fits(template_model, scene, fit):
    fine, coarse = fit(scene.noisy_px), fit(scene.noisy_px, weight=0.0)
    assert set(fine.status) <= set(USABLE)
    assert wrong(template_model, scene.crowd, fine) < 0.8 * wrong(template_model, scene.crowd, coarse)


def test_without_weight_it_is_a_landmark_fit(template_model, scene, fit):
    batch = np.full((COUNT, 2), SIZE_PX), np.zeros(COUNT, bool)
    options, points = replace(OPTIONS, heavy_tailed=True), landmark_points(template_model)
    coarse = fit_landmarks(template_model, points, scene.noisy_px, *batch, OPTIONS)
    alone = fit_landmarks(template_model, points, scene.noisy_px, *batch, options, coarse)
    np.testing.assert_allclose(fit(scene.noisy_px, weight=0.0).expression, alone.expression, atol=0.02)


def test_bad_rows_get_a_status_and_leave_the_others_alone(template_model, scene, fit):
    """Not finite, all in one place, turned away, and beside the photo."""
    landmarks, crops = scene.noisy_px.copy(), list(scene.crops)
    landmarks[1, 30] = np.nan
    landmarks[3] = 100.0
    landmarks[4] = people(template_model, 1, yaw_rad=np.deg2rad(80)).landmarks_px[0]
    landmarks[6] += 3 * SIZE_PX
    crops[6] = crops[6]._replace(matrix=MATRIX - np.float32([[0, 0, 3 * SIDE]] * 2))
    found = fit(landmarks, crops=crops)
    bad = {1: Status.NOT_FINITE, 3: Status.DEGENERATE, 4: Status.TURNED, 6: Status.UNSEEN}
    assert {row: found.status[row] for row in bad} == bad
    good = [row for row in range(COUNT) if row not in bad]
    assert {found.status[row] for row in good} <= set(USABLE)
    assert same(fit(landmarks, good), found, good)


def test_a_row_has_the_same_bytes_in_any_batch(scene, fit):
    whole = fit(scene.noisy_px)
    for rows in ([0], [7, 6], [3, 1, 4]):
        assert same(fit(scene.noisy_px, rows), whole, rows)


def test_no_rows_and_none_usable(scene, fit):
    assert fit(scene.noisy_px, []).status == ()
    assert fit(np.full_like(scene.noisy_px, np.nan)).status == (Status.NOT_FINITE,) * COUNT
