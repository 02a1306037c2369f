"""The pictures of all shards as one numbered set, mapped: who is on them, with which parameters, held out or not."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from models3d.errors import InputError
from pipeline.provenance import digest_of
from pipeline.shards import LAYOUTS, Shard, read_shard

EXACT = ("paired", "meshes")
"""Kinds whose pictures of one face differ in nothing but parameters that are known exactly."""

SHARED = ("range", "sigmas_mm", "component_names", "model_digest", "bounds")
"""Attributes in which shards of one training agree."""

ORIGINAL = 0
"""Variant of a `paired` shard that is the photo, whose parameters are a fit and not exact."""

PAIRABLE = (*EXACT, "speech")
"""Kinds whose pictures of one face can be pairs. Frames of a clip share the person and the light, and their parameters
are a fit: not exact."""

REMEDY = "train on shards of one workflow, or delete it and run the workflow again"


class Condition(NamedTuple):
    """What the parameters of a set mean; a checkpoint carries it."""

    component_names: tuple[str, ...]
    sigmas_mm: tuple[float, ...]
    range: float
    """Standard deviations at a parameter of 1."""
    model_digest: str
    canonical_landmarks_px: tuple[tuple[float, float], ...]
    """Where the shards' crops have the 68 landmarks; empty if no shard says so."""
    picture_px: int
    """Side of the shards' crops, in whose pixels those landmarks are."""
    bounds: tuple[tuple[float, float], ...]
    """Lowest and highest parameter of each component; [-1, 1] where the shards state none."""


class Pictures(NamedTuple):
    """All pictures; `rows` below are places in these arrays."""

    sources: tuple[UInt8[np.ndarray, "m h w 3"], ...]
    """The mapped images of each shard."""
    starts: Int[np.ndarray, " s"]
    """Row of each shard's first image."""
    params: Float32[np.ndarray, "n p"]
    group: Int[np.ndarray, " n"]
    """Equal where face and session are."""
    person: Int[np.ndarray, " n"]
    """Equal where the face is."""
    pairable: Bool[np.ndarray, " n"]
    """Whether two pictures of the group are an edit and its truth."""
    photo: Bool[np.ndarray, " n"]
    """Whether it is of a kind without exact parameters: what the unpaired epochs are for."""
    neutral: Bool[np.ndarray, " n"]
    held_out: Bool[np.ndarray, " n"]
    ids: tuple[str, ...]
    """`<id>` or, of a paired shard, `<id>#<variant>`."""
    condition: Condition
    digest: str
    """Of the contents of all shards, in their order."""

    @property
    def size_px(self) -> int:
        return self.sources[0].shape[1]

    def image(self, row: int) -> UInt8[np.ndarray, "h w 3"]:
        """One picture, still mapped."""
        source = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.sources[source][row - self.starts[source]]


class Part(NamedTuple):
    """One shard, flat."""

    images: np.ndarray
    params: np.ndarray
    groups: list[str]
    people: list[str]
    pairable: np.ndarray
    neutral: np.ndarray
    held_out: np.ndarray
    ids: list[str]


def read_pictures(paths: Sequence[Path], held_out_share: float) -> Pictures:
    """The pictures of shards of any kind that has `images` and `params`.

    held_out_share  of the people, chosen by their name or, where a photo names nobody, by its id; where a shard has a
                    `split`, its own choice holds

    Raises InputError if a shard is missing or broken, if two differ in model, components, range or size, or if a
    parameter is not a number or beyond [-1, 1].
    """
    if not paths:
        raise InputError("training", "there are no shards", "name at least one dataset")
    shards = [read_any(path) for path in paths]
    check_agree(paths, shards)
    parts = [flat(shard, held_out_share) for shard in shards]
    for path, part in zip(paths, parts, strict=True):
        check_params(path, part)
    counts = [len(part.images) for part in parts]
    kinds = np.repeat([shard.kind not in EXACT for shard in shards], counts)
    return Pictures(
        sources=tuple(part.images for part in parts),
        starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
        params=np.concatenate([part.params for part in parts]).astype(np.float32),
        group=numbered([name for part in parts for name in part.groups]),
        person=numbered([name for part in parts for name in part.people]),
        pairable=np.concatenate([part.pairable for part in parts]),
        photo=kinds.astype(bool),
        neutral=np.concatenate([part.neutral for part in parts]),
        held_out=np.concatenate([part.held_out for part in parts]),
        ids=tuple(name for part in parts for name in part.ids),
        condition=condition_of(shards),
        digest=digest_of([str(shard.attributes["content_digest"]) for shard in shards]),
    )


def read_any(path: Path) -> Shard:
    """A shard of whichever kind it says it is; raises InputError if that has no images and parameters."""
    return read_shard(path, *(kind for kind, layout in LAYOUTS.items() if {"images", "params"} <= set(layout)))


def flat(shard: Shard, held_out_share: float) -> Part:
    """The items of a shard one after the other; those of a `paired` one are (face, variant)."""
    params, ids = np.asarray(shard["params"]), shard.text("id")
    people = named_people(shard)
    images = shard["images"].reshape(-1, *shard["images"].shape[-3:])
    pairable = np.full(len(images), shard.kind in PAIRABLE)
    faces = ids
    if params.ndim == 3:
        variants = shard.text("variants")
        faces, people = ([name for name in names for _ in variants] for names in (ids, people))
        ids = [f"{name}#{variant}" for name in ids for variant in variants]
        pairable = np.tile(np.arange(len(variants)) != ORIGINAL, params.shape[0])
        params = params.reshape(-1, params.shape[-1])
    if "session" in shard.arrays:
        faces = [f"{a}/{b}" for a, b in zip(people, shard.text("session"), strict=True)]
    if "clip" in shard.arrays:
        people = faces = shard.text("clip")
    if "split" in shard.arrays:
        held_out = np.array([split != "train" for split in shard.text("split")], bool)
    else:
        held_out = np.array([is_held_out(person, held_out_share) for person in people], bool)
    return Part(images, params, faces, people, pairable, pairable & ~params.any(axis=1), held_out, ids)


def named_people(shard: Shard) -> list[str]:
    """Who each item shows; a photo that names nobody is taken for the only one of its person."""
    if "subject" in shard.arrays:
        return shard.text("subject")
    if "person" not in shard.arrays:
        return shard.text("id")
    return [person or item for person, item in zip(shard.text("person"), shard.text("id"), strict=True)]


def numbered(names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Names as numbers, in the order in which they first come."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)


def is_held_out(person: str, share: float) -> bool:
    """A person's own number in [0, 1), from the name alone, so that new people change no other's side."""
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big") / 2**64 < share


def check_agree(paths: Sequence[Path], shards: Sequence[Shard]) -> None:
    """Raise InputError unless all shards have one model, one list of components, one range and one size."""
    first = shards[0]
    for path, shard in zip(paths, shards, strict=True):
        count, expected = shard["params"].shape[-1], first["params"].shape[-1]
        if count != expected:
            raise InputError(path, f"has {count} parameters where {paths[0]} has {expected}", REMEDY)
        for name in SHARED:
            if shard.attributes.get(name) != first.attributes.get(name):
                raise InputError(path, f"has another {name} than {paths[0]}", REMEDY)
        if shard["images"].shape[-3:] != first["images"].shape[-3:]:
            sizes = shard["images"].shape[-3:-1], first["images"].shape[-3:-1]
            raise InputError(path, f"has images of {sizes[0]} pixels where {paths[0]} has {sizes[1]}", REMEDY)


def check_params(path: Path, part: Part) -> None:
    """Raise InputError on a parameter that is not a number in [-1, 1]."""
    wrong = ~(np.abs(part.params) <= 1 + 1e-6).all(axis=1)
    if wrong.any():
        first = part.ids[int(wrong.argmax())]
        problem = f"{int(wrong.sum())} images have parameters that are no numbers in [-1, 1], '{first}' first"
        raise InputError(path, problem, "delete it and run the workflow again")


def condition_of(shards: Sequence[Shard]) -> Condition:
    """What the shards say of their parameters."""
    stated = shards[0].attributes
    landmarks = next(
        (s.attributes["canonical_landmarks_px"] for s in shards if "canonical_landmarks_px" in s.attributes), ()
    )
    bounds = stated.get("bounds", [(-1.0, 1.0)] * len(stated["component_names"]))  # type: ignore[arg-type]
    return Condition(
        tuple(stated["component_names"]),  # type: ignore[arg-type]
        tuple(stated["sigmas_mm"]),  # type: ignore[arg-type]
        float(stated["range"]),  # type: ignore[arg-type]
        str(stated["model_digest"]),
        tuple((float(x), float(y)) for x, y in landmarks),  # type: ignore[attr-defined]
        int(shards[0]["images"].shape[-2]),
        tuple((float(low), float(high)) for low, high in bounds),  # type: ignore[attr-defined]
    )
