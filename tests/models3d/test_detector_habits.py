import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.camera import Camera, project
from models3d.detector_habits import Detections, learn_habits, missed, offsets_mm
from models3d.face_model import LANDMARK_COUNT

FACES, UNITS, NOISE_MM = 600, 4, 0.8


@pytest.fixture(scope="module")
def truth():
    """Shift, gains and noise of a made detector, and what it makes of heads in many poses."""
    rng = np.random.default_rng(4)
    turns = Rotation.from_euler("YXZ", rng.normal(0, [25, 10, 10], (FACES, 3)), degrees=True)
    camera = Camera(
        turns.as_rotvec(),
        np.column_stack([rng.normal(size=(FACES, 2)) * 20, rng.uniform(1500, 2500, FACES)]),
        rng.uniform(900, 1400, FACES),
        np.full((FACES, 2), 128.0),
    )
    places = rng.normal(size=(LANDMARK_COUNT, 3)) * [40, 50, 20]
    shift = rng.normal(size=(LANDMARK_COUNT, 3)) * 3
    gains = rng.normal(size=(LANDMARK_COUNT, 3, UNITS))
    expression = rng.uniform(0, 2, (FACES, UNITS)).astype(np.float32)
    marked = places + shift + np.einsum("lak,nk->nla", gains, expression)
    together = rng.normal(size=(FACES, 1, 2))  # all landmarks err alike
    noise_px = (rng.normal(size=(FACES, LANDMARK_COUNT, 2)) + together) * NOISE_MM
    scale = (camera.focal_px / camera.translation_mm[:, 2])[:, None, None]
    detected = project(camera, marked) + noise_px * scale
    return shift, gains, Detections(camera, expression, project(camera, np.tile(places, (FACES, 1, 1))), detected)


def test_places_and_gains_are_found(truth):
    shift, gains, found = truth
    habits = learn_habits(found)
    in_picture = slice(0, 2)  # depth shows little, and is held back
    assert np.abs(habits.shift_mm - shift)[:, in_picture].mean() < 0.25
    assert np.abs(habits.gains_mm - gains)[:, in_picture].mean() < 0.12
    assert np.corrcoef(habits.shift_mm[:, 2], shift[:, 2])[0, 1] > 0.8


def test_whitening_makes_what_is_left_independent(truth):
    _, _, found = truth
    habits = learn_habits(found)
    half = [rows[::2] for rows in found[1:]]
    part = Detections(Camera(*(rows[::2] for rows in found.camera)), *half)
    offsets, turned = offsets_mm(part)
    places = habits.shift_mm + np.einsum("lak,nk->nla", habits.gains_mm, part.expression)
    left = offsets - np.einsum("nca,nla->nlc", turned, places)
    white = left.reshape(len(left), -1) @ habits.whitening.T
    assert np.square(white).mean() == pytest.approx(1, abs=0.1)
    raw = left[:, :, 1] @ np.ones(LANDMARK_COUNT) / LANDMARK_COUNT  # the error that all share
    assert raw.std() == pytest.approx(NOISE_MM, rel=0.15), "correlated errors do not average out"
    assert np.abs(np.corrcoef(white.T) - np.eye(2 * LANDMARK_COUNT)).mean() < 0.07


def test_a_face_that_was_not_found_teaches_nothing(truth):
    _, _, found = truth
    wrong = found.detected_px.copy()
    wrong[7] += 300
    spoilt = found._replace(detected_px=wrong)
    assert missed(offsets_mm(spoilt)[0]).nonzero()[0].tolist() == [7]
    np.testing.assert_allclose(learn_habits(spoilt).shift_mm, learn_habits(found).shift_mm, atol=0.15)


def test_a_detector_without_habits():
    rng = np.random.default_rng(0)
    camera = Camera(
        rng.normal(size=(40, 3)) * 0.2, np.tile([0.0, 0, 900], (40, 1)), np.full(40, 900.0), np.zeros((40, 2))
    )
    seen = project(camera, np.tile(rng.normal(size=(LANDMARK_COUNT, 3)) * 40, (40, 1, 1)))
    noise = rng.normal(size=seen.shape) * 0.5
    habits = learn_habits(Detections(camera, np.zeros((40, UNITS), np.float32), seen, seen + noise))
    assert np.abs(habits.shift_mm).max() < 0.5
    np.testing.assert_array_equal(habits.gains_mm, 0)
