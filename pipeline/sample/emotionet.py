"""Photos of the population as EmotioNet has them: a list of URLs and the images of those that still work."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from tqdm import tqdm

from models3d.camera import pack
from models3d.face_model import synthesize
from pipeline.sample import layouts
from pipeline.sample.appearance import draw_appearance, paint
from pipeline.sample.expressions import draw_expression
from pipeline.sample.photo import Photo, photograph
from pipeline.sample.population import Population, draw_identity, random_for
from pipeline.sample.scene import draw_gaze, draw_scene
from pipeline.sample.wardrobe import draw_outfit, dress
from pipeline.settings.sample import MakeSample

URL = "http://sample.invalid/images/{}.jpg"
DEAD_LINKS = 2
"""URLs at the end of the list whose images are not there, as many of EmotioNet's are not."""
PTS_EVERY = 3
"""Of so many photos one has its landmarks beside it."""
FACE_HEIGHT_MM = 127.0
"""Brow to chin of the mean head."""


class PhotoTruth(NamedTuple):
    """What the photos were made from, a row each."""

    id: list[str]
    identity: Float32[np.ndarray, "s k_id"]
    expression: Float32[np.ndarray, "s k_exp"]
    camera: Float32[np.ndarray, "s 9"]
    landmarks_px: Float32[np.ndarray, "s 68 2"]
    visible: Bool[np.ndarray, "s 68"]


def write_photos(population: Population, urls: Path, settings: MakeSample) -> PhotoTruth:
    """Write the list `urls` and, beside its folder, images/; everybody is in one photo only."""
    root = urls.parent.parent
    names = [f"{number:04d}" for number in range(1, settings.photos + DEAD_LINKS + 1)]
    alive, taken = names[: settings.photos], []
    for index, name in enumerate(tqdm(alive, desc="photos", unit="photo")):
        random = random_for(settings, "photo", name)
        identity, expression, photo = take_photo(population, random, settings.image_size_px)
        layouts.write_jpeg(root / "images" / f"{name}.jpg", photo.image)
        if index % PTS_EVERY == 0:
            layouts.write_pts(root / "images" / f"{name}.pts", photo.landmarks_px)
        taken.append((identity, expression, pack(photo.camera), photo.landmarks_px, photo.visible))
    layouts.write_lines(urls, [URL.format(name) for name in names])
    identities, expressions, cameras, landmarks, visible = (np.stack(column) for column in zip(*taken, strict=True))
    return PhotoTruth(
        [f"images/{name}.jpg" for name in alive],
        identities,
        expressions,
        cameras.astype(np.float32),
        landmarks.astype(np.float32),
        visible,
    )


def take_photo(
    population: Population, random: np.random.Generator, size_px: int
) -> tuple[Float32[np.ndarray, " k_id"], Float32[np.ndarray, " k_exp"], Photo]:
    """Somebody new, somehow, somewhere: identity and expression coefficients, and the photo."""
    head, regions, model = population.head, population.regions, population.model
    person = draw_appearance(random)
    outfit = draw_outfit(random, person)
    identity = draw_identity(random, model)
    expression = draw_expression(random, model.expression)
    vertices = synthesize(model, identity, expression)
    scene = draw_scene(random, size_px, vertices[head.landmarks].mean(0), FACE_HEIGHT_MM)
    gaze = draw_gaze(random, scene.camera)
    surface, wear = paint(head, regions, person, gaze), dress(head, person, outfit, gaze)
    return identity, expression, photograph(random, head, vertices, surface, wear, scene)
