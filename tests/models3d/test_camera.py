import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models3d.camera import CAMERA_FIELDS, Camera, pack, project, unpack

FRONTAL = Camera(np.zeros(3), np.array([0.0, 0.0, 1000.0]), np.float64(500.0), np.array([64.0, 32.0]))


def test_a_frontal_face_looks_at_the_camera():
    right_up_near = np.array([[10.0, 0, 0], [0, 10.0, 0], [0, 0, 500.0], [10.0, 0, 500.0]])
    expected = [[69, 32], [64, 27], [64, 32], [74, 32]]  # right, up, ahead; nearer things are larger
    np.testing.assert_allclose(project(FRONTAL, right_up_near), expected)


def test_a_turn_about_y_moves_the_nose_right():
    turned = FRONTAL._replace(rotation_rad=np.array([0, np.pi / 2, 0]))
    nose = np.array([[0, 0, 100.0]])
    np.testing.assert_allclose(project(turned, nose), [[64 + 50, 32]])


@given(st.lists(st.floats(-3, 3), min_size=9, max_size=9))
def test_packing_is_undone(numbers):
    packed = np.array(numbers)
    assert len(CAMERA_FIELDS) == len(packed)
    np.testing.assert_array_equal(pack(unpack(packed)), packed)


def test_batches_are_rows(rng):
    packed = rng.normal(size=(4, 9)) + np.array([0, 0, 0, 0, 0, 500, 300, 0, 0])
    points = rng.normal(size=(4, 6, 3))
    together = project(unpack(packed), points)
    alone = [project(unpack(packed[i]), points[i]) for i in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
