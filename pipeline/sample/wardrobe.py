"""Hair, neck, clothes and finer eyeballs, drawn with the head so that a photo shows a person.

They are no part of the topology: no model knows them.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from models3d.render import Surface, to_linear
from pipeline.sample.appearance import Appearance
from pipeline.sample.eyes import EYE_GLOSS, EYE_SHININESS, eyeball_colours, fine_eyeball
from pipeline.sample.hair import SHORT, SKULL_AXES, SKULL_CENTRE, STYLES, HairStyle, hair_shell
from pipeline.sample.heads import Eye, Head
from pipeline.sample.mesh import grid_triangles

NECK_PIVOT = np.array([0.0, -70.0, 0.0])
"""What the head turns about on the trunk."""
NECK_BASE_MM = -152.0
NECK_RINGS = 12
THINNED, NEIGHBOURS = 10, 6
"""Wear follows its nearest NEIGHBOURS among every THINNED-th vertex of the skin that no expression moves much."""
MATT = 11.0
"""Shininess of skin and cloth."""

# Half width, half depth, height below the neckline and depth of the centre of each ring of a shirt, mm.
SHIRT_RINGS = np.array([
    (58, 52, -22, -20), (63, 58, -3, -20), (66, 61, 0, -20), (70, 65, -3, -20), (92, 74, -12, -22), (125, 83, -25, -26),
    (160, 92, -42, -30), (186, 98, -64, -32), (198, 104, -98, -32), (203, 110, -160, -30), (203, 114, -330, -28),
])  # fmt: skip


class Outfit(NamedTuple):
    """What a person wears, and how the hair falls."""

    style: HairStyle
    phases: Float64[np.ndarray, "6"]
    cloth: Float64[np.ndarray, "3"]
    stripe: Float64[np.ndarray, "3"]
    stripe_mm: float
    neckline_mm: float


class Wear(NamedTuple):
    """Vertices in the frame of the mean head, to append to a head's; triangles count the head's first."""

    vertices: Float64[np.ndarray, "m 3"]
    triangles: Int32[np.ndarray, "t 3"]
    surface: Surface
    anchors: Int[np.ndarray, "m k"]
    """The head's vertices whose displacement each vertex shares, with their weights."""
    weights: Float64[np.ndarray, "m k"]
    trunk: Float64[np.ndarray, " m"]
    """0 moves with the head, 1 stays with the trunk."""


def draw_outfit(generator: np.random.Generator, person: Appearance) -> Outfit:
    """Hair of any length, short on the bearded; plain or striped cloth."""
    likely = np.ones(len(STYLES))
    likely[SHORT:] = 0.1 if person.beard > 0.15 else 1.2
    cloth, stripe = to_linear(generator.integers(15, 220, (2, 3)).astype(np.uint8)).astype(np.float64)
    if generator.uniform() < 0.6:
        stripe = cloth
    cloth, stripe = (colour.mean() + 0.45 * (colour - colour.mean()) for colour in (cloth, stripe))
    style = STYLES[generator.choice(len(STYLES), p=likely / likely.sum())]
    style = style._replace(
        front=style.front + generator.uniform(-4, 1),
        temple=style.temple + generator.uniform(-9, 1),
        thickness=style.thickness * generator.uniform(0.8, 1.3),
    )
    phases = generator.uniform(0, 2 * np.pi, 6)
    return Outfit(style, phases, cloth, stripe, generator.uniform(9, 30), generator.uniform(-138, -116))


def dress(head: Head, person: Appearance, outfit: Outfit, gaze: Float64[np.ndarray, "3"]) -> Wear:
    """Everything for the mean head; `gaze` is the direction of sight in the head's frame."""
    ring = head.border[_neck_part(head.skin.vertices[head.border])]
    pieces = [
        _hair(head, person, outfit),
        _neck(head, ring, person),
        *_backs(head, person),
        _shirt(head, outfit),
        *(_eyeball(head, eye, person, gaze) for eye in head.eyes.values()),
    ]
    starts = len(head.vertices) + np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    numbers = [np.arange(start, end) for start, end in pairwise(starts)]
    # the neck is welded to the skin: its triangles count the ring it hangs from before its own vertices
    numbers[1] = np.concatenate([ring, numbers[1]])
    triangles = [number[piece.triangles] for number, piece in zip(numbers, pieces, strict=True)]
    # from `albedo` on the fields of a piece are those of Surface and Wear
    joined = [np.concatenate(columns) for columns in zip(*(piece[2:] for piece in pieces), strict=True)]
    surface = Surface(*(values.astype(np.float32) for values in joined[:3]))
    vertices = np.concatenate([piece.vertices for piece in pieces])
    return Wear(vertices, np.concatenate(triangles).astype(np.int32), surface, *joined[3:])


def worn(wear: Wear, head: Head, moved: Float32[np.ndarray, "n 3"], trunk_turn: Rotation) -> Float32[np.ndarray, "m 3"]:
    """Where it all is on a head whose vertices are `moved`; the trunk is turned by `trunk_turn` from the head."""
    displaced = moved - head.vertices
    follow = np.einsum("mk,mkd->md", wear.weights, displaced[wear.anchors])
    with_head = wear.vertices + follow * (1 - wear.trunk)[:, None]
    turns = Rotation.from_rotvec(trunk_turn.as_rotvec() * wear.trunk[:, None])
    return (turns.apply(with_head - NECK_PIVOT) + NECK_PIVOT).astype(np.float32)


class _Piece(NamedTuple):
    """One piece of wear; its triangles count its own vertices."""

    vertices: Float64[np.ndarray, "m 3"]
    triangles: Int32[np.ndarray, "t 3"]
    albedo: Float64[np.ndarray, "m 3"]
    gloss: Float64[np.ndarray, " m"]
    shininess: Float64[np.ndarray, " m"]
    anchors: Int[np.ndarray, "m k"]
    weights: Float64[np.ndarray, "m k"]
    trunk: Float64[np.ndarray, " m"]


def _piece(
    head: Head,
    follows: Int[np.ndarray, " a"],
    grid: Float64[np.ndarray, "r c 3"],
    albedo: Float64[np.ndarray, "..."],
    gloss: float = 0.0,
    shininess: float = MATT,
    trunk: float | Float64[np.ndarray, "..."] = 0.0,
) -> _Piece:
    """A grid of vertices that follows those of the head's vertices named."""
    vertices = grid.reshape(-1, 3)
    distance, near = cKDTree(head.skin.vertices[follows]).query(vertices, k=NEIGHBOURS)
    weights = 1 / (distance + 0.3)
    return _Piece(
        vertices,
        grid_triangles(*grid.shape[:2]),
        np.clip(np.broadcast_to(albedo, grid.shape).reshape(-1, 3), 0.003, 0.9),
        np.full(len(vertices), gloss),
        np.full(len(vertices), shininess),
        follows[near],
        weights / weights.sum(1, keepdims=True),
        np.broadcast_to(trunk, grid.shape[:2]).reshape(-1).astype(np.float64),
    )


def _calm_skin(head: Head) -> Int[np.ndarray, " a"]:
    """Forehead, ears and neck, which no expression moves much."""
    ids = np.arange(0, len(head.skin.vertices), THINNED)
    vertices = head.skin.vertices[ids]
    return ids[(vertices[:, 1] > 70) | (vertices[:, 2] < 15)]


def _hair(head: Head, person: Appearance, outfit: Outfit) -> _Piece:
    shell, colour = hair_shell(outfit.style, person.hair, person.skin, outfit.phases)
    # long hair falls on the shoulders: below the chin it follows the head less
    hanging = np.clip((-60 - shell[..., 1]) / 150, 0, 0.7)
    return _piece(head, _calm_skin(head), shell, colour, 0.07 + 0.1 * person.hair.mean(), 16.0, hanging)


def _eyeball(head: Head, eye: Eye, person: Appearance, gaze: Float64[np.ndarray, "3"]) -> _Piece:
    grid = fine_eyeball(head, eye)
    lids = head.skin.vertices[eye.upper], head.skin.vertices[eye.lower]
    colours = eyeball_colours(eye, grid.reshape(-1, 3), lids, person.iris, gaze).reshape(grid.shape)
    return _piece(head, eye.vertices, grid, colours, EYE_GLOSS, EYE_SHININESS)


def _neck_part(border: Float64[np.ndarray, "b 3"]) -> Int[np.ndarray, " r"]:
    """Positions in the template's border from under one ear round the front of the neck to the other."""
    low = border[:, 1] < -25
    start = int(np.flatnonzero(low & ~np.roll(low, 1))[0])
    return (start + np.arange(int(low.sum()))) % len(border)


def _neck(head: Head, ring: Int[np.ndarray, " r"], person: Appearance) -> _Piece:
    """Rings below the template's border, down to the base of the neck."""
    border = head.skin.vertices[ring]
    angle = np.arctan2(border[:, 0], border[:, 2] + 10)
    base = np.stack([62 * np.sin(angle), np.full_like(angle, NECK_BASE_MM), 58 * np.cos(angle) - 20], axis=1)
    share = np.arange(1, NECK_RINGS + 1)[:, None] / NECK_RINGS
    rings = border + (base - border) * share[..., None]
    piece = _piece(head, ring, rings, person.skin * 0.9, person.shine, trunk=share)
    return piece._replace(triangles=grid_triangles(NECK_RINGS + 1, len(ring)))


def _backs(head: Head, person: Appearance) -> tuple[_Piece, ...]:
    """A tube within the neck and parts of an ellipsoid within the skull, where the template is open."""
    around, level = np.linspace(-np.pi, np.pi, 41), np.array([[20.0], [-190.0]])
    tube = np.stack(np.broadcast_arrays(48 * np.sin(around), level, 40 * np.cos(around) - 30), axis=-1)
    skin, hair = person.skin * 0.9, person.hair * 0.5
    crown = _within_skull(around, np.linspace(0.99, 0.62, 8))
    back = _within_skull(np.deg2rad(np.linspace(80, 280, 33)), np.linspace(0.99, -0.85, 24))
    calm = _calm_skin(head)
    return _piece(head, calm, tube, skin, trunk=0.5), _piece(head, calm, crown, hair), _piece(head, calm, back, hair)


def _within_skull(azimuth: Float64[np.ndarray, " c"], level: Float64[np.ndarray, " r"]) -> Float64[np.ndarray, "r c 3"]:
    """Points of an ellipsoid a little smaller than the skull; azimuth from the nose, level from -1 to 1."""
    radius = np.sqrt(1 - level**2)[:, None]
    sphere = np.broadcast_arrays(radius * np.sin(azimuth), level[:, None], radius * np.cos(azimuth))
    return SKULL_CENTRE + 0.93 * SKULL_AXES * np.stack(sphere, axis=-1)


def _shirt(head: Head, outfit: Outfit) -> _Piece:
    """From the neckline over the shoulders down the trunk."""
    angle = np.linspace(-np.pi, np.pi, 121)
    along = np.linspace(0, len(SHIRT_RINGS) - 1, 66)
    columns = (np.interp(along, np.arange(len(SHIRT_RINGS)), column)[:, None] for column in SHIRT_RINGS.T)
    wide, deep, height, back = columns
    dip = np.clip(1 - along[:, None] / 5, 0, 1) * 13 * np.cos(angle) ** 3
    folds = np.sin(5 * angle + height / 17 + outfit.phases[0]) + np.sin(9 * angle - height / 11 + outfit.phases[1])
    crease = 1.5 * folds * np.clip(along[:, None] / 4 - 1, 0, 1)
    x, y, z = (wide + crease) * np.sin(angle), outfit.neckline_mm + height - dip, back + (deep + crease) * np.cos(angle)
    stripes = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * y / outfit.stripe_mm))
    hem = 1 - 0.2 * (np.abs(along[:, None] - 2.4) < 0.25)
    colour = outfit.cloth + stripes[..., None] * (outfit.stripe - outfit.cloth)
    shaded = colour * (hem * np.exp(0.04 * folds))[..., None]
    return _piece(head, _calm_skin(head), np.stack([x, y, z], axis=-1), shaded, trunk=1.0)
