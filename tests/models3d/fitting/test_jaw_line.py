from dataclasses import replace

import numpy as np
import pytest

from models3d.fitting.jaw_line import CANDIDATES, jaw_line
from models3d.landmarks import JAW


def places(model, jaw) -> np.ndarray:
    return (model.mean_mm[jaw.corners] * jaw.weights[..., None]).sum(2)


def test_strips_run_from_the_landmarks_over_the_skin_to_the_midline(template_model):
    jaw = jaw_line(template_model)
    along = places(template_model, jaw)
    assert along.shape == (17, CANDIDATES, 3)
    np.testing.assert_array_equal(along[:, 0], template_model.mean_mm[template_model.landmarks[JAW]])
    np.testing.assert_allclose(jaw.weights.sum(2), 1, atol=1e-5)
    assert np.linalg.norm(np.diff(along, axis=1), axis=2).max() < 8, "no jumps: nothing behind the skin is taken"
    ears = [0, 16]
    assert (np.abs(along[ears, -1, 0]) < 0.5 * np.abs(along[ears, 0, 0])).all()
    assert (along[ears, -1, 2] > along[ears, 0, 2] + 30).all()
    np.testing.assert_allclose(along[ears, 1:, 1], along[ears, :1, 1].repeat(CANDIDATES - 1, 1), atol=1.0)
    assert (np.diff(along[8, :, 1]) > 0).all(), "the chin's goes up"


def test_outward_is_sideways_at_the_ears_and_down_at_the_chin(template_model):
    outward = jaw_line(template_model).outward
    np.testing.assert_allclose(outward[[0, 8, 16]], [[-1, 0, 0], [0, -1, 0], [1, 0, 0]], atol=0.1)


def test_a_hole_in_the_mesh_is_bridged(template_model):
    whole = places(template_model, jaw_line(template_model))
    inside = np.linalg.norm(template_model.mean_mm - whole[3, 8], axis=1) < 4
    torn = replace(template_model, triangles=template_model.triangles[~inside[template_model.triangles].any(1)])
    bridged = places(torn, jaw_line(torn))
    assert np.isfinite(bridged).all()
    np.testing.assert_allclose(bridged[3, 8], bridged[3, 7], atol=4)
    np.testing.assert_allclose(bridged[[0, 16]], whole[[0, 16]], atol=1e-3)
    assert not np.allclose(bridged[3, 8], whole[3, 8], atol=1e-3), "the hole was there"


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_does_not_depend_on_the_size_of_the_head(template_model, scale):
    larger = replace(template_model, mean_mm=template_model.mean_mm * np.float32(scale))
    np.testing.assert_allclose(
        places(larger, jaw_line(larger)) / scale, places(template_model, jaw_line(template_model)), atol=1.0
    )
