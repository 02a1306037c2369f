"""A speech basis from a 4D database: the principal components of how mouths move, in a native file."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32
from tqdm import tqdm

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import Basis, FaceModel, empty_basis
from models3d.principal_components import compress, principal_components
from models3d.readers.native import read_native, write_model
from pipeline.files import Paths, Reject, check_rejects, write_rejects, write_table
from pipeline.mouth_region import mouth_weights
from pipeline.seeds import generator
from pipeline.settings.speech import BuildSpeechModel
from pipeline.speech_database import TakeRow, mouth_motion, read_takes

STAGE = "build_speech_model"

COLUMNS = ("component", "share_of_variance", "share_within_expression", "sigma_mm", "largest_mm")
"""Of the table. `share_within_expression`: of the component's squared length, what the face model's expressions can
make as well, each within the mouth's region alone. How that is kept from mattering is said in `fit_clips`."""


def run(inputs: Paths, outputs: Paths, settings: BuildSpeechModel) -> None:
    """Learn the mouth's motion from the takes of `inputs["manifest"]` that have meshes.

    template  a native model on the same topology: its mean, triangles, landmarks; its expressions are compared with

    Every mesh minus the speaker's neutral is multiplied by `mouth_weights` and its principal components taken, so they
    vanish smoothly outside the mouth's region. Writes `outputs["model"]`, whose identity and expression are empty;
    `outputs["components"]`, a table; and `outputs["rejects"]`, the takes whose meshes cannot be used.
    Raises InputError if no take has meshes, more than `max_reject_rate` cannot be used, or they hold fewer directions
    than `components`.
    """
    template = read_native(inputs["template"])
    takes = [take for take in read_takes(inputs["manifest"]) if take.meshes]
    if not takes:
        raise InputError(inputs["manifest"], "has no take with meshes", "fill its columns meshes and neutral")
    weights = mouth_weights(template, settings.inner_mm, settings.outer_mm)
    rejects: list[Reject] = []
    outputs["model"].parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{outputs['model'].name}.", dir=outputs["model"].parent) as scratch:
        path = Path(scratch) / "motion"
        count = write_motion(path, usable(takes, template, weights, outputs["model"].stem, rejects))
        check_rejects(rejects, len(takes), settings.max_reject_rate, inputs["manifest"])
        rows = np.memmap(path, np.float32, "r", shape=(count, template.mean_mm.size))
        data = compress(rows, settings.rank, generator(settings.seed, STAGE))
        del rows
    basis = named(principal_components(data, settings.components))
    write_model(outputs["model"], as_model(basis, template, outputs["model"].stem, count))
    write_table(outputs["components"], COLUMNS, table(basis, data.shares, template, weights))
    write_rejects(outputs["rejects"], rejects)


def usable(
    takes: list[TakeRow], template: FaceModel, weights: Float32[np.ndarray, " n"], database: str, rejects: list[Reject]
) -> Iterator[Float32[np.ndarray, "n 3"]]:
    """The weighted motion of every mesh of every take that can be used; the others are appended to the rejects, by the
    names of the database and the take."""
    for take in tqdm(takes, STAGE, unit="take"):
        try:
            yield from (moved * weights[:, None] for moved in list(mouth_motion(take, template)))
        except UnusableDatum as why:
            rejects.append(Reject(f"{database}/{take.name}", STAGE, str(why)))


def write_motion(path: Path, motion: Iterator[Float32[np.ndarray, "n 3"]]) -> int:
    """All of it in one file, a row a mesh, so that memory holds one take; the number of rows."""
    count = 0
    with path.open("wb") as stream:
        for moved in motion:
            stream.write(np.ascontiguousarray(moved, np.float32).tobytes())
            count += 1
    return count


def named(basis: Basis) -> Basis:
    """speech_01, speech_02, ..., in the order of what they explain."""
    return replace(basis, names=tuple(f"speech_{place:02d}" for place in range(1, len(basis) + 1)))


def as_model(basis: Basis, template: FaceModel, name: str, meshes: int) -> FaceModel:
    """The components as the speech of a model without identity and expression."""
    nothing = empty_basis(len(template.mean_mm))
    source = f"principal components of the mouth in {meshes} meshes on the topology of {template.source}"
    return replace(template, name=name, identity=nothing, expression=nothing, speech=basis, source=source)


def table(
    basis: Basis, shares: Float[np.ndarray, " r"], template: FaceModel, weights: Float32[np.ndarray, " n"]
) -> Iterator[tuple[object, ...]]:
    """A row a component, of `COLUMNS`."""
    lengths = np.linalg.norm(basis.components, axis=2)
    within = shared_with(template.expression, basis, weights)
    for name, length, sigma, share, common in zip(basis.names, lengths, basis.sigmas_mm, shares, within, strict=False):
        yield name, f"{share:.6f}", f"{common:.6f}", f"{sigma:.6g}", f"{sigma * length.max():.6g}"


def shared_with(expression: Basis, speech: Basis, weights: Float32[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    """Of each speech component's squared length, the share in the span of the expressions times the weights."""
    if not len(expression):
        return np.zeros(len(speech))
    masked = (expression.components * weights[:, None]).reshape(len(expression), -1).astype(np.float64)
    flat = speech.components.reshape(len(speech), -1).astype(np.float64)
    span = np.linalg.qr(masked.T)[0]
    return np.square(flat @ span).sum(axis=1)
