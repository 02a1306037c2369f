"""Actions go where anatomy sends them, stay where they belong, and leave no hole."""

import numpy as np
import pytest
from scipy import ndimage

from models3d.camera import Camera, head_to_camera, project
from models3d.landmarks import MIRRORED
from models3d.render import draw
from pipeline.sample.actions import TWO_WAY

SIZE_PX = 400
# What each action does to the subject's left or middle: landmark, axis, least displacement in mm (negative: downwards).
MOVES = [
    ("jaw_open", 8, 1, -15.0),
    ("jaw_open", 57, 1, -20.0),
    ("jaw_left", 8, 0, 5.0),
    ("jaw_forward", 8, 2, 5.0),
    ("smile_left", 54, 1, 5.0),
    ("smile_left", 54, 0, 5.0),
    ("frown_left", 54, 1, -5.0),
    ("stretch_left", 54, 0, 6.0),
    ("pucker", 54, 0, -5.0),
    ("pucker", 62, 2, 4.0),
    ("funnel", 66, 1, -3.0),
    ("funnel", 62, 1, 3.0),
    ("press", 51, 1, -2.0),
    ("upper_lip_raise", 62, 1, 4.0),
    ("lower_lip_depress", 66, 1, -4.0),
    ("chin_raise", 57, 1, 3.0),
    ("brow_inner_raise", 22, 1, 5.0),
    ("brow_outer_raise_left", 25, 1, 5.0),
    ("brow_lower_left", 23, 1, -4.0),
    ("blink_left", 44, 1, -4.0),
    ("wide_left", 44, 1, 1.0),
    ("squint", 47, 1, 1.0),
    ("nose_sneer_left", 35, 1, 2.5),
    ("cheek_raise_left", 46, 1, 1.0),
]


def camera(focal_mm: float = 1.0, yaw_rad: float = 0.0) -> Camera:
    """Far away, a pixel a millimetre times `focal_mm`."""
    return Camera(
        np.array([0.0, yaw_rad, 0.0]),
        np.array([0.0, 0.0, 1200.0]),
        np.float64(1100 * focal_mm),
        np.full(2, SIZE_PX / 2),
    )


def drawn(population, vertices, mark, view=None):
    """A picture (h, w) of a mark a vertex, and how much of each pixel the head covers."""
    head, view = population.head, view or camera(2.0)
    colours = np.repeat(mark[:, None], 3, axis=1).astype(np.float32)
    points = head_to_camera(view, vertices.astype(np.float32))
    picture = draw(points, head.triangles, colours, view, SIZE_PX, SIZE_PX, 2)
    return picture.radiance[..., 0], picture.coverage


def test_there_are_thirty_with_names_and_bounds(population):
    basis = population.model.expression
    assert len(basis) == len(set(basis.names)) == 30
    assert np.linalg.norm(basis.components.reshape(30, -1), axis=1) == pytest.approx(1, abs=1e-4)
    for name, (low, high) in zip(basis.names, basis.bounds, strict=True):
        assert (low, high) == (-3 if name in TWO_WAY else 0, 3)


@pytest.mark.parametrize(("name", "landmark", "axis", "least"), MOVES)
def test_direction(population, actions, name, landmark, axis, least):
    moved = actions[name][population.head.landmarks[landmark], axis]
    assert moved * np.sign(least) > abs(least)


def test_every_action_is_checked_for_its_direction(population):
    stems = {name.removesuffix("_left").removesuffix("_right") for name in population.model.expression.names}
    assert stems == {name.removesuffix("_left").removesuffix("_right") for name, *_ in MOVES} | {"cheek_puff"}


def test_puffed_cheeks_come_out(population, actions):
    head = population.head
    outward = (actions["cheek_puff"][: len(head.skin.vertices)] * head.skin.normals).sum(1)
    assert outward.max() > 5 and outward.min() > -0.4 * outward.max()


@pytest.mark.parametrize(
    "stem", ["smile", "frown", "stretch", "cheek_raise", "nose_sneer", "brow_lower", "blink", "wide"]
)
def test_left_and_right_mirror_each_other(population, actions, stem):
    left, right = (actions[f"{stem}_{side}"][population.head.landmarks] for side in ("left", "right"))
    assert np.abs(left * [-1, 1, 1] - right[MIRRORED]).max() < 2  # the template is not quite symmetric


def test_actions_stay_where_they_belong(population, actions):
    head = population.head
    skin = head.skin.vertices
    forehead, ears, chin = skin[:, 1] > 75, np.abs(skin[:, 0]) > 76, skin[:, 1] < -60
    for name, displacement in actions.items():
        size = np.linalg.norm(displacement[: len(skin)], axis=1)
        assert size[ears].max() < 1.0, name
        if not name.startswith("brow"):
            assert size[forehead].max() < 0.5, name
        if name.startswith(("brow", "blink", "wide", "squint", "cheek_raise", "nose")):
            assert size[chin].max() < 0.5, name


def test_the_jaw_takes_lower_teeth_and_parts_the_lips(population, actions):
    head = population.head
    moved = head.vertices + actions["jaw_open"]
    upper, lower = moved[head.landmarks[62]], moved[head.landmarks[66]]
    assert upper[1] - lower[1] > 20
    count = len(head.skin.vertices)
    teeth = actions["jaw_open"][count:][head.mouth.label == 3]
    assert teeth[:, 1].max() < -5
    assert np.all(actions["jaw_open"][count:][head.mouth.label == 2] == 0)


def test_a_closed_mouth_hides_what_is_in_it(population):
    head = population.head
    inside = np.arange(len(head.vertices)) >= len(head.skin.vertices)
    for yaw in (-0.7, 0.0, 0.7):
        seen, _ = drawn(population, head.vertices, inside, camera(2.0, yaw))
        assert seen.sum() < 8  # pixels


@pytest.mark.parametrize("yaw", [-0.6, 0.0, 0.6])
@pytest.mark.parametrize(
    "together",
    [("jaw_open",), ("funnel",), ("upper_lip_raise", "lower_lip_depress"), ("jaw_open", "smile_left", "smile_right"),
     ("smile_left", "upper_lip_raise"), ("jaw_open", "jaw_left", "stretch_right"), ("pucker",)],
)  # fmt: skip
def test_no_background_is_seen_through_an_open_mouth(population, actions, together, yaw):
    head, view = population.head, camera(2.0, yaw)
    moved = head.vertices + sum(actions[name] for name in together)
    _, coverage = drawn(population, moved, np.zeros(len(moved)), view)
    outline = project(view, moved[head.landmarks[48:60]])
    low, high = np.floor(outline.min(0)).astype(int), np.ceil(outline.max(0)).astype(int)
    holes = ndimage.binary_fill_holes(coverage > 0.999) & (coverage < 0.999)
    assert not holes[low[1] : high[1], low[0] : high[0]].any()


def test_lips_show_teeth_when_they_part(population, actions):
    head = population.head
    teeth = np.zeros(len(head.vertices))
    teeth[len(head.skin.vertices) :] = np.isin(head.mouth.label, (2, 3))
    seen, _ = drawn(population, head.vertices + actions["upper_lip_raise"] + actions["lower_lip_depress"], teeth)
    assert seen.sum() > 500


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("turn", [(0.0, 0.0), (0.0, 0.5), (0.0, -0.5), (0.35, 0.0), (-0.35, 0.0)])
def test_a_blink_covers_the_eye(population, actions, side, turn):
    head = population.head
    view = camera(3.0)._replace(rotation_rad=np.array([*turn, 0.0]), centre_px=np.array([SIZE_PX / 2, SIZE_PX * 0.75]))
    eyeball = np.zeros(len(head.vertices))
    eyeball[head.eyes[side].vertices] = 1
    shown, _ = drawn(population, head.vertices, eyeball, view)
    half, _ = drawn(population, head.vertices + 0.5 * actions[f"blink_{side}"], eyeball, view)
    hidden, _ = drawn(population, head.vertices + actions[f"blink_{side}"], eyeball, view)
    assert shown.sum() > 200
    assert hidden.sum() < 0.03 * shown.sum()
    assert hidden.sum() < half.sum() < 0.85 * shown.sum()
