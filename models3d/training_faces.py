"""Photos of people who never were, fast: what `learn_landmarks` learns from.

People are drawn from the model at hand: its identity modes, smooth random displacements for the modes that it lacks,
expressions of few and of many units, any skin, brows, beards, hair, eyes, lights, lenses, occluders and backgrounds.
Only the part of the photo around the face is drawn.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8
from scipy import ndimage
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera, camera_to_pixel, head_to_camera
from models3d.face_model import Basis, FaceModel
from models3d.face_paint import FacePaint, face_paint
from models3d.fast_shading import compose, shade_vertices
from models3d.raster import rasterise
from models3d.render import IRRADIANCE, shadows, to_linear, vertex_normals

CROP_PX = 176
"""Side of a picture."""
SCALE_PX_PER_MM = (0.55, 1.05)
FOCAL_OVER_SIDE = (1.4, 6.0)
PHOTO_OVER_FACE = (1.6, 3.2)
"""Side of the whole photo, of which the crop is a part, over the face's height."""
WAVES, PATTERNS, BACKGROUNDS = 48, 40, 64
"""How many smooth displacements, patterns of colour and backgrounds everything is mixed from."""
BUMP_REACH_MM, PATTERN_REACH_MM = (14.0, 50.0), (3.0, 40.0)
SUPERSAMPLING = 2
SHADOW_CELLS = 128

SKIN_SRGB = ((250, 220, 205), (238, 195, 168), (210, 158, 122), (172, 120, 86), (124, 80, 56), (72, 46, 34))
HAIR_SRGB = ((16, 13, 12), (40, 28, 22), (84, 58, 38), (160, 120, 80), (150, 146, 140))
IRIS_SRGB = ((52, 34, 20), (96, 72, 42), (92, 112, 128), (84, 102, 68))
LIP_SRGB, GUM_SRGB, TOOTH_SRGB, SCLERA_SRGB = (176, 88, 84), (140, 66, 66), (225, 215, 200), (220, 212, 206)


@dataclass(frozen=True)
class Casting:
    """Who the training photos show.

    bump_mm     root mean square, over vertices and axes, of the smooth displacements for missing identity modes
    kinds   shares of neutral faces, of those that move few units, and of those that move any number
    few     most units of the second kind
    yaw_degrees, pitch_degrees   standard deviations of the head's pose
    """

    bump_mm: float
    kinds: tuple[float, float, float] = (0.06, 0.44, 0.5)
    few: int = 7
    yaw_degrees: float = 18.0
    pitch_degrees: float = 8.0


class Studio(NamedTuple):
    """A model ready to be photographed, and what its people are mixed from."""

    model: FaceModel
    paint: FacePaint
    modes_mm: Float32[np.ndarray, "k m"]
    """Identity, expression, bumps: displacement of all coordinates for a coefficient of 1."""
    patterns: Float32[np.ndarray, "f n"]
    backgrounds: Float32[np.ndarray, "g s s 3"]


class Person(NamedTuple):
    identity: Float32[np.ndarray, " k_id"]
    expression: Float32[np.ndarray, " k_exp"]
    vertices_mm: Float32[np.ndarray, "n 3"]


class Shot(NamedTuple):
    """A picture, cut from a photo around the face."""

    image: UInt8[np.ndarray, "s s 3"]
    camera: Camera
    """In the pixels of the picture: its principal point is the middle of the photo."""
    photo_px: float
    """Side of the photo."""


def studio(model: FaceModel, casting: Casting, random: np.random.Generator) -> Studio:
    """Prepare a model."""
    bumps = smooth_displacements(random, model.mean_mm) * np.float32(casting.bump_mm / np.sqrt(WAVES))
    count = 3 * len(model.mean_mm)
    parts = (model.identity.displacements_mm, model.expression.displacements_mm, bumps)
    modes = np.concatenate([part.reshape(-1, count) for part in parts])
    backgrounds = np.stack([draw_background(random) for _ in range(BACKGROUNDS)])
    return Studio(model, face_paint(model), modes, smooth_patterns(random, model.mean_mm), backgrounds)


def smooth_displacements(
    random: np.random.Generator, points: Float32[np.ndarray, "n 3"]
) -> Float32[np.ndarray, "w n 3"]:
    """Waves of unit variance in random directions, three of four alike on both sides of the face."""
    shortest, longest = np.log(BUMP_REACH_MM)
    reach = np.exp(random.uniform(shortest, longest, WAVES))
    waves = (random.standard_normal((WAVES, 3)) / reach[:, None]).astype(np.float32)
    phase = random.uniform(0, 2 * np.pi, WAVES).astype(np.float32)
    direction = np.sqrt(3) * random.standard_normal((WAVES, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) / np.sqrt(3)
    mirror = np.array([-1, 1, 1], np.float32)
    field = (np.sqrt(2) * np.cos(points @ waves.T + phase)).T[..., None] * direction[:, None].astype(np.float32)
    other = (np.sqrt(2) * np.cos((points * mirror) @ waves.T + phase)).T[..., None] * (direction * mirror)[
        :, None
    ].astype(np.float32)
    alike = (np.arange(WAVES) % 4 > 0)[:, None, None]
    return np.where(alike, (field + other) / np.float32(np.sqrt(2)), field).astype(np.float32)


def smooth_patterns(random: np.random.Generator, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "f n"]:
    """Gaussian fields of unit variance: the first of the longest reach, the last of the shortest."""
    reach = np.geomspace(*PATTERN_REACH_MM[::-1], PATTERNS)
    fields = []
    for length in reach:
        waves = (random.standard_normal((16, 3)) / length).astype(np.float32)
        phase = random.uniform(0, 2 * np.pi, 16).astype(np.float32)
        fields.append(np.cos(points @ waves.T + phase).sum(1) * np.float32(np.sqrt(2 / 16)))
    return np.stack(fields)


def draw_background(random: np.random.Generator) -> Float32[np.ndarray, "s s 3"]:
    """A gradient and blurred shapes of any colour."""
    row, column = np.mgrid[:CROP_PX, :CROP_PX] / CROP_PX - 0.5
    angle, slope = random.uniform(0, 2 * np.pi), random.uniform(0, 0.8)
    colour = random.uniform(0.01, 0.9) * np.exp(random.normal(0, 0.25, 3))
    picture = (1 + slope * (column * np.cos(angle) + row * np.sin(angle)))[..., None] * colour
    for _ in range(random.integers(0, 10)):
        x, y, reach, stretch = random.uniform([-0.5, -0.5, 0.05, 0.3], [0.5, 0.5, 0.3, 3.0])
        near = np.abs(column - x) + 1j * np.abs(row - y) * stretch
        inside = np.abs(near) < reach if random.uniform() < 0.5 else np.maximum(near.real, near.imag) < reach
        picture[inside] = random.uniform(0.01, 0.9) * np.exp(random.normal(0, 0.3, 3))
    blur = random.uniform(0.5, 5)
    return ndimage.gaussian_filter(picture, (blur, blur, 0), mode="nearest").clip(0, 1).astype(np.float32)


def draw_people(stage: Studio, casting: Casting, random: np.random.Generator, count: int) -> list[Person]:
    """People with a face each."""
    model = stage.model
    identity = np.clip(random.standard_normal((count, len(model.identity))), *model.identity.bounds.T)
    expression = np.stack([draw_expression(random, model.expression, casting) for _ in range(count)])
    bumps = random.standard_normal((count, WAVES)) * random.uniform(0.2, 1.3, (count, 1))
    moved = np.concatenate([identity, expression, bumps], axis=1).astype(np.float32) @ stage.modes_mm
    vertices = model.mean_mm + moved.reshape(count, -1, 3)
    return [Person(*row) for row in zip(identity.astype(np.float32), expression, vertices, strict=True)]


def draw_expression(random: np.random.Generator, basis: Basis, casting: Casting) -> Float32[np.ndarray, " k"]:
    """Neutral, few units, or many, each somewhere in its bounds."""
    low, high = basis.bounds.T
    kind = random.choice(3, p=casting.kinds)
    share, moves = np.zeros(len(basis)), np.zeros(len(basis), bool)
    if kind == 1:
        few = min(len(basis), int(random.integers(1, casting.few + 1)))
        moves[random.choice(len(basis), few, replace=False)] = True
        share = random.uniform(0.2, 1, len(basis))
    elif kind == 2:
        moves = random.uniform(size=len(basis)) < random.uniform(0.2, 0.8)
        share = random.uniform(0, random.uniform(0.3, 1), len(basis))
    end = np.where(random.uniform(size=len(basis)) < -low / (high - low), low, high)
    return (end * share * moves).astype(np.float32)


def photograph(stage: Studio, person: Person, casting: Casting, random: np.random.Generator) -> Shot:
    """One picture of a person."""
    model = stage.model
    camera, photo_px = draw_camera(random, person.vertices_mm[model.landmarks], casting)
    points = head_to_camera(camera, person.vertices_mm)
    normals = vertex_normals(points, model.triangles)
    albedo, gloss, shininess = draw_surface(random, stage)
    ambient, directions, colours = draw_light(random)
    lit = np.ones((len(directions), len(points)), np.float32)
    lit[0] = shadows(points, model.triangles, directions[0].astype(np.float64), SHADOW_CELLS)
    radiance = shade_vertices(points, normals, albedo, gloss, shininess, ambient, directions, colours, lit)
    size = CROP_PX * SUPERSAMPLING
    raster = rasterise(camera_to_pixel(camera, points) * SUPERSAMPLING, points[:, 2], model.triangles, size, size)
    picture = stage.backgrounds[random.integers(len(stage.backgrounds))].copy()
    if random.uniform() < 0.5:
        picture = picture[:, ::-1].copy()
    compose(raster.triangle, raster.weights, model.triangles, radiance, picture)
    if random.uniform() < 0.2:
        occlude(random, picture)
    return Shot(sense(random, picture), camera, photo_px)


def draw_camera(
    random: np.random.Generator, landmarks_mm: Float32[np.ndarray, "68 3"], casting: Casting
) -> tuple[Camera, float]:
    """A head turned at random, the face somewhere in a photo, and the crop around it."""
    yaw = random.normal(0, casting.yaw_degrees) if random.uniform() < 0.8 else random.uniform(-50, 50)
    pitch, roll = random.normal([3, 0], [casting.pitch_degrees, 8])
    rotation = Rotation.from_euler("YXZ", [np.clip(yaw, -60, 60), np.clip(pitch, -30, 30), roll], degrees=True)
    scale = np.exp(random.uniform(*np.log(SCALE_PX_PER_MM)))
    centre = FLIP @ rotation.as_matrix() @ landmarks_mm.mean(0).astype(np.float64)
    photo_px = scale * np.ptp(landmarks_mm[:, 1]) * random.uniform(*PHOTO_OVER_FACE)
    focal = photo_px * np.exp(random.uniform(*np.log(FOCAL_OVER_SIDE)))
    from_middle_px = np.clip(random.normal(0, 0.08, 2), -0.2, 0.2) * photo_px
    depth = max(focal / scale, 350.0)
    translation = np.append(from_middle_px * depth / focal, depth) - centre * [1, 1, 0]
    middle = CROP_PX / 2 - from_middle_px + random.normal(0, 4, 2)
    return Camera(rotation.as_rotvec(), translation, np.asarray(focal), middle), float(photo_px)


def draw_light(
    random: np.random.Generator,
) -> tuple[Float32[np.ndarray, "9 3"], Float32[np.ndarray, "2 3"], Float32[np.ndarray, "2 3"]]:
    """What nine harmonics add to a diffuse surface, and two lamps: a key light from anywhere in front, another."""
    level = random.uniform(0.15, 0.6)
    tint = np.exp(random.normal(0, 0.08, 3))
    ambient = random.normal(0, 1, (9, 1)) * np.array([0, *[0.25] * 3, *[0.08] * 5])[:, None] * tint
    ambient[0], ambient[1] = tint, ambient[1] - random.uniform(0, 0.4)
    ambient *= level * np.sqrt(4 * np.pi) * IRRADIANCE[:, None] / np.pi
    azimuth = np.deg2rad([random.normal(0, 50), random.uniform(-110, 110)])
    height = np.deg2rad([random.uniform(-10, 65), random.uniform(-20, 50)])
    directions = np.stack(
        [np.sin(azimuth) * np.cos(height), -np.sin(height), -np.cos(azimuth) * np.cos(height)], axis=1
    )
    strength = np.array([random.uniform(0.1, 1.0), random.uniform(0, 0.5)])[:, None]
    colours = strength * np.exp(random.normal(0, 0.08, (2, 3)))
    return ambient.astype(np.float32), directions.astype(np.float32), colours.astype(np.float32)


def draw_surface(
    random: np.random.Generator, stage: Studio
) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """Albedo, gloss and shininess of somebody."""
    paint = stage.paint
    mixes = random.standard_normal((4, PATTERNS)).astype(np.float32)
    mixes[:, : PATTERNS // 2] *= np.float32(0.7)
    tone, blush, rough, strands = mixes @ stage.patterns / np.float32(np.sqrt(PATTERNS))
    skin = one_of(random, SKIN_SRGB) * np.exp(random.normal(0, 0.06, 3))
    albedo = skin.astype(np.float32) * np.exp(np.float32(random.uniform(0.03, 0.16)) * tone)[:, None]
    redder = np.clip(np.float32(random.uniform(0, 0.25)) * (blush + 1), 0, 0.6)[:, None]
    albedo *= 1 - redder * np.array([0.03, 0.45, 0.45], np.float32)
    lip = np.minimum(to_linear(np.array(LIP_SRGB, np.uint8)) * np.exp(random.normal(0, 0.3, 3)), skin * 1.3)
    hair = one_of(random, HAIR_SRGB)
    blend(albedo, paint.lips * np.float32(random.uniform(0.1, 0.95)), lip)
    ragged = np.clip(1 + np.float32(0.5) * strands, 0, 1.5)
    blend(albedo, np.clip(paint.brows * ragged * np.float32(random.uniform(0.2, 1.1)), 0, 1), hair)
    if random.uniform() < 0.35:
        blend(albedo, np.clip(paint.beard * ragged * np.float32(random.uniform(0.1, 0.9)), 0, 1), hair)
    if random.uniform() < 0.8:
        line = random.uniform(28, 55) + np.float32(random.uniform(0, 8)) * strands
        blend(
            albedo,
            0.5 + 0.5 * np.tanh((paint.height_mm - line) / np.float32(4.0)),
            hair * np.exp(random.normal(0, 0.1)),
        )
    gloss = np.full(len(albedo), random.uniform(0.0, 0.09), np.float32) * np.clip(1 + np.float32(0.3) * rough, 0, 2)
    shininess = np.full(len(albedo), random.uniform(8, 25), np.float32)
    wet_parts(random, stage, albedo, gloss, shininess)
    return np.clip(albedo, 0.004, 0.95), gloss, shininess


def wet_parts(
    random: np.random.Generator,
    stage: Studio,
    albedo: Float32[np.ndarray, "n 3"],
    gloss: Float32[np.ndarray, " n"],
    shininess: Float32[np.ndarray, " n"],
) -> None:
    """Paint mouth and eyes, in place."""
    paint = stage.paint
    albedo[paint.inside] = to_linear(np.array(GUM_SRGB, np.uint8)) * random.uniform(0.4, 1.1)
    albedo[paint.teeth] = to_linear(np.array(TOOTH_SRGB, np.uint8)) * np.exp(random.normal(0, 0.12, 3))
    gloss[paint.inside], shininess[paint.inside] = random.uniform(0, 0.15), 30
    sclera = to_linear(np.array(SCLERA_SRGB, np.uint8)) * np.exp(random.normal(-0.05, 0.08, 3))
    iris = one_of(random, IRIS_SRGB)
    gaze = random.normal(0, [0.12, 0.08])
    sight = np.append(gaze, 1.0).astype(np.float32) / np.float32(np.sqrt(1 + gaze @ gaze))
    size = random.uniform(0.45, 0.54)
    for eye in paint.eyeballs:
        off_axis = np.arccos(np.clip(eye.outward @ sight, -1, 1))
        albedo[eye.vertices] = np.where(
            off_axis[:, None] < 0.19, 0.01, np.where(off_axis[:, None] < size, iris, sclera)
        ).astype(np.float32)
        gloss[eye.vertices], shininess[eye.vertices] = random.uniform(0.2, 0.9), 150


def one_of(random: np.random.Generator, tones: tuple[tuple[int, int, int], ...]) -> Float64[np.ndarray, "3"]:
    """Linear RGB somewhere along a list of sRGB colours."""
    ladder = to_linear(np.array(tones, np.uint8)).astype(np.float64)
    place = random.uniform(0, len(ladder) - 1)
    return np.array([np.interp(place, np.arange(len(ladder)), channel) for channel in ladder.T])


def blend(albedo: Float32[np.ndarray, "n 3"], share: Float[np.ndarray, " n"], colour: Float[np.ndarray, "3"]) -> None:
    """Mix a colour in, in place, where it has a share."""
    where = np.flatnonzero(share > 0.01)
    part = share[where, None].astype(np.float32)
    albedo[where] += part * (colour.astype(np.float32) - albedo[where])


def occlude(random: np.random.Generator, picture: Float32[np.ndarray, "s s 3"]) -> None:
    """Put something in front, in place: a hand, a strand, a microphone, as far as an ellipse can stand for them."""
    row, column = np.mgrid[:CROP_PX, :CROP_PX].astype(np.float32)
    x, y = random.uniform(0.15, 0.85, 2) * CROP_PX
    angle, length, width = random.uniform(0, np.pi), random.uniform(15, 70), random.uniform(3, 18)
    along = (column - x) * np.cos(angle) + (row - y) * np.sin(angle)
    across = (row - y) * np.cos(angle) - (column - x) * np.sin(angle)
    inside = np.hypot(along / length, across / width) < 1
    shade = 1 + 0.3 * across[inside, None] / width
    picture[inside] = np.clip(random.uniform(0.02, 0.7) * np.exp(random.normal(0, 0.2, 3)) * shade, 0, 1)


def sense(random: np.random.Generator, linear: Float32[np.ndarray, "s s 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """Exposure, soft highlights, a lens, noise, and a gamma in place of sRGB's two pieces."""
    exposed = linear * np.float32(np.exp(random.normal(0.1, 0.35)))
    bright = exposed > 0.7
    exposed[bright] = 0.7 + 0.3 * np.tanh((exposed[bright] - 0.7) / 0.3)
    blur = random.uniform(0.25, 0.9)
    kernel = np.exp(-0.5 * (np.arange(-2, 3) / blur) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    sharp = ndimage.correlate1d(ndimage.correlate1d(exposed, kernel, 0), kernel, 1)
    noise = random.standard_normal(sharp.shape, np.float32) * np.float32(random.uniform(0.002, 0.02))
    encoded = np.sqrt(np.sqrt(np.clip(sharp + noise * np.sqrt(sharp + 0.02), 0, 1)))
    return (encoded**1.8 * 255).astype(np.uint8)
