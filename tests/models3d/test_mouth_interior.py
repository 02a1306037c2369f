"""Which part of a model lies behind the lips, and what is put there."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.landmarks import INNER_LIPS
from models3d.mouth_interior import LOWER, TONGUE, UPPER, interior, jaw_motion, lid_over_hole, mouth_region
from models3d.readers.ict import read_ict


def test_a_mouth_that_ends_in_a_hole_has_a_border_to_close(template_model):
    region = mouth_region(template_model)
    lips = template_model.mean_mm[template_model.landmarks[INNER_LIPS]].mean(0)
    assert len(region.hole) > 20
    near = np.linalg.norm(template_model.mean_mm[region.hole[:, 0]] - lips, axis=1)
    assert near.max() < 45
    point, fan = lid_over_hole(region.hole, template_model.mean_mm)
    assert point[2] < template_model.mean_mm[region.hole[:, 0], 2].mean(), "behind the border"
    assert len(fan) == len(region.hole) and (fan[:, 2] == len(template_model.mean_mm)).all()
    assert not region.triangles[(template_model.triangles == template_model.landmarks[30]).any(1)].any(), "not the nose"


def test_a_mouth_with_a_socket_and_teeth(ict_folder):
    model = read_ict(ict_folder / "FaceXModel")
    region = mouth_region(model)
    used = np.unique(model.triangles[region.triangles])
    assert (used > 9408).mean() > 0.5, "teeth, gums, tongue and socket are numbered after the face"
    assert region.lining.sum() <= region.triangles.sum()


@pytest.fixture
def jaw(rng):
    points = rng.normal(size=(5, 3)) * (30, 5, 20) + (0, -60, 20)
    return points.astype(np.float32)


def test_a_jaw_that_turns_a_little_carries_the_teeth_with_it(jaw):
    """Slow reference: the exact rotation about the hinge, for a small angle."""
    hinge, turn = np.array([0.0, 0.0, -70.0]), Rotation.from_rotvec([0.002, 0.001, 0])
    teeth = np.array([[0.0, -40, 40], [10, -40, 35]])

    def carried(points):
        return turn.apply(points - hinge) + hinge - points

    found = jaw_motion(teeth, jaw, carried(jaw)[None])
    np.testing.assert_allclose(found[0], carried(teeth), atol=1e-3)


def test_a_jaw_that_shifts_and_components_that_add_up(jaw, rng):
    shift = np.tile([1.0, -2.0, 3.0], (5, 1))
    np.testing.assert_allclose(jaw_motion(jaw, jaw, shift[None])[0], shift, atol=1e-4)
    parts = rng.normal(size=(3, 5, 3))
    single, summed = jaw_motion(jaw, jaw, parts), jaw_motion(jaw, jaw, parts.sum(0)[None])
    np.testing.assert_allclose(single.sum(0), summed[0], atol=1e-4)


def test_teeth_stand_behind_the_lips_and_face_outwards(template_model):
    found = interior(template_model)
    lips = template_model.mean_mm[template_model.landmarks[INNER_LIPS]].mean(0)
    offset = found.vertices - lips
    assert offset[:, 2].max() < 0 and np.abs(offset[:, 0]).max() < 35
    a, b, c = found.vertices[found.triangles].transpose(1, 0, 2)
    outward = np.cross(b - a, c - a)
    for part in (UPPER, LOWER):
        front = outward[found.part == part]
        assert (front.sum(0) * (0, 0, 1)).sum() > 0, "towards the camera"
    assert set(found.part) == {UPPER, LOWER, TONGUE}
    upper, lower = (found.vertices[np.unique(found.triangles[found.part == part])] for part in (UPPER, LOWER))
    assert upper[:, 1].mean() > lower[:, 1].mean()
    assert not found.on_jaw[np.unique(found.triangles[found.part == UPPER])].any()
    assert found.on_jaw[np.unique(found.triangles[found.part == LOWER])].all()


def test_light_is_never_more_than_comes_in(template_model):
    found = interior(template_model)
    assert (found.white >= 0).all() and (found.flesh >= 0).all() and (found.white + found.flesh <= 1).all()
    assert ((found.white > 0) ^ (found.flesh > 0)).all(), "either enamel or flesh"
    behind = found.vertices[:, 2] < found.vertices[:, 2].min() + 10
    assert found.flesh[behind & (found.flesh > 0)].max() < found.flesh.max(), "darker deep inside"
