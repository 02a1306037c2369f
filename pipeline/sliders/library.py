"""What the results of a workflow offer to the page: photos with their heads, the face model, clips of parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.readers.native import read_native
from pipeline.files import read_table
from pipeline.gan.checkpoints import Description
from pipeline.photo_tables import Photo, read_index
from pipeline.shards import Shard, read_shard

CLIP_KINDS = {"speech": ("clip",), "meshes": ("subject", "session", "sequence")}
"""Kinds of shard whose items are frames, and the arrays that say of which clip."""
MOST_CLIPS = 24
SHORTEST_CLIP = 3


@dataclass(frozen=True, eq=False)
class Clip:
    """Parameters of a checkpoint over time."""

    name: str
    kind: str
    """Of the shard that it comes from."""
    moved: tuple[str, ...]
    """The parameters that the clip knows; the others rest at 0."""
    unknown: tuple[str, ...]
    """Parameters of the clip that the checkpoint does not have."""
    params: Float32[np.ndarray, "f p"]


@dataclass(frozen=True, eq=False)
class Library:
    """What there is; any part of it may be missing."""

    root: Path
    """What the paths of photos are below."""
    photos: dict[str, Photo]
    identities: dict[str, Float32[np.ndarray, " k"]]
    """Of photos that were fitted with the face model."""
    model: FaceModel | None
    """The checkpoint's own, whose digest it states."""
    clips: tuple[Clip, ...]
    regression_error: float | None
    """Of the critic on held-out faces, relative; none if the checkpoint was not evaluated."""


def read_library(results: Path, description: Description) -> Library:
    """Everything in a folder of results that goes with the checkpoint; files that cannot be read are left out."""
    model = find_model(results / "models", description.condition.model_digest)
    identities = {} if model is None else dict(find_identities(results / "shards/annotated", model))
    photos = {photo.id: photo for path in sorted((results / "index").glob("*/?????.csv")) for photo in read_index(path)}
    clips = tuple(find_clips(results, description))
    error = find_regression_error(results / "evaluation/table.csv", description.variant)
    return Library(results.resolve().parent, photos, identities, model, clips, error)


def find_regression_error(table: Path, variant: str) -> float | None:
    """What the evaluation says of how well the variant's critic reads parameters."""
    rows = read_table(table) if table.is_file() else []
    found = [row["regression_real"] for row in rows if row.get("variant") == variant]
    return float(found[0]) if found and found[0] != "-" else None


def find_model(folder: Path, digest: str) -> FaceModel | None:
    """The model with that digest among the files of a folder."""
    for path in sorted(folder.glob("*.h5")):
        try:
            model = read_native(path)
        except InputError:
            continue
        if model.digest == digest:
            return model
    return None


def find_identities(folder: Path, model: FaceModel) -> Iterator[tuple[str, Float32[np.ndarray, " k"]]]:
    """The identity coefficients that fits gave each photo."""
    for shard in readable(folder, "annotated"):
        if shard.attributes.get("model_digest") == model.digest:
            yield from zip(shard.text("id"), np.asarray(shard["identity"]), strict=True)


def find_clips(results: Path, description: Description) -> list[Clip]:
    """Clips whose parameters the checkpoint has: those that speak first, then sequences of meshes."""
    clips: list[Clip] = []
    for kind, arrays in CLIP_KINDS.items():
        for shard in readable(results / "shards" / kind, kind):
            clips += clips_of(shard, kind, arrays, description)
    return clips[:MOST_CLIPS]


def clips_of(shard: Shard, kind: str, arrays: Sequence[str], description: Description) -> Iterator[Clip]:
    """The clips of one shard, each in the order of its frames; none if it shares no parameter with the checkpoint."""
    names = list(shard.attributes["component_names"])  # type: ignore[call-overload]
    shared = [name for name in description.names if name in names]
    if not shared:
        return
    scale = float(shard.attributes["range"]) / description.condition.range  # type: ignore[arg-type]
    unknown = tuple(name for name in names if name not in description.names)
    columns, places = [names.index(name) for name in shared], [description.names.index(name) for name in shared]
    labels = np.array([" ".join(parts) for parts in zip(*(shard.text(name) for name in arrays), strict=True)])
    frames, values = np.asarray(shard["frame"]), np.asarray(shard["params"])
    for label in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == label)
        _, firsts = np.unique(frames[rows], return_index=True)  # one picture a frame, in their order
        rows = rows[firsts]
        if len(rows) < SHORTEST_CLIP:
            continue
        params = np.zeros((len(rows), len(description.names)), np.float32)
        params[:, places] = np.clip(scale * values[rows][:, columns], -1, 1)
        yield Clip(f"{kind}: {label}", kind, tuple(shared), unknown, params)


def readable(folder: Path, kind: str) -> Iterator[Shard]:
    """The shards of a kind below a folder that can be read."""
    for path in sorted(folder.glob("*/*.h5")):
        try:
            yield read_shard(path, kind)
        except InputError:
            continue
