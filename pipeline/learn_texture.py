"""The look of faces, learnt from the photos themselves through their landmark fits (models3d.fitting.texture_model)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from tqdm import tqdm

from models3d.camera import unpack
from models3d.face_model import FaceModel, synthesize
from models3d.fitting.texture_model import TextureModel, learn
from models3d.fitting.texture_sites import LEAST_SITES, features, texture_vertices, visible_sites
from models3d.readers.native import read_native
from pipeline.crops import canonical_landmarks_px, crop_matrix, cut
from pipeline.files import Paths
from pipeline.fit_checks import check_model
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo, read_index
from pipeline.provenance import provenance
from pipeline.seeds import generator
from pipeline.settings.photos import LearnTexture
from pipeline.shards import Shard, read_shard
from pipeline.texture_file import write_texture

STAGE = "learn_texture"


class Sampled(NamedTuple):
    """Features of n photos at s vertices."""

    features: Float32[np.ndarray, "n s 3"]
    visible: Bool[np.ndarray, "n s"]


def run(inputs: Paths, outputs: Paths, settings: LearnTexture) -> None:
    """Learn from at most `photos` of the photos of `inputs["index"]` that have a fit in `inputs["fits"]` (lists, shard
    by shard), drawn evenly; write `outputs["texture"]`.

    Photos are read one after the other; memory holds 32 bytes a photo and site and 8 (components + 1)^2 a photo: 250 MB
    for 4,000 photos, 1,000 sites and 60 components. With fewer photos than `least_photos`, or than twice the
    components, the file says so and holds no texture.
    """
    model = read_native(inputs["model"])
    fits = [read_shard(path, "fits") for path in inputs["fits"]]
    for path, shard in zip(inputs["fits"], fits, strict=True):
        check_model(shard, model, path)
    chosen = draw([len(shard["id"]) for shard in fits], settings)
    attributes = provenance(
        STAGE,
        settings,
        model_digest=model.digest,
        photos=len(chosen),
        fits_digests=[shard.attributes["content_digest"] for shard in fits],
    )
    reason = too_few(len(chosen), settings)
    if reason:
        print(reason, flush=True)
        write_texture(outputs["texture"], None, {**attributes, "reason": reason})
        return
    photos = {photo.id: photo for path in inputs["index"] for photo in read_index(path)}
    vertices = texture_vertices(model, settings.sites, generator(settings.seed, STAGE, "sites"))
    sampled = sample_photos(model, fits, photos, chosen, vertices, settings)
    write_texture(outputs["texture"], learn_texture(sampled, vertices, settings), attributes)


def draw(counts: list[int], settings: LearnTexture) -> list[tuple[int, int]]:
    """Shard and row of the photos to learn from, in the shards' order."""
    everyone = [(shard, row) for shard, count in enumerate(counts) for row in range(count)]
    order = generator(settings.seed, STAGE, "photos").permutation(len(everyone))[: settings.photos]
    return [everyone[place] for place in np.sort(order)]


def too_few(photos: int, settings: LearnTexture) -> str:
    """Why no texture is learnt, or nothing."""
    needed = max(settings.least_photos, 2 * settings.components)
    if photos >= needed:
        return ""
    return f"{photos} fitted photos are too few to learn a texture from ({needed} are needed): fits go without it"


def sample_photos(
    model: FaceModel,
    fits: list[Shard],
    photos: dict[str, Photo],
    chosen: list[tuple[int, int]],
    vertices: np.ndarray,
    settings: LearnTexture,
) -> Sampled:
    """What the chosen photos show at the vertices of their fitted faces."""
    canonical = canonical_landmarks_px(model, settings.size_px, settings.face_scale)
    found = Sampled(np.zeros((len(chosen), len(vertices), 3), np.float32), np.zeros((len(chosen), len(vertices)), bool))
    ids = [shard.text("id") for shard in fits]
    for place, (shard, row) in enumerate(tqdm(chosen, desc=STAGE, unit="photo")):
        fit = fits[shard]
        crop = crop_matrix(fit["landmarks_px"][row], canonical)
        face = synthesize(model, np.array(fit["identity"][row]), np.array(fit["expression"][row]))
        camera = unpack(np.array(fit["camera"][row]))
        places, seen = visible_sites(face, model.triangles, camera, crop, settings.size_px, vertices)
        image = cut(read_indexed(photos[ids[shard][row]]), crop, settings.size_px)
        found.features[place] = features(image, places, seen)[1]
        found.visible[place] = seen if seen.sum() >= LEAST_SITES else False
    return found


def learn_texture(sampled: Sampled, vertices: np.ndarray, settings: LearnTexture) -> TextureModel:
    """Learn at the vertices that a tenth of the photos show at least: the others would be guesses."""
    kept = sampled.visible.mean(0) >= 0.1
    return learn(sampled.features[:, kept], sampled.visible[:, kept], vertices[kept], settings.components)
