from dataclasses import replace

import numpy as np
import pytest

from models3d.camera import Camera, project
from models3d.dense_features import CELL, PER_CELL
from models3d.dense_layout import POINTS, TEXELS, dense_vertices
from models3d.errors import InputError
from models3d.face_model import synthesize
from models3d.fitting.dense_fit import dense_landmarks, fit_densely
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions, Status, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.landmarks import LANDMARK_COUNT
from models3d.learnt_offsets import DetectorHabits, LearntLandmarks, LearntOffsets, Regressor, head_axes
from tests.models3d.fitting.people import SIZE_PX, people
from tests.models3d.fitting.test_landmark_fit import same

OPTIONS = LandmarkFitOptions(0.02, 1.0, 1.0, 1.5, 0.35, np.deg2rad(75), 30)
UP_MM, SIGMA_MM = 1.5, 0.05


@pytest.fixture(scope="module")
def learnt(template_model) -> LearntOffsets:
    """Says, a little differently for each photo, that every point lies UP_MM higher than the fit has it."""
    rng = np.random.default_rng(0)
    lens, pose = 2, 3
    coefficients = len(template_model.identity) + len(template_model.expression)
    width = (TEXELS // CELL) ** 2 * PER_CELL + 2 * LANDMARK_COUNT + pose + lens + coefficients
    noise = rng.normal(size=(width, 2 * POINTS)).astype(np.float32) * 1e-4
    regressor = Regressor(
        centre=np.zeros(width, np.float32),
        scale=np.ones(width, np.float32),
        offset=noise,
        offset_bias=np.tile(np.array([0, UP_MM], np.float32), POINTS),
        log_sigma=noise,
        log_sigma_bias=np.full(2 * POINTS, np.log(SIGMA_MM), np.float32),
    )
    vertices = dense_vertices(template_model)
    return LearntOffsets(template_model.digest, vertices, regressor, np.eye(2 * POINTS, dtype=np.float32))


def either(model, learnt: LearntOffsets) -> LearntLandmarks:
    """The same for landmarks of files and of a detector that marks the model's own places."""
    habits = DetectorHabits(
        np.zeros((LANDMARK_COUNT, 3), np.float32),
        np.zeros((LANDMARK_COUNT, 3, len(model.expression)), np.float32),
        np.eye(2 * LANDMARK_COUNT, dtype=np.float32),
    )
    return LearntLandmarks(habits, learnt, learnt)


@pytest.fixture(scope="module")
def crowd(template_model):
    return people(template_model, 8)


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(1).integers(0, 256, (8, int(SIZE_PX), int(SIZE_PX), 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def fit(template_model, learnt, photos):
    points, dense = (
        landmark_points(template_model),
        dense_landmarks(template_model, either(template_model, learnt)).marked,
    )

    def run(landmarks_px: np.ndarray, rows=range(8), weight: float = 1.0) -> LandmarkFit:
        rows = list(rows)
        sizes, slides = np.full((len(rows), 2), SIZE_PX), np.zeros(len(rows), bool)
        batch = template_model, points, landmarks_px[rows], sizes, slides
        return fit_densely(*batch, dense, lambda row: photos[rows[row]], OPTIONS, weight)

    return run


def test_the_face_goes_where_its_dense_landmarks_are(template_model, learnt, fit, crowd):
    batch = np.full((8, 2), SIZE_PX), np.zeros(8, bool)
    coarse = fit_landmarks(template_model, landmark_points(template_model), crowd.landmarks_px, *batch, OPTIONS)
    fine = fit(crowd.landmarks_px)
    assert set(fine.status) == {Status.CONVERGED}
    assert (fine.iterations > coarse.iterations).all()
    for row in range(8):
        cameras = [Camera(*(part[row].astype(float) for part in found.camera)) for found in (coarse, fine)]
        seen = [
            project(camera, synthesize(template_model, found.identity[row], found.expression[row])[learnt.vertices])
            for camera, found in zip(cameras, (coarse, fine), strict=True)
        ]
        moved = head_axes(cameras[0]).to_mm(seen[1] - seen[0])
        np.testing.assert_allclose(moved.mean(0), [0, UP_MM], atol=0.15)
        assert np.sqrt(np.square(moved - [0, UP_MM]).mean()) < 0.3


def test_without_weight_the_photo_says_nothing(template_model, fit, crowd):
    batch = np.full((8, 2), SIZE_PX), np.zeros(8, bool)
    points, options = landmark_points(template_model), replace(OPTIONS, heavy_tailed=True)
    coarse = fit_landmarks(template_model, points, crowd.landmarks_px, *batch, OPTIONS)
    alone = fit_landmarks(template_model, points, crowd.landmarks_px, *batch, options, coarse)
    np.testing.assert_allclose(fit(crowd.landmarks_px, weight=0.0).expression, alone.expression, atol=0.05)


def test_bad_rows_get_a_status_and_leave_the_others_alone(fit, crowd, template_model):
    landmarks = crowd.landmarks_px.copy()
    landmarks[1, 30] = np.nan
    landmarks[3] = 100.0
    landmarks[4] = people(template_model, 1, yaw_rad=np.deg2rad(80)).landmarks_px[0]
    landmarks[6] += 3 * SIZE_PX  # beside the photo
    found = fit(landmarks)
    bad = {1: Status.NOT_FINITE, 3: Status.DEGENERATE, 4: Status.TURNED, 6: Status.UNSEEN}
    assert {row: found.status[row] for row in bad} == bad
    good = [row for row in range(8) if row not in bad]
    assert {found.status[row] for row in good} == {Status.CONVERGED}
    assert same(fit(landmarks, good), found, good)


def test_a_row_has_the_same_bytes_in_any_batch(fit, crowd):
    whole = fit(crowd.landmarks_px)
    for rows in ([0], [7, 6], [3, 1, 4]):
        assert same(fit(crowd.landmarks_px, rows), whole, rows)


def test_no_rows_and_none_usable(fit, crowd):
    assert fit(crowd.landmarks_px, []).status == ()
    assert fit(np.full_like(crowd.landmarks_px, np.nan)).status == (Status.NOT_FINITE,) * 8


def test_dense_landmarks_of_another_model_are_refused(template_model, learnt):
    other = replace(template_model, mean_mm=template_model.mean_mm + 1)
    with pytest.raises(InputError, match="Learn them again"):
        dense_landmarks(other, either(other, learnt))


def test_detected_landmarks_count_by_what_is_known_of_the_detector(template_model, learnt, fit, crowd, photos):
    """A detector that marks everything 4 mm too far right: its photos are fitted as if it did not."""
    whole = either(template_model, learnt)
    shifted = whole.habits.shift_mm + np.array([4, 0, 0], np.float32)
    dense = dense_landmarks(template_model, whole._replace(habits=whole.habits._replace(shift_mm=shifted))).detected
    scale = (crowd.camera.focal_px / crowd.camera.translation_mm[:, 2])[:, None]
    cameras = [Camera(*(part[row] for part in crowd.camera)) for row in range(8)]
    right_px = np.stack([head_axes(camera).right_and_up[0] for camera in cameras]) * scale * 4
    batch = crowd.landmarks_px + right_px[:, None], np.full((8, 2), SIZE_PX), np.zeros(8, bool)
    points = landmark_points(template_model)
    found = fit_densely(template_model, points, *batch, dense, lambda row: photos[row], OPTIONS, 0.0)
    straight = np.abs(crowd.camera.rotation_rad[:, 1]) < 0.3  # the made shift lies in the picture, not on the head
    off = np.linalg.norm(found.landmarks_px - crowd.landmarks_px, axis=2).mean(1)
    assert off[straight].max() < 0.4 * 4 * scale.min()
