import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.camera import project
from models3d.face_model import synthesize
from models3d.fitting.initial_pose import weak_perspective
from models3d.fitting.landmark_fit import REASONS, LandmarkFit, Status, inter_ocular_mm
from tests.models3d.fitting.people import SIZE_PX, mark_outline, people

EXACT = {"landmark_sigma": 1e-3, "identity_weight": 1e-2, "expression_weight": 1e-2}
"""Of landmarks without noise: they outweigh the priors."""


def same(first: LandmarkFit, second: LandmarkFit, rows=slice(None)) -> bool:
    """Whether two fits have the same bytes, the first that of some rows of the second."""
    arrays = ("identity", "expression", "landmarks_px", "residual", "expression_sigma", "iterations")
    pairs = [(getattr(first, name), getattr(second, name)[rows]) for name in arrays]
    pairs += [(a, b[rows]) for a, b in zip(first.camera, second.camera, strict=True)]
    statuses = first.status == tuple(np.array(second.status, object)[rows])
    return statuses and all(a.tobytes() == np.ascontiguousarray(b).tobytes() for a, b in pairs)


def turn_error_deg(found: LandmarkFit, truth) -> np.ndarray:
    between = Rotation.from_rotvec(found.camera.rotation_rad).inv() * Rotation.from_rotvec(truth.camera.rotation_rad)
    return np.rad2deg(between.magnitude())


def expression_error(model, found: LandmarkFit, truth) -> float:
    """Median over photos: displacement that is wrong over displacement that is true."""
    neutral = np.zeros_like(truth.identity)
    true, wrong = (
        synthesize(model, neutral, expression) - model.mean_mm
        for expression in (truth.expression, found.expression - truth.expression)
    )
    return float(np.median(np.linalg.norm(wrong, axis=(1, 2)) / np.linalg.norm(true, axis=(1, 2))))


def test_recovers_the_truth_without_noise(fit, crowd):
    found = fit(crowd.landmarks_px, **EXACT)
    assert set(found.status) == {Status.CONVERGED}
    np.testing.assert_allclose(found.expression, crowd.expression, atol=0.1)
    np.testing.assert_allclose(found.identity, crowd.identity, atol=0.1)
    np.testing.assert_allclose(found.camera.translation_mm, crowd.camera.translation_mm, rtol=0.005, atol=0.5)
    np.testing.assert_allclose(found.landmarks_px, crowd.landmarks_px, atol=0.02)
    assert turn_error_deg(found, crowd).max() < 0.3
    assert found.residual.max() < 1e-3


def test_recovers_the_focal_length_where_it_is_asked_to(fit, crowd):
    expected_wrongly = {"focal_ratio": 1.5 * 1.3, "focal_log_sigma": 0.35}
    found = fit(crowd.landmarks_px, **EXACT, **expected_wrongly)
    np.testing.assert_allclose(found.camera.focal_px, 1.5 * SIZE_PX, rtol=0.03)
    fixed = fit(crowd.landmarks_px, **EXACT, focal_ratio=1.5 * 1.3)
    np.testing.assert_allclose(fixed.camera.focal_px, 1.5 * 1.3 * SIZE_PX, rtol=1e-5)


def test_what_it_returns_fits_together(fit, crowd, template_model, rng):
    noisy = crowd.landmarks_px + rng.normal(size=crowd.landmarks_px.shape)
    found = fit(noisy)
    vertices = synthesize(template_model, found.identity, found.expression)[:, template_model.landmarks]
    np.testing.assert_allclose(project(found.camera, vertices), found.landmarks_px, atol=5e-3)
    eyes = vertices[:, 36] - vertices[:, 45]
    ocular_px = np.linalg.norm(eyes, axis=1) * found.camera.focal_px / found.camera.translation_mm[:, 2]
    rms = np.sqrt(np.square(found.landmarks_px - noisy).sum(2).mean(1))
    np.testing.assert_allclose(found.residual, rms / ocular_px, rtol=0.2)  # the eyes are nearer than the head's origin


def test_errors_are_as_large_as_their_standard_errors(fit, crowd, template_model, rng):
    scale = 0.02 * np.linalg.norm(crowd.landmarks_px[:, 36] - crowd.landmarks_px[:, 45], axis=1)
    found = fit(crowd.landmarks_px + rng.normal(size=crowd.landmarks_px.shape) * scale[:, None, None])
    sigma, (low, high) = found.expression_sigma, template_model.expression.bounds.T
    assert (sigma > 0).all() and (sigma < 1.01 * (high - low)).all()
    inside = (found.expression > low + 1e-3) & (found.expression < high - 1e-3)
    held = np.abs(found.expression - crowd.expression)[inside] <= sigma[inside]
    assert 0.4 < held.mean() < 0.8, "the crowd's expressions are stronger than its prior has them"
    assert (fit(crowd.landmarks_px, landmark_sigma=0.002).expression_sigma < sigma).mean() > 0.95


def test_bounds_hold_and_help(fit, crowd, template_model, rng):
    noisy = crowd.landmarks_px + rng.normal(size=crowd.landmarks_px.shape) * 4
    found = fit(noisy, expression_weight=0.01, identity_weight=0.01)
    low, high = template_model.expression.bounds.T
    assert (found.expression >= low).all() and (found.expression <= high).all()
    assert (np.abs(found.identity) <= 3).all()
    assert np.isin(found.expression, (0, 3)).mean() > 0.1, "they were needed"


def test_the_end_is_a_minimum(fit, crowd, template_model, rng):
    """Against the energy written out in NumPy: no single coefficient can be moved for the better."""
    noisy = crowd.landmarks_px + rng.normal(size=crowd.landmarks_px.shape) * 1.5
    found = fit(noisy)
    inner = slice(17, 68)
    pose = weak_perspective(template_model.mean_mm[template_model.landmarks[inner]], noisy[:, inner] - SIZE_PX / 2)
    sigma = 0.02 * inter_ocular_mm(template_model) * pose.px_per_mm

    def energy(row: int, identity: np.ndarray, expression: np.ndarray) -> float:
        vertices = synthesize(template_model, identity, expression)[template_model.landmarks].astype(np.float64)
        camera = type(found.camera)(*(part[row].astype(np.float64) for part in found.camera))
        miss = np.square(project(camera, vertices) - noisy[row]).sum() / sigma[row] ** 2
        return miss + np.square(identity).sum() + np.square(expression).sum()

    low, high = template_model.expression.bounds.T
    for row in range(3):
        best = energy(row, found.identity[row], found.expression[row])
        for component in range(len(low)):
            for step in (-0.3, 0.3):
                moved = found.expression[row].copy()
                moved[component] = np.clip(moved[component] + step, low[component], high[component])
                assert energy(row, found.identity[row], moved) >= best - 1e-3


@pytest.mark.parametrize("yaw_deg", [-40, 40])
def test_sliding_jaw_line_helps_at_40_degrees(fit, template_model, yaw_deg):
    crowd = people(template_model, 12, yaw_rad=np.deg2rad(yaw_deg))
    marked = mark_outline(template_model, crowd)
    assert np.linalg.norm(marked - crowd.landmarks_px, axis=2).max() > 8, "the outline is elsewhere than the vertices"
    slid, stiff = fit(marked, slides=True), fit(marked)
    assert np.median(slid.residual) < 0.5 * np.median(stiff.residual)
    assert np.median(turn_error_deg(slid, crowd)) < 0.5 * np.median(turn_error_deg(stiff, crowd))
    assert expression_error(template_model, slid, crowd) < 0.8 * expression_error(template_model, stiff, crowd)


@pytest.mark.parametrize("yaw_deg", [0, 30, 60, 70])
def test_converges_from_the_closed_form_at_any_turn(fit, template_model, yaw_deg):
    crowd = people(template_model, 12, yaw_rad=np.deg2rad(yaw_deg))
    found = fit(crowd.landmarks_px, **EXACT)
    assert set(found.status) == {Status.CONVERGED}
    assert turn_error_deg(found, crowd).max() < 0.5


def test_a_face_at_80_degrees_is_marked_as_turned(fit, template_model):
    found = fit(people(template_model, 2, yaw_rad=np.deg2rad(80)).landmarks_px)
    assert found.status == (Status.TURNED, Status.TURNED)


def test_bad_rows_get_a_status_and_leave_the_others_alone(fit, crowd):
    landmarks = crowd.landmarks_px.copy()
    landmarks[1, 30] = np.nan
    landmarks[2, 3] = np.inf
    landmarks[4] = 100.0
    landmarks[6] = np.outer(np.arange(68), [1.0, 2.0])
    landmarks[8] = landmarks[8] * (-1, 1) + (SIZE_PX, 0)  # mirrored: only a face seen from behind looks so
    found = fit(landmarks)
    bad = {1: Status.NOT_FINITE, 2: Status.NOT_FINITE, 4: Status.DEGENERATE, 6: Status.DEGENERATE, 8: Status.TURNED}
    for row, status in bad.items():
        assert found.status[row] == status
        assert REASONS[status]
        if status != Status.TURNED:
            assert np.isnan(found.expression[row]).all() and np.isnan(found.residual[row])
    good = [row for row in range(12) if row not in bad]
    assert {found.status[row] for row in good} == {Status.CONVERGED}
    assert same(fit(landmarks[good]), found, good)


@pytest.mark.parametrize("slides", [False, True])
def test_a_row_has_the_same_bytes_in_any_batch(fit, crowd, rng, slides):
    noisy = crowd.landmarks_px + rng.normal(size=crowd.landmarks_px.shape)
    whole = fit(noisy, slides)
    assert same(fit(noisy, slides), whole)
    for rows in ([0], [7, 6], [3, 1, 4, 1, 5, 9, 2]):
        assert same(fit(noisy[rows], slides), whole, rows)


def test_all_rows_bad_and_no_rows_at_all(fit):
    assert fit(np.full((2, 68, 2), np.nan)).status == (Status.NOT_FINITE,) * 2
    empty = fit(np.zeros((0, 68, 2)))
    assert empty.status == () and empty.landmarks_px.shape == (0, 68, 2)


def test_says_that_it_ran_out_of_iterations(fit, crowd):
    found = fit(crowd.landmarks_px, iterations=1)
    assert set(found.status) == {Status.UNFINISHED}
    assert np.isfinite(found.residual).all()


def test_a_tight_crop_is_not_taken_for_a_photo_from_within_arms_reach(fit, crowd):
    middle = crowd.landmarks_px.mean(1, keepdims=True)
    found = fit((crowd.landmarks_px - middle) * 3 + SIZE_PX / 2)
    assert (found.camera.focal_px > 1.5 * 1.5 * SIZE_PX).all()
    assert (found.camera.translation_mm[:, 2] > 450).all()
    assert set(found.status) == {Status.CONVERGED}
