import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from models3d.camera import project
from models3d.face_model import LANDMARK_COUNT, synthesize
from models3d.fitting.detected_term import ROWS, DetectedTerm, detector_points
from models3d.fitting.joint_fit import JointFitOptions, fit_together
from models3d.fitting.landmark_fit import LandmarkFitOptions, Status, fit_landmarks
from models3d.fitting.landmark_term import landmark_points, step_length
from models3d.fitting.state import CAMERA, State, move
from models3d.learnt_offsets import DetectorHabits, head_axes
from tests.models3d.fitting.people import SIZE_PX, people
from tests.models3d.fitting.test_landmark_fit import same

OPTIONS = LandmarkFitOptions(0.02, 1.0, 1.0, 1.5, 0.0, np.deg2rad(75), 30)
SIGMA_MM = 0.5


@pytest.fixture(scope="module")
def habits(template_model) -> DetectorHabits:
    """Marks places some millimetres away, and shows every expression a little otherwise than it is."""
    rng = np.random.default_rng(2)
    return DetectorHabits(
        (rng.normal(size=(LANDMARK_COUNT, 3)) * 4).astype(np.float32),
        (rng.normal(size=(LANDMARK_COUNT, 3, len(template_model.expression))) * 0.5).astype(np.float32),
        np.eye(2 * LANDMARK_COUNT, dtype=np.float32) / np.float32(SIGMA_MM),
    )


@pytest.fixture(scope="module")
def crowd(template_model):
    return people(template_model, 10)


@pytest.fixture(scope="module")
def detected_px(template_model, habits, crowd):
    """What such a detector makes of the crowd."""
    places = synthesize(template_model, crowd.identity, crowd.expression)[:, template_model.landmarks]
    return project(crowd.camera, places + habits.shift_mm + np.einsum("lak,bk->bla", habits.gains_mm, crowd.expression))


@pytest.fixture(scope="module")
def fit(template_model, habits, detected_px):
    points, detector = landmark_points(template_model), detector_points(template_model, habits)

    def run(rows=range(10), known: bool = True):
        sizes, slides = np.full((len(rows), 2), SIZE_PX), np.zeros(len(rows), bool)
        batch = template_model, points, detected_px[list(rows)], sizes, slides, OPTIONS
        return fit_landmarks(*batch, detector=detector if known else None)

    return run


def state_of(crowd, template_model) -> State:
    """The truth as a state."""
    coefficients = np.concatenate([crowd.identity, crowd.expression], axis=1)
    whole = np.zeros((len(coefficients), step_length(template_model) - CAMERA))
    whole[:, : coefficients.shape[1]] = coefficients
    turns = Rotation.from_rotvec(crowd.camera.rotation_rad).as_matrix()
    parts = turns, crowd.camera.translation_mm, np.log(crowd.camera.focal_px), whole
    return State(*(torch.as_tensor(part, dtype=torch.float32) for part in parts))


def test_the_truth_costs_nothing_and_a_pixel_what_it_should(template_model, habits, crowd, detected_px):
    detector, state = detector_points(template_model, habits), state_of(crowd, template_model)
    from_centre = torch.as_tensor(detected_px - SIZE_PX / 2, dtype=torch.float32)
    assert DetectedTerm(detector, from_centre, torch.ones(len(from_centre))).at(state).cost(state).max() < 1e-2
    from_centre[:, 30, 0] += 1
    px_per_mm = np.array(
        [head_axes(type(crowd.camera)(*(p[row] for p in crowd.camera))).px_per_mm for row in range(10)]
    )
    expected = 0.5 / (px_per_mm * SIGMA_MM) ** 2
    np.testing.assert_allclose(
        DetectedTerm(detector, from_centre, torch.ones(len(from_centre))).at(state).cost(state),
        expected,
        rtol=0.03,
        atol=0.01,
    )


def test_idle_rows_have_no_part(template_model, habits):
    detector = detector_points(template_model, habits)
    assert detector.mean_mm.shape == (ROWS, 3)
    assert not detector.whitening[2 * LANDMARK_COUNT :].any()
    assert not detector.whitening[:, 2 * LANDMARK_COUNT :].any()


def test_gradient_is_the_slope(template_model, habits, crowd, detected_px):
    state = state_of(crowd, template_model)
    from_centre = torch.as_tensor(detected_px - SIZE_PX / 2 + 2, dtype=torch.float32)
    energy = DetectedTerm(detector_points(template_model, habits), from_centre, torch.ones(len(from_centre))).at(state)
    gradient = energy.quadratic(state).gradient
    for entry in (1, 3, CAMERA, CAMERA + len(template_model.identity) + 1):
        step = torch.zeros_like(gradient)
        step[:, entry] = 1e-3
        slope = (energy.cost(move(state, step)) - energy.cost(move(state, -step))) / 2e-3
        torch.testing.assert_close(slope, gradient[:, entry], rtol=0.05, atol=0.03 * gradient.abs().max().item())


def test_a_known_detector_is_seen_through(fit, crowd, template_model):
    found, naive = fit(), fit(known=False)
    assert set(found.status) == {Status.CONVERGED}
    wrong, naively = (np.abs(each.expression - crowd.expression).mean() for each in (found, naive))
    assert wrong < 0.5 * naively
    off, naive_off = (np.linalg.norm(each.landmarks_px - crowd.landmarks_px, axis=2).mean() for each in (found, naive))
    assert off < 0.35 < 2 * off + 0.35 < naive_off + 0.35, "the landmarks are the model's own, not the detector's"
    assert found.residual.max() < 0.01, "while what is left is the detector's"


def test_a_row_has_the_same_bytes_in_any_batch(fit):
    whole = fit()
    for rows in ([0], [9, 6], [3, 1, 4]):
        assert same(fit(rows), whole, rows)


def test_jointly_too_each_landmark_is_judged_by_where_it_comes_from(template_model, habits, crowd, detected_px):
    """Every other photo has landmarks of a file; alone in its group, each is its own fit."""
    points, detector = landmark_points(template_model), detector_points(template_model, habits)
    by_detector = np.arange(10) % 2 == 0
    marks = np.where(by_detector[:, None, None], detected_px, crowd.landmarks_px)
    batch = template_model, points, marks, np.full((10, 2), SIZE_PX), np.zeros(10, bool)
    plain, known = fit_landmarks(*batch, OPTIONS), fit_landmarks(*batch, OPTIONS, detector=detector)
    options = JointFitOptions(OPTIONS, smoothness=0.0, one_camera=False)
    found = fit_together(*batch, plain, [[row] for row in range(10)], options, detected=(detector, by_detector))
    for name in ("identity", "expression", "residual", "expression_sigma"):
        for rows, own in ((by_detector, known), (~by_detector, plain)):
            np.testing.assert_allclose(getattr(found, name)[rows], getattr(own, name)[rows], atol=0.05)
    assert np.abs(known.expression - plain.expression)[by_detector].max() > 0.3, "they differ"
