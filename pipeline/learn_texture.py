"""The look of faces, learnt from the photos themselves through their landmark fits (models3d.fitting.texture_model)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32
from tqdm import tqdm

from models3d.camera import Camera
from models3d.face_model import FaceModel, synthesize
from models3d.fitting.coarse_to_fine import rows_of
from models3d.fitting.landmark_fit import USABLE, LandmarkFit, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.fitting.solver import ALIGNMENT
from models3d.fitting.texture_model import TextureModel, learn
from models3d.fitting.texture_sites import LEAST_SITES, look, texture_vertices
from models3d.readers.native import read_native
from pipeline.crops import canonical_landmarks_px
from pipeline.files import Paths
from pipeline.fit_options import landmark_fit_options
from pipeline.marked_photos import MarkedPhotos, marked_photos, read_crop
from pipeline.photo_tables import read_index
from pipeline.provenance import provenance
from pipeline.seeds import generator
from pipeline.settings.photos import LearnTexture
from pipeline.shards import read_shard
from pipeline.texture_file import write_texture

STAGE = "learn_texture"

BATCH = 64
LEAST_SHOWN = 0.1
"""Share of the photos in which a vertex must be visible: at the others a texture would be a guess."""


class Sampled(NamedTuple):
    """Features of n photos at s vertices."""

    features: Float32[np.ndarray, "n s 3"]
    visible: Bool[np.ndarray, "n s"]


def run(inputs: Paths, outputs: Paths, settings: LearnTexture) -> None:
    """Learn from at most `photos` of those with landmarks in `inputs["landmarks"]` (like `inputs["index"]` a list,
    shard by shard), drawn evenly, each through a fit to its landmarks; write `outputs["texture"]`.

    Photos are read one after the other; memory holds 32 bytes a photo and site and 8 (components + 1)^2 a photo: 250 MB
    for 4,000 photos, 1,000 sites and 60 components. With fewer photos than `least_photos`, or than twice the
    components, the file says so and holds no texture.
    """
    model = read_native(inputs["model"])
    shards = [read_shard(path, "landmarks") for path in inputs["landmarks"]]
    photos = {photo.id: photo for path in inputs["index"] for photo in read_index(path)}
    marked = draw(marked_photos(shards, photos), settings)
    fit = fit_all(model, marked, settings)
    usable = np.array([status in USABLE for status in fit.status], bool)
    attributes = provenance(
        STAGE,
        settings,
        inputs,
        model_digest=model.digest,
        size_px=settings.size_px,
        face_scale=settings.face_scale,
        photos=int(usable.sum()),
    )
    reason = too_few(int(usable.sum()), settings)
    if reason:
        print(reason, flush=True)
        write_texture(outputs["texture"], None, {**attributes, "reason": reason})
        return
    vertices = texture_vertices(model, settings.sites, generator(settings.seed, STAGE, "sites"))
    sampled = sample_photos(model, marked.rows(np.flatnonzero(usable)), rows_of(fit, usable), vertices, settings)
    write_texture(outputs["texture"], learn_texture(sampled, vertices, settings), attributes)


def draw(marked: MarkedPhotos, settings: LearnTexture) -> MarkedPhotos:
    """The photos to learn from, in the shards' order."""
    order = generator(settings.seed, STAGE, "photos").permutation(len(marked.photos))
    return marked.rows(np.sort(order[: settings.photos]))


def fit_all(model: FaceModel, marked: MarkedPhotos, settings: LearnTexture) -> LandmarkFit:
    """Fits to the landmarks alone."""
    points, options = landmark_points(model), landmark_fit_options(settings)
    places = range(0, max(1, len(marked.photos)), BATCH)
    batches = [marked.rows(np.arange(start, min(start + BATCH, len(marked.photos)))) for start in places]
    fits = [fit_landmarks(model, points, *batch.arrays, options) for batch in batches]
    return joined(fits)


def joined(fits: Sequence[LandmarkFit]) -> LandmarkFit:
    """Fits of several batches as one."""
    camera = Camera(*(np.concatenate(parts) for parts in zip(*(fit.camera for fit in fits), strict=True)))
    status = tuple(status for fit in fits for status in fit.status)
    arrays = {
        name: np.concatenate([getattr(fit, name) for fit in fits])
        for name in LandmarkFit._fields
        if name not in ("camera", "status")
    }
    return LandmarkFit(camera=camera, status=status, **arrays)


def too_few(photos: int, settings: LearnTexture) -> str:
    """Why no texture is learnt, or nothing."""
    needed = max(settings.least_photos, 2 * settings.components)
    if photos >= needed:
        return ""
    return f"{photos} fitted photos are too few to learn a texture from ({needed} are needed): fits go without it"


def sample_photos(
    model: FaceModel,
    marked: MarkedPhotos,
    fit: LandmarkFit,
    vertices: Int32[np.ndarray, " s"],
    settings: LearnTexture,
) -> Sampled:
    """What photos show at the vertices of their fitted faces."""
    canonical, count = canonical_landmarks_px(model, settings.size_px, settings.face_scale), len(marked.photos)
    found = Sampled(np.zeros((count, len(vertices), 3), np.float32), np.zeros((count, len(vertices)), bool))
    for row in tqdm(range(count), desc=STAGE, unit="photo"):
        crop, camera = read_crop(marked, row, canonical, settings.size_px), Camera(*(part[row] for part in fit.camera))
        face = synthesize(model, fit.identity[row], fit.expression[row])
        _, found.features[row], seen = look(face, model.triangles, camera, crop, vertices)
        found.visible[row] = seen if seen.sum() >= LEAST_SITES else False
    return found


def learn_texture(sampled: Sampled, vertices: Int32[np.ndarray, " s"], settings: LearnTexture) -> TextureModel:
    """Learn at the vertices that enough photos show, as many as fill whole 64-byte lines (`textured_points`)."""
    kept = np.flatnonzero(sampled.visible.mean(0) >= LEAST_SHOWN)
    kept = kept[: len(kept) // ALIGNMENT * ALIGNMENT]
    return learn(sampled.features[:, kept], sampled.visible[:, kept], vertices[kept], settings.components)
