"""Every face with other expressions: the photo, a neutral one, and random ones whose parameters are exact."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8
from numba import get_num_threads
from tqdm import tqdm

from models3d.errors import UnusableDatum
from models3d.face_model import Basis, FaceModel
from models3d.raster_gl import GlRasteriser
from models3d.readers.native import read_native
from models3d.warp.portrait import Portrait, Rasteriser, Shares, render
from models3d.warp.warp_model import warp_model
from pipeline.crops import canonical_landmarks_px, crop_matrix
from pipeline.files import Paths, Reject, check_rejects, read_table, write_rejects
from pipeline.fit_checks import check_model, check_range, label_attributes
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo as IndexedPhoto
from pipeline.photo_tables import read_index
from pipeline.portraits import fit_portrait
from pipeline.provenance import provenance
from pipeline.seeds import generator
from pipeline.settings.paired import RenderPairs
from pipeline.shards import Shard, new_shard, read_shard

STAGE = "render_pairs"

ORIGINAL, NEUTRAL, RANDOM = 0, 1, 2
"""Places of the variants; random ones from there on."""

DISTRIBUTIONS: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, count: random.standard_normal(count),
    "uniform": lambda random, count: random.uniform(-1, 1, count),
}
"""What a coefficient is drawn from, before it is multiplied by the spread."""


class Face(NamedTuple):
    """One item of a `paired` shard: the photo, the neutral face, then the random ones."""

    id: str
    person: str
    images: UInt8[np.ndarray, "v h w 3"]
    expressions: Float32[np.ndarray, "v k"]
    """In standard deviations."""
    identity: Float32[np.ndarray, " k_id"]
    camera: Float32[np.ndarray, "9"]
    crop: Float32[np.ndarray, "2 3"]
    draws: Int32[np.ndarray, " v"]
    """How many expressions were drawn until one passed the gate; 0 for the first two."""
    invented: Float32[np.ndarray, " v"]


def run(inputs: Paths, outputs: Paths, settings: RenderPairs) -> None:
    """Render the faces of `inputs["fits"]`; write `outputs["shard"]`, of kind `paired`, and `outputs["rejects"]`.

    selected  of `select_faces`, how many of the fits are taken; without it all of them

    params   expression in standard deviations over `range_sigma`
    camera   in the pixels of the PHOTO; crop takes those to the pixels of the images

    A face is a reject if its neutral picture fails the gate, or `max_draws` expressions in a row do.
    Raises InputError if the fits are of another model, if a component can leave the range, if more than
    `max_reject_rate` of the faces are rejects, or if the backend is pyrender and there is no OpenGL.
    """
    model, fits = read_native(inputs["model"]), read_shard(inputs["fits"], "fits")
    check_model(fits, model, inputs["fits"])
    check_range(model.name, model.expression, settings.range_sigma)
    count = taken(inputs, len(fits["id"]))
    photos = {photo.id: photo for photo in read_index(inputs["index"])}
    variants = variant_names(settings.expressions)
    most = (count, len(variants), settings.size_px, settings.size_px, 3)
    faces: list[Face] = []
    rejects: list[Reject] = []
    with new_shard(outputs["shard"], "paired", {"images": most}) as shard:
        for made in tqdm(draw_faces(model, fits, count, photos, settings), STAGE, count, unit="face"):
            if isinstance(made, Reject):
                rejects.append(made)
                continue
            shard.append("images", made.images)
            faces.append(made._replace(images=made.images[:0]))
        check_rejects(rejects, count, settings.max_reject_rate, inputs["fits"])
        redrawn = int(sum(face.draws.clip(1).sum() - len(variants) for face in faces))
        stated = attributes(model, fits, inputs, settings, redrawn=redrawn, rejected=len(rejects))
        shard.finish(arrays(faces, model, fits, variants, settings), stated)
    write_rejects(outputs["rejects"], rejects)


def taken(inputs: Paths, available: int) -> int:
    """How many fits of the shard are rendered, from the first on."""
    if not inputs.get("selected"):
        return available
    shares = {row["shard"]: int(row["faces"]) for row in read_table(inputs["selected"])}
    return min(available, shares[inputs["fits"].stem])


def variant_names(expressions: int) -> list[str]:
    """What the second axis of a `paired` shard's images holds."""
    return ["original", "neutral", *(f"random_{number:02d}" for number in range(expressions))]


def draw_faces(
    model: FaceModel, fits: Shard, count: int, photos: Mapping[str, IndexedPhoto], settings: RenderPairs
) -> Iterator[Face | Reject]:
    """The first `count` faces of the fits, in their order, or why one cannot be used."""
    drawn = warp_model(model)
    canonical_px = canonical_landmarks_px(model, settings.size_px, settings.face_scale)
    rasterise = GlRasteriser().rasterise if settings.backend == "pyrender" else None
    for row, name in enumerate(fits.text("id")[:count]):
        crop = crop_matrix(fits["landmarks_px"][row], canonical_px)
        try:
            fitted = fit_portrait(drawn, fits, row, crop, read_indexed(photos[name]), settings.size_px)
            yield draw_face(fitted, fits, row, crop, model.expression, settings, rasterise)
        except UnusableDatum as reason:
            yield Reject(name, STAGE, str(reason))


def draw_face(
    fitted: Portrait,
    fits: Shard,
    row: int,
    crop: Float32[np.ndarray, "2 3"],
    basis: Basis,
    settings: RenderPairs,
    rasterise: Rasteriser | None,
) -> Face:
    """Draw all variants of a face, each random expression anew until its picture passes the gate.

    Raises UnusableDatum if the neutral face does not pass, or an expression has been drawn `max_draws` times.
    """
    name, variants = fits.text("id")[row], variant_names(settings.expressions)
    randoms = [generator(settings.seed, STAGE, name, number) for number in range(settings.expressions)]
    expressions = np.zeros((len(variants), len(basis)), np.float32)
    expressions[ORIGINAL] = fits["expression"][row]
    images = np.empty((len(variants), *fitted.picture.shape), np.uint8)
    images[ORIGINAL] = fitted.picture
    draws, invented = np.zeros(len(variants), np.int32), np.zeros(len(variants), np.float32)
    pending = np.arange(NEUTRAL, len(variants))
    while len(pending):
        for variant in pending[pending >= RANDOM]:
            expressions[variant] = draw_expression(randoms[variant - RANDOM], basis, settings)
            draws[variant] += 1
        images[pending], shares = render(fitted, expressions[pending], rasterise, get_num_threads())
        invented[pending] = shares.invented
        failed = ~passes(shares, settings)
        given_up = failed & ((pending == NEUTRAL) | (draws[pending] >= settings.max_draws))
        if given_up.any():
            first = int(given_up.argmax())
            raise UnusableDatum(f"{variants[pending[first]]}: {why(shares, first, settings)}")
        pending = pending[failed]
    person = fits.text("person")[row]
    return Face(name, person, images, expressions, fits["identity"][row], fits["camera"][row], crop, draws, invented)


def draw_expression(random: np.random.Generator, basis: Basis, settings: RenderPairs) -> Float32[np.ndarray, " k"]:
    """Coefficients from the distribution, clipped to the range and to what each component can do."""
    drawn = settings.spread * DISTRIBUTIONS[settings.distribution](random, len(basis))
    lower, upper = np.clip(basis.bounds, -settings.range_sigma, settings.range_sigma).T
    return np.clip(drawn, lower, upper).astype(np.float32)


def passes(shares: Shares, settings: RenderPairs) -> Bool[np.ndarray, " f"]:
    """The gate: pictures that the photo vouches for."""
    return (
        (shares.invented <= settings.max_invented)
        & (shares.invented_eye <= settings.max_invented_eye)
        & (shares.folded <= settings.max_folded)
    )


def why(shares: Shares, frame: int, settings: RenderPairs) -> str:
    """Why a picture does not pass the gate, in words."""
    if shares.invented_eye[frame] > settings.max_invented_eye:
        return f"an eye would open that the photo shows closed ({shares.invented_eye[frame]:.0%} of it invented)"
    if shares.invented[frame] > settings.max_invented:
        return f"the photo does not show {shares.invented[frame]:.0%} of the skin"
    return f"{shares.folded[frame]:.0%} of the skin would fold over"


def arrays(
    faces: Sequence[Face], model: FaceModel, fits: Shard, variants: Sequence[str], settings: RenderPairs
) -> Mapping[str, object]:
    """The arrays of a `paired` shard but for its images."""

    def stacked(field: str, *shape: int) -> np.ndarray:
        rows = [getattr(face, field) for face in faces]
        return np.stack(rows) if rows else np.zeros((0, *shape), np.float32)

    expressions = stacked("expressions", len(variants), len(model.expression))
    return {
        "id": [face.id for face in faces],
        "person": [face.person for face in faces],
        "variants": variants,
        "params": expressions / np.float32(settings.range_sigma),
        "identity": stacked("identity", fits["identity"].shape[1]),
        "camera": stacked("camera", fits["camera"].shape[1]),
        "crop": stacked("crop", 2, 3),
        "draws": stacked("draws", len(variants)).astype(np.int32),
        "invented": stacked("invented", len(variants)),
    }


def attributes(model: FaceModel, fits: Shard, inputs: Paths, settings: RenderPairs, **counts: int) -> dict[str, object]:
    """What the shard was made from, and how often the gate closed."""
    canonical_px = canonical_landmarks_px(model, settings.size_px, settings.face_scale)
    return provenance(
        STAGE,
        settings,
        inputs,
        **label_attributes(model, settings.range_sigma),
        seed=settings.seed,
        canonical_landmarks_px=canonical_px.round(4).tolist(),
        fit_settings=fits.attributes["settings"],
        **counts,
    )
