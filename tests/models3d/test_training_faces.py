"""Run on the packaged template, which has neither eyeballs nor a mouth's inside."""

import numpy as np
import pytest

from models3d.camera import project
from models3d.dense_layout import POINTS, TEXELS, dense_layout
from models3d.errors import InputError
from models3d.face_paint import face_paint
from models3d.fast_shading import shade_vertices
from models3d.landmarks import JAW, LEFT_BROW, RIGHT_BROW
from models3d.render import IRRADIANCE, Lighting, Surface, shade
from models3d.training_faces import CROP_PX, Casting, draw_expression, draw_people, photograph, studio

CASTING = Casting(bump_mm=1.0)


@pytest.fixture(scope="module")
def stage(template_model):
    return studio(template_model, CASTING, np.random.default_rng(0))


def test_paint_is_where_it_belongs(template_model):
    paint = face_paint(template_model)
    own, height = template_model.landmarks, template_model.mean_mm[:, 1]
    assert (paint.brows[own[RIGHT_BROW.start : LEFT_BROW.stop]] > 0.9).all()
    assert (paint.lips[own[51]], paint.lips[own[30]]) == (pytest.approx(0.5, abs=0.5), 0)
    assert paint.lips[height > height[own[33]]].max() < 0.01
    assert paint.beard[own[8]] > 0.5 and paint.beard[own[27]] == 0
    for eye, corner in zip(paint.eyeballs, (36, 45), strict=True):
        assert len(eye.vertices) > 20
        middle = template_model.mean_mm[eye.vertices].mean(0)
        assert np.linalg.norm(middle - template_model.mean_mm[own[corner]]) < 30
        np.testing.assert_allclose(np.linalg.norm(eye.outward, axis=1), 1, rtol=1e-5)


def test_a_seed_gives_the_same_photo_and_another_does_not(stage):
    def take(seed: int):
        random = np.random.default_rng(seed)
        return photograph(stage, draw_people(stage, CASTING, random, 1)[0], CASTING, random).image

    np.testing.assert_array_equal(take(3), take(3))
    assert np.abs(take(3).astype(int) - take(4)).mean() > 5


def test_faces_fill_their_pictures(stage):
    random = np.random.default_rng(1)
    people = draw_people(stage, CASTING, random, 6)
    for person in people:
        shot = photograph(stage, person, CASTING, random)
        marks = project(shot.camera, person.vertices_mm[stage.model.landmarks].astype(float))
        assert ((marks > 0) & (marks < CROP_PX)).mean() > 0.9
        assert np.ptp(marks[JAW.stop :], axis=0).max() > 40
        assert shot.image.std() > 5


def test_expressions_keep_their_bounds(template_model, rng):
    low, high = template_model.expression.bounds.T
    drawn = np.stack([draw_expression(rng, template_model.expression, CASTING) for _ in range(300)])
    assert (drawn >= low).all() and (drawn <= high).all()
    assert (drawn[:, 0] < 0).any() and (drawn[:, 0] > 0).any(), "two-sided"
    active = (drawn != 0).sum(1)
    assert (active == 0).any() and (active == 1).any() and (active > 7).any()


def test_bumps_are_as_large_as_asked(template_model, stage):
    random = np.random.default_rng(0)
    bumps = stage.modes_mm[len(template_model.identity) + len(template_model.expression) :]
    moved = random.standard_normal((200, len(bumps))).astype(np.float32) @ bumps
    assert np.sqrt(np.square(moved).mean()) == pytest.approx(CASTING.bump_mm, rel=0.2)


def test_fast_shading_equals_the_plain_one(template_model, rng):
    normals = rng.normal(size=(50, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = (rng.normal(size=(50, 3)) * 50 + [0, 0, 600]).astype(np.float32)
    albedo = rng.uniform(size=(50, 3)).astype(np.float32)
    surface = Surface(albedo, np.full(50, 0.1, np.float32), np.full(50, 9.0, np.float32))
    directions = np.array([[0.6, 0, -0.8], [0, -0.6, -0.8]])
    lighting = Lighting(rng.uniform(0, 0.3, (9, 3)), directions, rng.uniform(size=(2, 3)))
    lit = rng.uniform(size=(2, 50)).astype(np.float32)
    ambient = (lighting.ambient * IRRADIANCE[:, None] / np.pi).astype(np.float32)
    lamps = lighting.directions.astype(np.float32), lighting.colours.astype(np.float32)
    fast = shade_vertices(points, normals, *surface, ambient, *lamps, lit)
    front = (normals * points).sum(1) <= 0
    np.testing.assert_allclose(fast[front], shade(points, normals, surface, lighting, lit)[front], atol=2e-3)
    assert not fast[~front].any()


def test_the_layout_covers_the_face(template_model):
    layout = dense_layout(template_model)
    assert layout.surface.mean_mm.shape == (TEXELS, TEXELS, 3)
    assert len(set(layout.vertices.tolist())) == POINTS
    np.testing.assert_array_equal(layout.vertices[:51], template_model.landmarks[JAW.stop :])
    found = np.abs(layout.surface.mean_mm[:, :, None] - template_model.mean_mm[template_model.landmarks[30]]).max(-1)
    assert found.min() < 3, "the tip of the nose is in it"


def test_a_model_without_a_face_between_its_landmarks_is_refused(tiny_model):
    with pytest.raises(InputError, match="tiny"):
        dense_layout(tiny_model)
