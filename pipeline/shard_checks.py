"""Every promise that one shard makes, and those that the shards of a dataset make together, held against the content.

A check yields what is wrong, in words; `read_shard` has checked kind, schema and layout before.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from models3d.camera import CAMERA_FIELDS
from pipeline.crops import to_crop
from pipeline.lrw import FRAMES, SPLITS
from pipeline.provenance import digest_of
from pipeline.shards import Shard, content_digest

STATED = (
    "stage",
    "seed",
    "settings",
    "settings_digest",
    "code_digest",
    "model_digest",
    "range",
    "sigmas_mm",
    "component_names",
)
ONE_PER_DATASET = ("model_digest", "component_names", "range", "sigmas_mm", "settings_digest", "seed")
"""Attributes in which the shards of one kind and dataset agree."""

ORIGINAL, NEUTRAL, RANDOM = 0, 1, 2
"""Places of the variants of a `paired` shard; random ones from there on."""


def check_digest(shard: Shard) -> Iterator[str]:
    if content_digest(shard.arrays) != shard.attributes["content_digest"]:
        yield "the content is not what its digest says: the file was changed or damaged"


def check_attributes(shard: Shard) -> Iterator[str]:
    stated = shard.attributes
    missing = [name for name in STATED if name not in stated]
    if missing:
        yield f"lacks the attributes {missing}"
        return
    if digest_of(stated["settings"]) != stated["settings_digest"]:
        yield "its settings are not what their digest says"
    names, sigmas = list(stated["component_names"]), np.array(stated["sigmas_mm"], float)  # type: ignore[call-overload]
    components = shard["params"].shape[-1]
    for label, found in (("component_names", len(names)), ("sigmas_mm", len(sigmas))):
        if found != components:
            yield f"{found} {label} for {components} parameters"
    if len(set(names)) < len(names):
        yield "two components have one name"
    if not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
        yield "a standard deviation is not positive"
    if not stated["range"] > 0:  # type: ignore[operator]
        yield f"the range {stated['range']} is not positive"


def check_ids(shard: Shard) -> Iterator[str]:
    for item, count in Counter(shard.text("id")).items():
        if count > 1:
            yield f"id '{item}' stands in it {count} times"
        if not item:
            yield "an item has no id"


def check_finite(shard: Shard) -> Iterator[str]:
    for name, array in shard.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            yield f"'{name}' holds numbers that are not finite"


def check_range(shard: Shard) -> Iterator[str]:
    """What is accepted or drawn is within the range."""
    reach = np.abs(shard["params"]).max(initial=0)
    if reach > 1:
        yield f"parameters reach {reach:.3g}, beyond [-1, 1]"


def check_images(shard: Shard) -> Iterator[str]:
    """A picture of one colour is the mark of a write that never happened."""
    for row, images in enumerate(shard["images"]):
        flat = images.reshape(-1, images.shape[-3] * images.shape[-2], 3)
        blank = (flat == flat[:, :1]).all((1, 2))
        if blank.any():
            yield f"item {row} has {int(blank.sum())} pictures of one colour"


def check_camera(shard: Shard) -> Iterator[str]:
    for name in ("focal_px", "tz_mm"):
        if not (shard["camera"][:, CAMERA_FIELDS.index(name)] > 0).all():
            yield f"a camera has no positive {name}"


def check_crop(shard: Shard) -> Iterator[str]:
    linear = shard["crop"][:, :, :2].astype(np.float64)
    a, b, c, d = linear.reshape(-1, 4).T
    size = np.hypot(a, c)
    if not ((size > 0) & (np.hypot(a - d, b + c) <= 1e-3 * size)).all():
        yield "a crop is no similarity: it shears, mirrors or vanishes"


def check_status(shard: Shard) -> Iterator[str]:
    if not all(shard.text("status")):
        yield "an item has no status"


def check_sigmas(shard: Shard) -> Iterator[str]:
    if not (shard["params_sigma"] > 0).all():
        yield "a standard error is not positive"


def check_fits(shard: Shard) -> Iterator[str]:
    if (shard["residual"] < 0).any():
        yield "a residual is negative"
    height, width = shard["images"].shape[1:3]
    for item, crop, points in zip(shard.text("id"), shard["crop"], shard["landmarks_px"], strict=True):
        x, y = to_crop(np.array(crop), np.array(points)).mean(0)
        if not (0 < x < width and 0 < y < height):
            yield f"the landmarks of '{item}' lie around ({x:.0f}, {y:.0f}), outside its image"


def check_variants(shard: Shard) -> Iterator[str]:
    variants = shard.text("variants")
    randoms = [f"random_{number:02d}" for number in range(len(variants) - RANDOM)]
    if variants != ["original", "neutral", *randoms]:
        yield f"variants {variants} where original, neutral, random_00, ... belong"
        return
    if shard["params"][:, NEUTRAL].any():
        yield "a neutral picture has parameters other than zero"
    if not ((shard["draws"][:, :RANDOM] == 0).all() and (shard["draws"][:, RANDOM:] > 0).all()):
        yield "draws are counted wrongly"
    redrawn = int((shard["draws"][:, RANDOM:] - 1).sum())
    if shard.attributes.get("redrawn") != redrawn:
        yield f"says {shard.attributes.get('redrawn')} expressions were drawn anew, its draws {redrawn}"
    if ((shard["invented"] < 0) | (shard["invented"] > 1)).any():
        yield "an invented share lies outside [0, 1]"


def check_subjects(shard: Shard) -> Iterator[str]:
    """A subject is for training or for testing, never for both; a group is one session of one subject."""
    visits = list(zip(shard.text("subject"), shard.text("session"), strict=True))
    splits: dict[str, set[str]] = {}
    for (subject, _), split in zip(visits, shard.text("split"), strict=True):
        splits.setdefault(subject, set()).add(split)
    for subject, names in splits.items():
        if len(names) > 1 or not names <= {"train", "test"}:
            yield f"subject '{subject}' is split into {sorted(names)}"
    groups = shard["group"].tolist()
    if not len(set(groups)) == len(set(visits)) == len(set(zip(groups, visits, strict=True))):
        yield "a group is not one session of one subject"


def check_clips(shard: Shard) -> Iterator[str]:
    """A clip is of one word and one split, aligned by one method, and shows each of its frames once."""
    clips, frames = shard.text("clip"), shard["frame"].tolist()
    said = list(zip(*(shard.text(name) for name in ("word", "split", "method")), strict=True))
    stated: dict[str, set[tuple[str, ...]]] = {}
    for clip, row in zip(clips, said, strict=True):
        stated.setdefault(clip, set()).add(row)
    for clip, rows in stated.items():
        if len(rows) > 1 or not all(next(iter(rows))) or {split for _, split, _ in rows} - {*SPLITS}:
            yield f"clip '{clip}' is of {sorted(rows)}"
    if len(set(zip(clips, frames, strict=True))) < len(frames) or not all(0 <= frame < FRAMES for frame in frames):
        yield f"a clip has a frame twice, or one outside 0 to {FRAMES - 1}"
    if not ((shard["confidence"] >= 0) & (shard["confidence"] <= 1)).all():
        yield "a confidence lies outside [0, 1]"


Check = Callable[[Shard], Iterator[str]]
EVERY: tuple[Check, ...] = (check_digest, check_attributes, check_ids, check_finite, check_range, check_images)
CHECKS: Mapping[str, tuple[Check, ...]] = {
    "annotated": (*EVERY, check_camera, check_crop, check_fits, check_status, check_sigmas),
    "paired": (*EVERY, check_camera, check_crop, check_variants),
    "meshes": (*EVERY, check_camera, check_crop, check_subjects),
    "speech": (*EVERY, check_camera, check_crop, check_fits, check_clips),
}
"""What is checked of each kind."""

Members = Sequence[tuple[Path, Shard]]
"""The shards of one kind and dataset, in the order of their numbers."""


def disagreements(members: Members) -> Iterator[tuple[Path, str]]:
    """What the shards of one dataset say differently, and ids that stand in more than one of them."""
    first_path, first = members[0]
    owner: dict[str, Path] = {}
    for path, shard in members:
        for name in ONE_PER_DATASET:
            if shard.attributes.get(name) != first.attributes.get(name):
                yield path, f"another {name} than {first_path}"
        if shard["images"].shape[1:] != first["images"].shape[1:]:
            yield path, f"images of another shape than {first_path}"
        for item in shard.text("id"):
            if owner.setdefault(item, path) != path:
                yield path, f"id '{item}' is in {owner[item]} too"


def originals_that_differ(paired: Shard, annotated: Shard) -> Iterator[str]:
    """The original of a pair is the annotated item of that id: image, parameters, identity, camera, crop and person."""
    row_of = {item: row for row, item in enumerate(annotated.text("id"))}
    for row, item in enumerate(paired.text("id")):
        if item not in row_of:
            yield f"'{item}' is not among the annotated items"
            continue
        expected = row_of[item]
        for name in ("images", "params", "identity", "camera", "crop", "person"):
            found = paired[name][row, ORIGINAL] if name in ("images", "params") else paired[name][row]
            if not np.array_equal(found, annotated[name][expected]):
                yield f"the original of '{item}' has other {name} than its annotated item"


def skipped(paired: Shard, annotated: Shard, rejected: set[str]) -> Iterator[str]:
    """Pairs stand in the order of the annotated items; before the last of them only rejects may be missing."""
    pairs, items = paired.text("id"), annotated.text("id")
    known = set(pairs)
    in_order = [item for item in items if item in known]
    if pairs and in_order != pairs:
        yield "its items stand in another order than the annotated ones"
    elif pairs:
        before = items[: items.index(pairs[-1])]
        for item in before:
            if item not in known and item not in rejected:
                yield f"'{item}' is missing without a reason"
