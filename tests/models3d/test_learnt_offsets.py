import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.camera import Camera, project
from models3d.learnt_offsets import CLIP, SURER_AND_LESS_SURE, Regressor, head_axes, predict, standardised


def camera(degrees: list[float]) -> Camera:
    turn = Rotation.from_euler("YXZ", degrees, degrees=True).as_rotvec()
    return Camera(turn, np.array([10.0, 5.0, 800.0]), np.asarray(600.0), np.array([128.0, 128.0]))


@pytest.mark.parametrize("degrees", [[0, 0, 0], [0, 0, 30], [25, 10, -70], [0, 0, 179]])
def test_axes_turn_with_the_head(degrees):
    axes = head_axes(camera(degrees))
    np.testing.assert_allclose(axes.right_and_up @ axes.right_and_up.T, np.eye(2), atol=1e-12)
    seen = project(camera(degrees), np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]))
    right, up = axes.to_mm(seen[1:] - seen[0])
    assert up[1] > 0.9 and abs(up[0]) < 0.01, "a millimetre up the head is one up"
    assert right[0] > 0.85


def test_millimetres_and_pixels_are_inverse(rng):
    axes, offsets = head_axes(camera([20, -10, 40])), rng.normal(size=(5, 2))
    np.testing.assert_allclose(axes.to_mm(axes.to_px(offsets)), offsets)
    np.testing.assert_allclose(np.linalg.norm(axes.to_px(offsets), axis=1), np.linalg.norm(offsets, axis=1) * 0.75)


def test_worked_example():
    one, none = np.ones(4, np.float32), np.zeros(4, np.float32)
    regressor = Regressor(
        centre=np.array([1.0, 0.0], np.float32),
        scale=np.array([2.0, 1.0], np.float32),
        offset=np.array([[1, 0, 0, 1], [0, 0, 3, 0]], np.float32),
        offset_bias=0.5 * one,
        log_sigma=np.array([[0, 0, 0, 0], [1, -9, 9, 0]], np.float32),
        log_sigma_bias=none,
    )
    found = predict(regressor, np.array([2.0, 1.0], np.float32))
    np.testing.assert_allclose(found.offset_mm, [[2.5, 0.5], [3.5, 2.5]])
    least, most = SURER_AND_LESS_SURE
    np.testing.assert_allclose(found.sigma_mm, np.exp([[1.0, least], [most, 0.0]]), rtol=1e-6)


def test_features_far_from_all_that_was_seen_are_clipped():
    wild = np.array([1e9, -1e9, 0.0], np.float32)
    np.testing.assert_array_equal(
        standardised(np.zeros(3, np.float32), np.ones(3, np.float32), wild), np.array([CLIP, -CLIP, 0], np.float32)
    )
