"""Photos of people of the sample's population, for judging fitters: heads with hair and clothes, lit, before a scene.

They are drawn as `make_sample` draws its photos, but from seeds of their own: nobody of them is in the sample.
"""

import numpy as np

from models3d.camera import pack
from models3d.face_model import synthesize
from pipeline.sample.appearance import draw_appearance, paint
from pipeline.sample.emotionet import FACE_HEIGHT_MM
from pipeline.sample.expressions import draw_expression
from pipeline.sample.photo import photograph
from pipeline.sample.population import Population, draw_identity
from pipeline.sample.scene import draw_gaze, draw_scene
from pipeline.sample.wardrobe import draw_outfit, dress
from pipeline.seeds import generator
from tests.benchmarks.fitting.ict_photos import NOISE_PX, SIZE_PX, Photos

LEAST_MOVED_MM = 0.1
"""A vertex that no expression moves by more belongs to the head, not to the face."""


def face_of(population: Population) -> np.ndarray:
    """The vertices that expressions move."""
    moved = np.linalg.norm(population.model.expression.displacements_mm, axis=2).max(0)
    return np.flatnonzero(moved > LEAST_MOVED_MM)


def take_photos(population: Population, count: int, seed: int, distribution: str) -> Photos:
    """People of the whole population; expressions as in the sample ('mixed'), or none ('neutral')."""
    face = face_of(population)
    rows = [
        take_photo(population, face, generator(seed, "sample_photos", distribution, number), distribution)
        for number in range(count)
    ]
    return Photos(*(np.stack(column) for column in zip(*rows, strict=True)))


def take_photo(population: Population, face: np.ndarray, random: np.random.Generator, distribution: str) -> tuple:
    head, model = population.head, population.model
    person = draw_appearance(random)
    outfit = draw_outfit(random, person)
    identity, expression = draw_identity(random, model), draw_expression(random, model.expression)
    if distribution == "neutral":
        expression = np.zeros_like(expression)
    vertices = synthesize(model, identity, expression)
    moved = synthesize(model, np.zeros(0, np.float32), expression) - model.mean_mm
    scene = draw_scene(random, SIZE_PX, vertices[head.landmarks].mean(0), FACE_HEIGHT_MM)
    gaze = draw_gaze(random, scene.camera)
    surface, wear = paint(head, population.regions, person, gaze), dress(head, person, outfit, gaze)
    photo = photograph(random, head, vertices, surface, wear, scene)
    true_px = photo.landmarks_px.astype(np.float64)
    noisy = true_px + random.normal(0, NOISE_PX, true_px.shape)
    return photo.image, noisy, true_px, pack(photo.camera), identity, expression, vertices[face], moved[face]
