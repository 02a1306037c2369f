from dataclasses import replace

import numpy as np
import pytest
import torch

from models3d.camera import project
from models3d.face_model import synthesize
from models3d.fitting.initial_pose import weak_perspective
from models3d.fitting.joint_fit import JointFit, JointFitOptions, fit_together
from models3d.fitting.landmark_fit import LandmarkFitOptions, Status, fit_landmarks, inter_ocular_mm
from models3d.fitting.landmark_term import LandmarkTerm, landmark_points
from tests.models3d.fitting.moving_people import clip, expression_errors, jitter
from tests.models3d.fitting.people import SIZE_PX

EACH = LandmarkFitOptions(
    landmark_sigma=0.03,
    identity_weight=1.0,
    expression_weight=1.0,
    focal_ratio=1.6,
    focal_log_sigma=0.35,
    max_turn_rad=np.deg2rad(75),
    iterations=30,
)
CLIP = JointFitOptions(EACH, smoothness=30.0, one_camera=True)
PHOTOS = JointFitOptions(EACH, smoothness=0.0, one_camera=False)
FRAMES = 15


@pytest.fixture(scope="module")
def filmed(template_model):
    rng = np.random.default_rng(8)
    clips = [clip(template_model, FRAMES, rng) for _ in range(3)]
    landmarks = np.concatenate([one.landmarks_px for one in clips])
    return clips, landmarks + rng.normal(size=landmarks.shape) * 1.5


@pytest.fixture(scope="module")
def fit(template_model):
    """fit(landmarks, groups, options): the photos' own fits, and theirs together."""
    points = landmark_points(template_model)

    def run(landmarks_px, groups, options, more=()):
        sizes, slides = np.full((len(landmarks_px), 2), SIZE_PX), np.zeros(len(landmarks_px), bool)
        start = fit_landmarks(template_model, points, landmarks_px, sizes, slides, options.each)
        return start, fit_together(template_model, points, landmarks_px, sizes, slides, start, groups, options, more)

    return run


def each_clip(count: int = 3) -> list[list[int]]:
    return [list(range(first, first + FRAMES)) for first in range(0, count * FRAMES, FRAMES)]


def test_a_clip_is_steadier_and_no_less_true(fit, filmed, template_model):
    clips, noisy = filmed
    single, joint = fit(noisy, each_clip(), CLIP)
    assert set(joint.status) == {Status.CONVERGED}
    true = np.concatenate([one.expression for one in clips])
    for frames in each_clip():
        assert jitter(joint.expression[frames], true[frames]) < 0.5 * jitter(single.expression[frames], true[frames])
        assert np.ptp(joint.identity[frames], axis=0).max() == 0
        assert np.ptp(joint.camera.focal_px[frames]) == 0
    alone, together = (expression_errors(template_model, found.expression, true) for found in (single, joint))
    assert np.median(together) < np.median(alone)
    assert np.isfinite(joint.expression_sigma).all() and (joint.expression_sigma > 0).all()


def test_photos_of_one_person_tell_more_of_who_it_is(fit, filmed):
    clips, noisy = filmed
    single, joint = fit(noisy, each_clip(), PHOTOS)
    true = np.concatenate([one.identity for one in clips])
    alone, together = (np.sqrt(np.mean((found.identity - true) ** 2)) for found in (single, joint))
    assert together < 0.8 * alone
    assert np.ptp(joint.camera.focal_px[:FRAMES]) > 0


def test_what_it_returns_fits_together(fit, filmed, template_model):
    _, noisy = filmed
    _, joint = fit(noisy, each_clip(), CLIP)
    vertices = synthesize(template_model, joint.identity, joint.expression)[:, template_model.landmarks]
    np.testing.assert_allclose(project(joint.camera, vertices), joint.landmarks_px, atol=5e-3)
    low, high = template_model.expression.bounds.T
    assert (joint.expression >= low - 1e-5).all() and (joint.expression <= high + 1e-5).all()
    assert joint.residual.max() < 0.06


def test_one_photo_alone_is_its_own_fit(fit, filmed):
    _, noisy = filmed
    single, joint = fit(noisy[:3], [[0], [1], [2]], PHOTOS)
    np.testing.assert_allclose(joint.expression, single.expression, atol=0.02)
    np.testing.assert_allclose(joint.identity, single.identity, atol=0.02)


def same(first: JointFit, second: JointFit, rows: list[int]) -> bool:
    return all(
        np.array_equal(getattr(first, name)[rows], getattr(second, name)[rows])
        for name in ("identity", "expression", "expression_sigma", "landmarks_px", "residual", "iterations")
    )


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips(fit, filmed, frames):
    _, noisy = filmed
    single, joint = fit(noisy[:frames], [list(range(frames))], CLIP)
    assert set(joint.status) == {Status.CONVERGED}
    assert np.isfinite(joint.expression_sigma).all()
    assert joint.residual.max() < 2 * single.residual.max()


def test_unusable_frames_leave_the_rest_alone(fit, filmed):
    _, noisy = filmed
    whole = fit(noisy, each_clip(), CLIP)[1]
    spoilt = noisy.copy()
    spoilt[4] = np.nan
    spoilt[9] = 100.0
    spoilt[FRAMES : 2 * FRAMES] = np.inf
    joint = fit(spoilt, each_clip(), CLIP)[1]
    assert joint.status[4] == Status.NOT_FINITE and joint.status[9] == Status.DEGENERATE
    assert set(joint.status[FRAMES : 2 * FRAMES]) == {Status.NOT_FINITE}
    assert np.isnan(joint.expression[[4, 9, FRAMES]]).all() and np.isnan(joint.residual[4])
    rest = [frame for frame in range(FRAMES) if frame not in (4, 9)]
    assert {joint.status[frame] for frame in rest} == {Status.CONVERGED}
    np.testing.assert_allclose(joint.identity[rest], whole.identity[rest], atol=0.5)
    last = list(range(2 * FRAMES, 3 * FRAMES))
    np.testing.assert_allclose(joint.expression[last], whole.expression[last], atol=1e-4)


def test_no_photo_can_be_used_and_no_photo_at_all(fit):
    for count in (0, 3):
        joint = fit(np.full((count, 68, 2), np.nan), [list(range(count))] if count else [], CLIP)[1]
        assert joint.status == (Status.NOT_FINITE,) * count
        assert np.isnan(joint.expression).all()


def test_a_photo_in_no_group_is_left_out(fit, filmed):
    _, noisy = filmed
    joint = fit(noisy[:4], [[0, 2]], PHOTOS)[1]
    assert np.isfinite(joint.residual).tolist() == [True, False, True, False]


def test_same_numbers_in_any_company(fit, filmed):
    _, noisy = filmed
    together, again = (fit(noisy, each_clip(), CLIP)[1] for _ in range(2))
    assert same(together, again, list(range(3 * FRAMES)))
    alone = fit(noisy[:FRAMES], each_clip(1), CLIP)[1]
    np.testing.assert_allclose(alone.expression, together.expression[:FRAMES], atol=1e-4)


def test_takes_any_further_term(fit, filmed, template_model):
    """Landmarks twice, once as a further term, weigh as much as landmarks with a smaller error."""
    _, noisy = filmed
    groups, count = each_clip(1), FRAMES
    options = replace(CLIP, each=replace(EACH, focal_log_sigma=0.0, focal_ratio=1.5))
    from_centre = (noisy[:count] - SIZE_PX / 2).astype(np.float32)
    inner = template_model.mean_mm[template_model.landmarks[17:]]
    ocular_px = inter_ocular_mm(template_model) * weak_perspective(inner, from_centre[:, 17:]).px_per_mm
    points = landmark_points(template_model)
    term = LandmarkTerm(
        points,
        torch.as_tensor(from_centre),
        torch.as_tensor((options.each.landmark_sigma * ocular_px).astype(np.float32)),
        torch.zeros(count, dtype=torch.bool),
    )
    twice = fit(noisy[:count], groups, options, [term])[1]
    sharper = replace(options, each=replace(options.each, landmark_sigma=options.each.landmark_sigma / 2**0.5))
    np.testing.assert_allclose(twice.expression, fit(noisy[:count], groups, sharper)[1].expression, atol=5e-3)
