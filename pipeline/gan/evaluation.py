"""What a checkpoint is worth on held-out faces: distance to the true picture, obedience, recognised expressions."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from models3d.errors import InputError
from pipeline.gan import expressions
from pipeline.gan.batches import gather, grey_levels, prepared, reduction
from pipeline.gan.checkpoints import Description, read_networks
from pipeline.gan.conditions import Conditions, read_conditions
from pipeline.gan.image_distance import distance_per_pixel
from pipeline.gan.networks import Critic, Generator
from pipeline.gan.order import groups_of_pairs
from pipeline.gan.pictures import Pictures, condition_of, read_any, read_pictures
from pipeline.seeds import generator as seeded
from pipeline.settings.train import Evaluate

STAGE = "evaluate"
SMALLEST_NORM = 1e-3
"""Of parameters, below which an error relative to them says nothing."""


class Candidate(NamedTuple):
    """A checkpoint, and the held-out pictures as it takes them."""

    generator: Generator
    critic: Critic
    description: Description
    pictures: Pictures
    conditions: Conditions
    device: torch.device
    batch: int

    @property
    def size_px(self) -> int:
        return self.description.dimensions.size_px


class Pairs(NamedTuple):
    """Two pictures of one held-out face and session: what is edited, and what should come out."""

    originals: Int[np.ndarray, " n"]
    targets: Int[np.ndarray, " n"]


class Scores(NamedTuple):
    """A row of the table. What could not be measured is not a number."""

    variant: str
    size_px: int
    pairs: int
    ied: float
    ied_standard_error: float
    better_than_copy: float
    """Share of the pairs on which the edit is closer than the unchanged picture."""
    regression_real: float
    regression_edited: float
    left_out_near_zero: int
    """Pictures whose parameters are too small for an error relative to them."""
    recognition: float
    identity_network: str


def read_candidate(
    path: Path, shards: Sequence[Path], action_units: Path | None, settings: Evaluate, device: torch.device
) -> Candidate:
    """The pictures are those of the shards that have the checkpoint's components.

    Raises InputError if the checkpoint is of another model, range or list of components than the shards, or of
    pictures that they are smaller than.
    """
    generator, critic, description = read_networks(path)
    names = description.condition.component_names
    own = [shard for shard in shards if condition_of([read_any(shard)]).component_names == names]
    pictures = read_pictures(own or shards, description.held_out_share)
    for name, ours, its in zip(pictures.condition._fields, pictures.condition, description.condition, strict=True):
        if name not in ("canonical_landmarks_px", "sigmas_mm") and ours != its:
            raise InputError(path, f"was trained with another {name} than {shards[0]}", "train it on these shards")
    reduction(pictures.size_px, description.dimensions.size_px)
    stated = description.settings
    conditions = read_conditions(
        pictures, description.condition_kind, action_units, float(stated["detector_noise"]), int(stated["seed"])
    )
    return Candidate(generator.to(device), critic.to(device), description, pictures, conditions, device, settings.batch)


def held_out_pairs(pictures: Pictures, usable: Bool[np.ndarray, " n"], each: int, seed: int) -> Pairs:
    """`each` pairs of every held-out face and session, the same for all checkpoints.

    Raises InputError if no face is held out.
    """
    originals, targets = [], []
    for rows in groups_of_pairs(pictures, pictures.held_out & usable):
        random = seeded(seed, STAGE, pictures.ids[rows[0]])
        first = random.integers(0, len(rows), each)
        originals.append(rows[first])
        targets.append(rows[(first + random.integers(1, len(rows), each)) % len(rows)])
    if not originals:
        raise InputError(
            "evaluate", "no face is held out", "raise held_out_share, or add shards until a face falls under it"
        )
    return Pairs(np.concatenate(originals), np.concatenate(targets))


def seen_by(candidate: Candidate, rows: Int[np.ndarray, " n"]) -> torch.Tensor:
    """Pictures as the checkpoint takes them, on its device."""
    factor = reduction(candidate.pictures.size_px, candidate.size_px)
    return prepared(gather(candidate.pictures, rows, pinned=False).to(candidate.device), factor)


def pictures_of(candidate: Candidate, rows: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Pictures at the checkpoint's size."""
    return in_batches(candidate, len(rows), lambda part: grey_levels(seen_by(candidate, rows[part])))


def edited(
    candidate: Candidate, rows: Int[np.ndarray, " n"], params: Float[np.ndarray, "n p"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """Pictures with other parameters."""

    def edit(part: slice) -> np.ndarray:
        wanted = torch.from_numpy(np.ascontiguousarray(params[part], np.float32)).to(candidate.device)
        return grey_levels(candidate.generator(seen_by(candidate, rows[part]), wanted).image)

    return in_batches(candidate, len(rows), edit)


def regressed(candidate: Candidate, images: UInt8[np.ndarray, "n h w 3"]) -> Float[np.ndarray, "n p"]:
    """The parameters that D reads off pictures."""

    def read(part: slice) -> np.ndarray:
        return candidate.critic(prepared(torch.from_numpy(images[part]).to(candidate.device), 1)).params.cpu().numpy()

    return in_batches(candidate, len(images), read)


def in_batches(candidate: Candidate, count: int, work: Callable[[slice], np.ndarray]) -> np.ndarray:
    """The results of `work` on parts of what there is, as one array."""
    with torch.no_grad():
        parts = [work(slice(start, start + candidate.batch)) for start in range(0, count, candidate.batch)]
    return np.concatenate(parts)


def relative_errors(found: Float[np.ndarray, "n p"], true: Float[np.ndarray, "n p"]) -> tuple[float, int]:
    """The mean of |p' - p| / |p| (Table 4), and how many rows were left out because |p| is next to nothing."""
    lengths = np.linalg.norm(true, axis=1)
    kept = lengths >= SMALLEST_NORM
    if not kept.any():
        return float("nan"), len(true)
    errors = np.linalg.norm(found - true, axis=1)[kept] / lengths[kept]
    return float(errors.mean()), int((~kept).sum())


def score(candidate: Candidate, pairs: Pairs, settings: Evaluate) -> tuple[Scores, Scores]:
    """The row of a checkpoint, and that of copying the input, for pictures of its size."""
    originals, targets = (pictures_of(candidate, rows) for rows in pairs)
    wanted = candidate.conditions.values[pairs.targets]
    made = edited(candidate, pairs.originals, wanted)
    distance, copied = distance_per_pixel(made, targets), distance_per_pixel(originals, targets)
    real, left_out = relative_errors(regressed(candidate, targets), wanted)
    obeyed, _ = relative_errors(regressed(candidate, made), wanted)
    unheeded, _ = relative_errors(regressed(candidate, originals), wanted)
    recognition, floor = recognised(candidate, settings)
    clips = (candidate.pictures.pairable & candidate.pictures.photo).any()
    label = f"copy of the input, {candidate.size_px} px" + (", frames of clips" if clips else "")
    size, count, network = candidate.size_px, len(wanted), candidate.description.identity_network
    error, copy_error = (
        float(d.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan") for d in (distance, copied)
    )
    better = float((distance < copied).mean())
    return (
        Scores(
            candidate.description.variant, size, count, float(distance.mean()), error, better, real, obeyed, left_out,
            recognition, network,
        ),
        Scores(label, size, count, float(copied.mean()), copy_error, 0.0, real, unheeded, left_out, floor, ""),
    )  # fmt: skip


class Recognition(NamedTuple):
    """What the classifier trained on held-out renders says."""

    edits: float
    """Accuracy on edits, average over the expressions."""
    copies: float
    """On the unchanged pictures: the floor."""
    renders: float
    """On renders that look like one of the expressions: what the classifier itself is worth."""
    faces: int


def recognised(candidate: Candidate, settings: Evaluate) -> tuple[float, float]:
    """Accuracies on edits and on copies; not numbers where the parameters have no discrete expressions."""
    found = recognition(candidate, settings)
    return (found.edits, found.copies) if found else (float("nan"), float("nan"))


def recognition(candidate: Candidate, settings: Evaluate) -> Recognition | None:
    """Expressions given to held-out faces, recognised by a classifier trained on renders of the OTHER held-out faces.

    Each face is edited from its least expressive picture, which is also what the classifier compares with.
    None if the parameters have no discrete expressions, or fewer than two faces are held out.
    """
    names, span = candidate.conditions.names, candidate.description.condition.range
    known = expressions.prototypes(settings.expressions, names, span)
    chosen = candidate.pictures.held_out & candidate.conditions.usable & ~candidate.pictures.photo
    groups = groups_of_pairs(candidate.pictures, chosen)
    if known is None or len(groups) < 2:
        return None
    params = candidate.pictures.params
    references = np.array([rows[np.linalg.norm(params[rows], axis=1).argmin()] for rows in groups])
    rows, owner = np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    still = expressions.seen(pictures_of(candidate, references))
    changes = expressions.seen(pictures_of(candidate, rows)) - still[owner]
    moved = params[rows] - params[references][owner]
    edits, labels, faces = expression_edits(candidate, references, known)
    edit_changes = expressions.seen(edits) - still[faces]
    truth, likeness = expressions.nearest(params[rows], known)
    found_edits, found_copies = np.empty(len(labels), np.int64), np.empty(len(labels), np.int64)
    found_renders = np.empty(len(rows), np.int64)
    for tested in expressions.folds(np.arange(len(groups)), settings.classifier_folds):
        trained = ~tested[owner]
        judge = expressions.train_classifier(changes[trained], moved[trained], settings.classifier_ridge, known)
        at, of = tested[faces], tested[owner]
        reference = params[references]
        found_edits[at] = expressions.recognise(judge, edit_changes[at], reference[faces[at]])
        found_copies[at] = expressions.recognise(judge, np.zeros_like(edit_changes[at]), reference[faces[at]])
        found_renders[of] = expressions.recognise(judge, changes[of], reference[owner[of]])
    clear = (likeness >= settings.min_likeness) & ~np.isin(rows, references)
    return Recognition(
        expressions.average_accuracy(found_edits, labels),
        expressions.average_accuracy(found_copies, labels),
        expressions.average_accuracy(found_renders[clear], truth[clear]),
        len(groups),
    )


def expression_edits(
    candidate: Candidate, references: Int[np.ndarray, " f"], known: expressions.Prototypes
) -> tuple[UInt8[np.ndarray, "n h w 3"], Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Every face with every expression: the pictures, which expression, which face."""
    labels = np.tile(np.arange(len(known.names)), len(references))
    faces = np.repeat(np.arange(len(references)), len(known.names))
    return edited(candidate, references[faces], known.params[labels]), labels, faces


def table(rows: Iterable[Scores]) -> list[tuple[str, ...]]:
    """The scores as text, what was not measured as a dash."""
    return [tuple(cell(value) for value in row) for row in rows]


def cell(value: object) -> str:
    """A number to four digits, anything else as it is."""
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    return str(value)
