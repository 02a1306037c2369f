"""The topology: the packaged template and what is added to it."""

import menpo3d.io as m3io
import numpy as np
import pytest

from models3d.landmarks import LEFT_EYE, MIRRORED, NOSE_BRIDGE, RIGHT_EYE
from pipeline.sample.mesh import border_loops
from pipeline.sample.mouth import CAVITY, LOWER_TEETH, TONGUE, UPPER_TEETH


def test_the_template_comes_first_in_millimetres(population):
    template = m3io.import_builtin_asset.template_ply()
    head = population.head
    assert np.array_equal(head.vertices[: template.n_points], (template.points / 1000).astype(np.float32))
    assert np.array_equal(head.triangles[: template.n_tris], template.trilist)


def test_landmarks_lie_at_the_templates_points(population):
    points = m3io.import_builtin_asset.template_ply().landmarks["LJSON"].points / 1000
    head = population.head
    gap = np.linalg.norm(head.vertices[head.landmarks] - points, axis=1)
    kept = np.delete(gap, NOSE_BRIDGE)
    assert kept.max() < 2.0 and np.median(kept) < 0.7
    assert len(set(head.landmarks.tolist())) == 68


def test_the_nose_bridge_ends_at_the_tip(population):
    """The template's own fourth point stands 12 mm above it."""
    head = population.head
    bridge = head.vertices[head.landmarks[NOSE_BRIDGE]]
    middle = np.abs(head.skin.vertices[:, 0]) < 3
    assert bridge[3, 2] > head.skin.vertices[middle, 2].max() - 0.5
    assert np.diff(bridge[:, 1]) == pytest.approx(np.full(3, (bridge[3, 1] - bridge[0, 1]) / 3), abs=1.5)


def test_landmarks_of_the_two_sides_mirror_each_other(population):
    points = population.head.vertices[population.head.landmarks]
    assert np.abs(points * [-1, 1, 1] - points[MIRRORED]).max() < 8  # the template is not quite symmetric
    assert points[0, 0] < 0 < points[16, 0]


def test_inner_lip_landmarks_are_on_their_own_lip(population):
    side = population.head.side[population.head.landmarks]
    assert side[61:64].min() > 0.3 and side[65:68].max() < -0.3
    assert side[50:53].min() > 0 > side[56:59].max()


def test_the_eyes_are_spheres_within_lids(population):
    head = population.head
    for eye, outline in zip(head.eyes.values(), (RIGHT_EYE, LEFT_EYE), strict=True):
        points = head.skin.vertices[eye.vertices]
        assert np.median(np.abs(np.linalg.norm(points - eye.centre, axis=1) - eye.radius_mm)) < 0.01
        assert not np.isin(head.landmarks, eye.vertices).any()
        corners = head.vertices[head.landmarks[outline]][[0, 3], 0]
        assert corners.min() - 1.5 < points[:, 0].min() and points[:, 0].max() < corners.max() + 1.5
        assert head.skin.vertices[eye.upper, 1].mean() > points[:, 1].mean() > head.skin.vertices[eye.lower, 1].mean()


def test_the_mouth_is_closed_behind_the_lips(population):
    head = population.head
    lips = np.union1d(head.upper_lip, head.lower_lip)
    for loop in border_loops(head.triangles):
        assert not np.isin(loop, lips).any()  # what hangs from the lips leaves no border
    cavity = np.flatnonzero(head.mouth.label == CAVITY) + len(head.skin.vertices)
    inside = np.isin(head.triangles, np.concatenate([cavity, lips])).all(1)
    assert len(border_loops(head.triangles[inside & (head.triangles >= len(head.skin.vertices)).any(1)])) == 1


def test_every_edge_has_a_triangle_at_most_on_each_side(population):
    triangles = population.head.triangles.astype(np.int64)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)


@pytest.mark.parametrize("part", [CAVITY, UPPER_TEETH, LOWER_TEETH, TONGUE])
def test_each_part_of_the_mouth_is_within_the_face(population, part):
    head = population.head
    inside = head.mouth.vertices[head.mouth.label == part]
    lips = head.vertices[head.landmarks[60:68]]
    assert inside[:, 2].max() < lips[:, 2].max() - 5
    assert np.abs(inside[:, 0]).max() < 36


def test_upper_teeth_are_above_the_lower_and_in_front(population):
    head = population.head
    upper, lower = (head.mouth.vertices[head.mouth.label == part] for part in (UPPER_TEETH, LOWER_TEETH))
    assert upper[:, 1].mean() > lower[:, 1].mean() + 8
    assert upper[:, 2].max() > lower[:, 2].max()
