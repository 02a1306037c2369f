"""Photos of people of the ICT face model, for judging fitters: skin, eyes, teeth, light, background, sensor noise.

Nothing of this is shared with what `learn_landmarks` renders: colours follow the materials of ICT's own files and
the light, lenses and backgrounds are those of the sample.
"""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from models3d.camera import Camera, pack, project
from models3d.face_model import Basis, FaceModel, synthesize
from models3d.landmarks import LEFT_BROW, RIGHT_BROW
from models3d.readers.ict import read_ict
from models3d.readers.obj import obj_triangles
from models3d.render import Surface, render_photo, to_linear, to_srgb
from pipeline.sample.scene import draw_scene
from pipeline.seeds import generator

FACE_VERTICES = 9409
"""ICT's own count of the vertices of the face; the back of the head, the mouth's inside and the eyes follow."""
FACE_HEIGHT_MM = 127.0
SIZE_PX = 256
NOISE_PX = 1.5
DENSE_SHARE = 0.65
HELD_BACK = 10
"""Identity shapes, the last ones, that the fitter and what it learns from do not know."""

IRIS_MM, PUPIL_MM = 6.2, 2.4

SKIN_TONES = ((244, 208, 188), (226, 178, 146), (196, 142, 106), (150, 100, 70), (96, 62, 44))


class Photos(NamedTuple):
    """Pictures and the truth about them."""

    images: np.ndarray
    """(b, h, w, 3) uint8."""
    landmarks_px: np.ndarray
    """As a detector finds them: places on the head with Gaussian noise of NOISE_PX along each axis."""
    true_landmarks_px: np.ndarray
    camera: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    vertices_mm: np.ndarray
    """(b, FACE_VERTICES, 3)"""
    moved_mm: np.ndarray
    """What the expression adds to them."""


def without_modes(model: FaceModel, held_back: int) -> FaceModel:
    """The model without its last identity shapes."""
    return replace(model, identity=model.identity.first(len(model.identity) - held_back))


def draw_expression(random: np.random.Generator, basis: Basis, distribution: str) -> np.ndarray:
    """Coefficients of units that go from 0 to a full shape, as shares of it times their upper bound.

    mixed   dense with probability 0.65 (each unit moves with probability a half, uniformly up to 0.6 of its shape),
            else sparse (two to six units between 0.3 and 1)
    sparse  two to five units between 0.3 and 1
    neutral nothing moves
    """
    share = np.zeros(len(basis))
    if distribution == "mixed" and random.uniform() < DENSE_SHARE:
        share = random.uniform(0, 0.6, len(basis)) * (random.uniform(size=len(basis)) < 0.5)
    elif distribution in ("mixed", "sparse"):
        few, many = (2, 6) if distribution == "mixed" else (2, 5)
        chosen = random.choice(len(basis), random.integers(few, many + 1), replace=False)
        share[chosen] = random.uniform(0.3, 1.0, len(chosen))
    elif distribution != "neutral":
        raise ValueError(distribution)
    return (share * basis.bounds[:, 1]).astype(np.float32)


@cache
def materials(folder: Path) -> dict[str, np.ndarray]:
    """Vertices of each material of the neutral mesh."""
    return {name: np.unique(part) for name, part in obj_triangles(folder / "generic_neutral_mesh.obj").items()}


def smooth_field(random: np.random.Generator, points: np.ndarray, reach_mm: float) -> np.ndarray:
    """A Gaussian process of unit variance and a squared-exponential kernel, by 64 random waves."""
    waves = random.normal(0, 1 / reach_mm, (64, 3)).astype(np.float32)
    return np.cos(points @ waves.T + random.uniform(0, 2 * np.pi, 64).astype(np.float32)).sum(1) * np.sqrt(2 / 64)


def bell(points: np.ndarray, line: np.ndarray, width_mm: float) -> np.ndarray:
    """1 on a line of points, fading to the sides."""
    dense = np.concatenate([np.linspace(a, b, 12) for a, b in pairwise(line)])
    return np.exp(-0.5 * (cKDTree(dense).query(points)[0] / width_mm) ** 2)


def draw_surface(random: np.random.Generator, model: FaceModel, folder: Path) -> Surface:
    """How somebody looks."""
    points, marks, parts = model.mean_mm, model.mean_mm[model.landmarks], materials(folder)
    tone = random.uniform(0, len(SKIN_TONES) - 1)
    ladder = to_linear(np.array(SKIN_TONES, np.uint8))
    skin = np.array([np.interp(tone, np.arange(len(ladder)), ladder[:, c]) for c in range(3)])
    albedo = (
        skin * np.exp(sum(a * smooth_field(random, points, r) for a, r in ((0.05, 40), (0.04, 12), (0.03, 4))))[:, None]
    )
    blush = np.clip(smooth_field(random, points, 25) * 0.15 + 0.1, 0, 0.5)[:, None]
    albedo = albedo * (1 - blush * np.array([0.05, 0.5, 0.5]))
    gloss = np.full(len(points), random.uniform(0.02, 0.08))
    shininess = np.full(len(points), 12.0)

    lips = np.zeros(len(points))
    for outer, inner in ((slice(48, 55), slice(60, 65)), ([54, 55, 56, 57, 58, 59, 48], [64, 65, 66, 67, 60])):
        middle = (marks[outer][1:-1:1][:5] + np.stack([marks[inner][i] for i in (0, 1, 2, 3, 4)])) / 2
        lips = np.maximum(lips, bell(points, np.concatenate([marks[outer][:1], middle, marks[outer][-1:]]), 2.6))
    lip_tone = to_linear(
        np.array([[random.integers(140, 200), random.integers(70, 110), random.integers(70, 105)]], np.uint8)
    )[0]
    lips = (lips * random.uniform(0.3, 0.9))[:, None]
    albedo = albedo * (1 - lips) + lips * np.minimum(lip_tone, skin * 1.1)
    hair = to_linear(np.array([(20, 16, 14), (48, 32, 24), (92, 62, 40), (150, 112, 70)], np.uint8))[
        random.integers(0, 4)
    ]
    width, thickness = random.uniform(2.2, 3.6), random.uniform(0.4, 0.9)
    for brow in (RIGHT_BROW, LEFT_BROW):
        strength = bell(points, marks[brow], width) * thickness
        strength = np.clip(strength * (1 + 0.2 * smooth_field(random, points, 2)), 0, 1)[:, None]
        albedo = albedo * (1 - strength) + strength * hair
    for name, colour, wet in (
        ("M_GumsTongue", (150, 70, 70), 0.05), ("M_Teeth", (226, 216, 200), 0.2),
        ("M_ScleraLeft", (222, 214, 208), 0.5), ("M_ScleraRight", (222, 214, 208), 0.5),
    ):  # fmt: skip
        albedo[parts[name]] = to_linear(np.array([colour], np.uint8))[0] * random.uniform(0.85, 1.1)
        gloss[parts[name]], shininess[parts[name]] = wet, 60.0
    iris = to_linear(np.array([(60, 38, 22), (100, 76, 44), (92, 118, 136), (88, 104, 70)], np.uint8))[
        random.integers(0, 4)
    ]
    for side in ("Left", "Right"):  # the sclera's mesh closes over the iris, as a clear cornea does
        ball = np.union1d(parts[f"M_Sclera{side}"], parts[f"M_Iris{side}"])
        outward = points[ball] - (points[ball].min(0) + points[ball].max(0)) / 2
        off_axis = np.linalg.norm(outward[:, :2], axis=1) + 100 * (outward[:, 2] < 0)
        albedo[ball[off_axis < IRIS_MM]], albedo[ball[off_axis < PUPIL_MM]] = iris, 0.01
        gloss[ball], shininess[ball] = 0.7, 200.0
    fields = np.clip(albedo, 0.004, 0.95), gloss, shininess
    return Surface(*(field.astype(np.float32) for field in fields))


def sensed(random: np.random.Generator, linear: np.ndarray) -> np.ndarray:
    """Exposure, soft highlights, a lens, noise, 8 bits."""
    exposed = linear * np.exp(random.normal(0.0, 0.2))
    soft = np.where(exposed > 0.7, 0.7 + 0.3 * np.tanh((exposed - 0.7) / 0.3), exposed)
    blur = random.uniform(0.3, 0.7)
    sharp = ndimage.gaussian_filter(soft, (blur, blur, 0))
    return to_srgb(sharp + random.standard_normal(sharp.shape) * random.uniform(0.002, 0.01) * np.sqrt(sharp + 0.02))


def take_photos(model: FaceModel, folder: Path, count: int, seed: int, distribution: str = "mixed") -> Photos:
    """People of all identity shapes of `model`, N(0, 1) within 2.5 standard deviations."""
    rows = [
        take_photo(model, folder, generator(seed, "ict_photos", distribution, number), distribution)
        for number in range(count)
    ]
    return Photos(*(np.stack(column) for column in zip(*rows, strict=True)))


def take_photo(model: FaceModel, folder: Path, random: np.random.Generator, distribution: str) -> tuple:
    identity = np.clip(random.standard_normal(len(model.identity)), -2.5, 2.5).astype(np.float32)
    expression = draw_expression(random, model.expression, distribution)
    vertices = synthesize(model, identity, expression)
    moved = synthesize(model, np.zeros(0), expression) - model.mean_mm
    scene = draw_scene(random, SIZE_PX, vertices[model.landmarks].mean(0), FACE_HEIGHT_MM)
    surface = draw_surface(random, model, folder)
    picture = render_photo(vertices, model.triangles, surface, scene.lighting, scene.camera, scene.background, 3)
    image = sensed(random, picture)
    true_px = project(
        Camera(*(np.asarray(part) for part in scene.camera)), vertices[model.landmarks].astype(np.float64)
    )
    noisy = true_px + random.normal(0, NOISE_PX, true_px.shape)
    face = slice(0, FACE_VERTICES)
    return image, noisy, true_px, pack(scene.camera), identity, expression, vertices[face], moved[face]


def load(folder: Path) -> FaceModel:
    return read_ict(folder)
