import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.errors import UnusableDatum
from models3d.face_model import synthesize
from models3d.rigid import apply, similarity
from models3d.stable_alignment import SAMPLES, stable_motion
from tests.mesh_sequences import mask_model


@pytest.fixture(scope="module")
def mask():
    return mask_model()


def posed(vertices, rng, degrees=5.0):
    turn = Rotation.from_rotvec(np.deg2rad(rng.normal(scale=degrees, size=3)))
    return turn.apply(vertices) + rng.normal(scale=10, size=3)


def test_the_head_goes_back_to_where_it_was(mask, rng):
    still = synthesize(mask, rng.normal(size=3), np.zeros(4))
    motion = stable_motion(posed(still, rng), still)
    np.testing.assert_allclose(motion.rotation @ motion.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(motion.rotation) > 0 and motion.scale == 1
    moved = posed(still, rng)
    np.testing.assert_allclose(apply(stable_motion(moved, still), moved), still, atol=1e-4)


def test_an_expression_does_not_pull_the_head_along(mask, rng):
    """Several actions at full strength: what is left of the head's motion is a twentieth of least squares'."""
    still = synthesize(mask, rng.normal(size=3), np.zeros(4))
    expressive = synthesize(mask, np.zeros(3), np.array([3.0, 3.0, 0.0, 3.0])) - mask.mean_mm + still
    moved = posed(expressive, rng)

    def error(motion):
        return np.linalg.norm(apply(motion, moved) - expressive, axis=1).mean()

    plain = error(similarity(moved, still, scaled=False))
    assert plain > 0.4 and error(stable_motion(moved, still)) < plain / 20


def test_noise_does_not_mislead(mask, rng):
    still = synthesize(mask, rng.normal(size=3), np.zeros(4))
    moved = posed(still, rng)
    noisy = moved + rng.normal(scale=0.3, size=still.shape)
    assert np.linalg.norm(apply(stable_motion(noisy, still), moved) - still, axis=1).mean() < 0.1


def test_a_dense_mesh_is_sampled(mask, rng):
    """Vertices between the samples have no say."""
    still = rng.normal(scale=60, size=(3 * SAMPLES, 3))
    moved = posed(still, rng)
    spoilt = moved.copy()
    spoilt[1::3] += 500
    np.testing.assert_array_equal(stable_motion(moved, still).rotation, stable_motion(spoilt, still).rotation)


def test_coinciding_points_have_no_motion():
    with pytest.raises(UnusableDatum, match="coincide"):
        stable_motion(np.ones((10, 3)), np.arange(30.0).reshape(10, 3))
