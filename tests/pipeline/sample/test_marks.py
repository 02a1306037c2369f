import numpy as np
import pytest

from models3d.camera import Camera, project
from models3d.landmarks import JAW
from pipeline.sample.marks import marks_px


def seen_at(model, yaw_rad):
    camera = Camera(np.array([0, yaw_rad, 0]), np.array([0, 0, 700.0]), np.float64(400), np.array([128.0, 128.0]))
    return project(camera, model.mean_mm)


def test_only_the_jaw_is_marked_elsewhere(template_model):
    points = seen_at(template_model, 0.5)
    moved = np.linalg.norm(
        marks_px(template_model.mean_mm, template_model.landmarks, points) - points[template_model.landmarks], axis=1
    )
    assert np.all(moved[JAW.stop :] == 0) and moved[8] == 0


@pytest.mark.parametrize(("yaw_rad", "far"), [(0.6, slice(9, 17)), (-0.6, slice(0, 8))])
def test_on_a_turned_face_the_far_side_is_marked_further_out(template_model, yaw_rad, far):
    points = seen_at(template_model, yaw_rad)
    own = points[template_model.landmarks]
    marked = marks_px(template_model.mean_mm, template_model.landmarks, points)
    outwards = (marked - own)[far, 0] * np.sign(template_model.mean_mm[template_model.landmarks[far], 0])
    assert np.all(outwards >= 0) and outwards.max() > 5
