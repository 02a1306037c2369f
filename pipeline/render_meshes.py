"""Meshes become photos whose parameters are known: many of each subject and session, under one camera and light."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32, UInt8
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from models3d.camera import FLIP, Camera, pack, project
from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.mouth_interior import lid_over_hole, mouth_region
from models3d.readers.native import read_native
from models3d.render import Lighting, Surface, render_photo, to_linear, to_srgb
from models3d.rigid import Similarity, apply, similarity
from models3d.stable_alignment import stable_motion
from pipeline.crops import canonical_landmarks_px, crop_matrix
from pipeline.files import Paths, Reject, read_table, write_rejects
from pipeline.fit_checks import label_attributes
from pipeline.media import tile, write_png
from pipeline.mesh_cache import NONE
from pipeline.provenance import provenance
from pipeline.sample.scene import draw_background, draw_camera, draw_lighting
from pipeline.seeds import generator
from pipeline.settings.meshes import RenderMeshes
from pipeline.shards import Shard, new_shard, read_shard

STAGE = "render_meshes"

SKIN_GLOSS, SKIN_SHININESS = 0.04, 12.0
"""A texture says nothing of highlights; these are dry skin's."""
MOUTH_ALBEDO = np.array([0.06, 0.02, 0.018], np.float32)
"""Linear RGB of what closes the hole of a mouth, where little light comes."""
SUPERSAMPLING = 3
PHOTO_SIDES = 2.5
"""Side of the photo that a crop is thought to be cut from, in crops."""
SHEET_COLUMNS, SHEET_ROWS = 10, 12


@dataclass(frozen=True, eq=False)
class Session:
    """One subject's visit: what all its pictures share."""

    subject: str
    session: str
    items: Int[np.ndarray, " i"]
    """Of the cache, chosen to be drawn."""
    albedo: Float32[np.ndarray, "n 3"]
    reference: Float32[np.ndarray, "n 3"]
    """The face that the others' heads are brought to."""
    to_model: Similarity
    """From there to the model's frame."""
    camera: Camera
    """Of the photo; crop takes its pixels to the picture's."""
    crop: Float32[np.ndarray, "2 3"]
    lighting: Lighting
    background: Float32[np.ndarray, "h w 3"]


class Topology(NamedTuple):
    """What is drawn of a mesh: its triangles, and a lid that closes the hole of a mouth, if it has one."""

    triangles: Int32[np.ndarray, "t 3"]
    hole: Int32[np.ndarray, "e 2"]


def run(inputs: Paths, outputs: Paths, settings: RenderMeshes) -> None:
    """Draw the meshes of `inputs["cache"]` with the parameters of `inputs["projections"]`.

    model     whose expressions the parameters are of
    subjects  which of them are for testing

    Writes `outputs["shard"]` (kind `meshes`), `outputs["rejects"]`, and `outputs["sheet"]` to look at. A session
    without a texture, and a mesh with a parameter beyond the range, are rejects.
    Raises InputError if the projections are not of this cache and model.
    """
    model = read_native(inputs["model"])
    cache, projections = read_shard(inputs["cache"], "mesh_cache"), read_shard(inputs["projections"], "projections")
    check_inputs(cache, projections, model, inputs["projections"])
    params = projections["expression"] / np.float32(settings.range_sigma)
    rejects = [*untextured(cache), *beyond_range(projections, params, settings.range_sigma, model.expression.names)]
    places = usable(cache, projections, {reject.id for reject in rejects})
    sessions = list(plan(cache, places, model, settings))
    split = {row["subject"]: row["split"] for row in read_table(inputs["subjects"])}
    size, count = settings.size_px, sum(len(session.items) for session in sessions)
    with new_shard(outputs["shard"], "meshes", {"images": (count, size, size, 3)}) as shard:
        shown = draw_sessions(sessions, cache, model, shard.append)
        arrays = {**described(sessions, cache, split), **labels(sessions, cache, projections, params)}
        shard.finish(arrays, attributes(model, inputs, settings))
    write_rejects(outputs["rejects"], rejects)
    write_png(outputs["sheet"], sheet(shown, size))


def attributes(model: FaceModel, inputs: Paths, settings: RenderMeshes) -> dict[str, object]:
    """What the shard was made from, and how its parameters are to be read."""
    return provenance(
        STAGE,
        settings,
        inputs,
        **label_attributes(model, settings.range_sigma),
        seed=settings.seed,
    )


def check_inputs(cache: Shard, projections: Shard, model: FaceModel, item: object) -> None:
    """Raise InputError unless the projections are of this cache and model."""
    stated = projections.attributes["cache_digest"], projections.attributes["model_digest"]
    if stated != (cache.attributes["content_digest"], model.digest):
        raise InputError(item, "is of other meshes or another model", "delete it and run the workflow again")


def untextured(cache: Shard) -> list[Reject]:
    """The sessions whose texture is missing, each by its first mesh."""
    first: dict[tuple[str, str], Reject] = {}
    for name, subject, session, texture in zip(
        cache.text("id"), cache.text("subject"), cache.text("session"), cache["texture"], strict=True
    ):
        if texture == NONE:
            reason = f"session '{session}' of subject '{subject}' has no texture to draw it with"
            first.setdefault((subject, session), Reject(name, STAGE, reason))
    return list(first.values())


def beyond_range(
    projections: Shard, params: Float32[np.ndarray, "m p"], range_sigma: float, components: Sequence[str]
) -> list[Reject]:
    """The meshes that parameters within [-1, 1] cannot describe."""
    rejects = []
    for name, values in zip(projections.text("id"), params, strict=True):
        worst = int(np.abs(values).argmax())
        if abs(values[worst]) > 1:
            found = values[worst] * range_sigma
            reason = f"{components[worst]} at {found:.1f} standard deviations, beyond the range of {range_sigma:g}"
            rejects.append(Reject(name, STAGE, reason))
    return rejects


def usable(cache: Shard, projections: Shard, rejected: set[str]) -> dict[tuple[str, str], list[int]]:
    """Places in the cache of the meshes that can be drawn, by subject and session, in the order of the cache."""
    projected = set(projections.text("id")) - rejected
    keys = zip(cache.text("subject"), cache.text("session"), strict=True)
    places: dict[tuple[str, str], list[int]] = {}
    for place, (name, key, texture) in enumerate(zip(cache.text("id"), keys, cache["texture"], strict=True)):
        if name in projected and texture != NONE:
            places.setdefault(key, []).append(place)
    return places


def plan(
    cache: Shard, places: Mapping[tuple[str, str], list[int]], model: FaceModel, settings: RenderMeshes
) -> Iterable[Session]:
    """Choose each session's meshes, camera, light and background; none depends on another session."""
    for (subject, session), candidates in places.items():
        random = generator(settings.seed, STAGE, subject, session)
        count = min(settings.images_per_session, len(candidates))
        items = np.sort(random.permutation(candidates)[:count])
        neutral, first = cache["neutral"][candidates[0]], candidates[0]
        reference = np.array(cache["vertices"][first] if neutral == NONE else cache["neutrals"][neutral])
        to_model = similarity(reference, model.mean_mm, scaled=False)
        upright = apply(to_model, reference)
        camera, crop = aimed(random, upright[model.landmarks], model, settings)
        yield Session(
            subject,
            session,
            items,
            to_linear(cache["textures"][cache["texture"][first]]),
            reference,
            to_model,
            camera,
            crop,
            draw_lighting(random),
            draw_background(random, settings.size_px),
        )


def aimed(
    random: np.random.Generator, landmarks_mm: Float64[np.ndarray, "68 3"], model: FaceModel, settings: RenderMeshes
) -> tuple[Camera, Float32[np.ndarray, "2 3"]]:
    """A camera at the face, and the crop that annotated photos would have."""
    low, high = landmarks_mm.min(0), landmarks_mm.max(0)
    camera = draw_camera(random, round(PHOTO_SIDES * settings.size_px), (low + high) / 2, float((high - low)[1]))
    canonical = canonical_landmarks_px(model, settings.size_px, settings.face_scale)
    return camera, crop_matrix(project(camera, landmarks_mm), canonical)


def into_crop(camera: Camera, crop: Float[np.ndarray, "2 3"]) -> Camera:
    """The camera whose pixels are the crop's: a similarity of the picture is a turn about the axis, a focal length and
    a centre."""
    linear, shift = crop[:, :2].astype(np.float64), crop[:, 2]
    scale = np.sqrt(np.linalg.det(linear))
    turn = np.eye(3)
    turn[:2, :2] = linear / scale
    rotation = FLIP @ turn @ FLIP @ Rotation.from_rotvec(camera.rotation_rad).as_matrix()
    return Camera(
        Rotation.from_matrix(rotation).as_rotvec(),
        turn @ camera.translation_mm,
        np.asarray(scale * camera.focal_px),
        linear @ camera.centre_px + shift,
    )


def draw_sessions(sessions: Sequence[Session], cache: Shard, model: FaceModel, append) -> list[list[np.ndarray]]:
    """Draw every picture and hand it on; the first few of each session for the sheet."""
    topology = Topology(model.triangles, mouth_region(model).hole)
    progress = tqdm(desc=STAGE, unit="image", total=sum(len(session.items) for session in sessions))
    shown: list[list[np.ndarray]] = []
    for session in sessions:
        camera = into_crop(session.camera, session.crop)
        shown.append([])
        for item in session.items:
            vertices = np.array(cache["vertices"][item])
            still = apply(session.to_model, apply(stable_motion(vertices, session.reference), vertices))
            image = picture(still.astype(np.float32), topology, session, camera)
            append("images", image)
            progress.update()
            if len(shown[-1]) < SHEET_COLUMNS:
                shown[-1].append(image)
    progress.close()
    return shown


def picture(
    vertices_mm: Float32[np.ndarray, "n 3"], topology: Topology, session: Session, camera: Camera
) -> UInt8[np.ndarray, "h w 3"]:
    """One mesh under the light of its session."""
    vertices, triangles, albedo = vertices_mm, topology.triangles, session.albedo
    if len(topology.hole):
        vertices, triangles = closed(vertices, triangles, topology.hole)
        albedo = np.concatenate([albedo, np.tile(MOUTH_ALBEDO, (len(vertices) - len(albedo), 1))])
    gloss, shininess = (np.full(len(vertices), value, np.float32) for value in (SKIN_GLOSS, SKIN_SHININESS))
    surface = Surface(albedo, gloss, shininess)
    return to_srgb(
        render_photo(vertices, triangles, surface, session.lighting, camera, session.background, SUPERSAMPLING)
    )


def closed(
    vertices: Float32[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"], hole: Int32[np.ndarray, "e 2"]
) -> tuple[Float32[np.ndarray, "m 3"], Int32[np.ndarray, "u 3"]]:
    """The mesh with a lid behind a hole, on vertices of its own, so that it keeps its own colour and normals."""
    point, lid = lid_over_hole(hole, vertices)
    used, local = np.unique(lid, return_inverse=True)  # the point counts as vertex n, the last
    own = np.concatenate([vertices[used[:-1]], point[None].astype(np.float32)])
    lid = (len(vertices) + local.reshape(-1, 3)).astype(np.int32)
    return np.concatenate([vertices, own]), np.concatenate([triangles, lid])


def drawn_items(sessions: Sequence[Session]) -> Int[np.ndarray, " i"]:
    """Places in the cache of all pictures, in their order."""
    return np.concatenate([np.empty(0, np.int64), *(session.items for session in sessions)])


def labels(
    sessions: Sequence[Session], cache: Shard, projections: Shard, params: Float32[np.ndarray, "m p"]
) -> dict[str, np.ndarray]:
    """The parameters of each image, and how far the projection was off."""
    row_of = {name: row for row, name in enumerate(projections.text("id"))}
    rows = [row_of[name.decode()] for name in np.asarray(cache["id"])[drawn_items(sessions)]]
    return {"params": params[rows], "residual": projections["residual"][rows]}


def described(sessions: Sequence[Session], cache: Shard, split: Mapping[str, str]) -> dict[str, object]:
    """The arrays of the shard that say what each image is of."""
    items, each = drawn_items(sessions), [len(session.items) for session in sessions]
    cameras = np.array([pack(session.camera) for session in sessions], np.float32).reshape(-1, 9)
    crops = np.array([session.crop for session in sessions], np.float32).reshape(-1, 2, 3)
    texts = {name: np.asarray(cache[name])[items] for name in ("id", "subject", "session", "sequence")}
    return {
        **{name: [value.decode() for value in values] for name, values in texts.items()},
        "frame": np.asarray(cache["frame"])[items],
        "group": np.repeat(np.arange(len(sessions), dtype=np.int32), each),
        "split": [split[value.decode()] for value in texts["subject"]],
        "camera": np.repeat(cameras, each, axis=0),
        "crop": np.repeat(crops, each, axis=0),
    }


def sheet(shown: Sequence[Sequence[UInt8[np.ndarray, "h w 3"]]], size_px: int) -> UInt8[np.ndarray, "H W 3"]:
    """A row of pictures a session."""
    blank = np.full((size_px, size_px, 3), 255, np.uint8)
    rows = [[*row, *[blank] * (SHEET_COLUMNS - len(row))] for row in shown[:SHEET_ROWS]]
    return tile([image for row in rows for image in row] or [blank], columns=SHEET_COLUMNS)
