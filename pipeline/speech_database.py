"""A 4D speech database: a manifest of takes, each the sound of one word and what the face did."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import FaceModel
from models3d.readers.fields import BROKEN_FILE
from models3d.rigid import apply, similarity
from models3d.stable_alignment import stable_motion
from pipeline.listings import below_manifest, manifest_rows

COLUMNS = ("word", "speaker", "audio", "meshes", "neutral", "coefficients", "frames_per_s")
"""Of the manifest. Paths are relative to it. A take has `meshes` (an .npy of frames x vertices x 3) and the speaker's
`neutral` mesh (.npy), or `coefficients` (.npy of frames x components, in standard deviations of the model's speech)."""


class TakeRow(NamedTuple):
    """One row of the manifest; an empty path is None."""

    word: str
    speaker: str
    audio: Path
    meshes: Path | None
    neutral: Path | None
    coefficients: Path | None
    frames_per_s: float
    name: str = ""
    """SPEAKER_WORD, and from a speaker's second take of a word on its number."""


def read_takes(manifest: Path) -> list[TakeRow]:
    """The rows of a manifest.

    Raises InputError if it cannot be read, lacks a column, has no rows, or a row that names files outside its folder,
    neither meshes with a neutral nor coefficients, or no rate of frames.
    """
    takes, counts = [], Counter[tuple[str, str]]()
    for line, row in manifest_rows(str(manifest), COLUMNS, COLUMNS, "take"):
        take = _take(manifest, line, row)
        counts[take.speaker, take.word] += 1
        number = counts[take.speaker, take.word]
        takes.append(take._replace(name=f"{take.speaker}_{take.word}" + (f"_{number}" if number > 1 else "")))
    if not takes:
        raise InputError(manifest, "has no rows", f"list takes under {','.join(COLUMNS)}")
    return takes


def _take(manifest: Path, line: int, row: dict[str, str]) -> TakeRow:
    place = f"{manifest}, line {line}"

    def inside(column: str) -> Path | None:
        return manifest.parent / below_manifest(str(manifest), place, row[column]) if row[column] else None

    audio, meshes, neutral, coefficients = (inside(name) for name in ("audio", "meshes", "neutral", "coefficients"))
    try:
        rate = float(row["frames_per_s"])
    except ValueError:
        rate = 0.0
    problems = {
        "names no word or no speaker": not (row["word"] and row["speaker"]),
        "names no audio": audio is None,
        "has neither meshes with a neutral nor coefficients": coefficients is None and not (meshes and neutral),
        f"states '{row['frames_per_s']}' frames a second": not 1 <= rate <= 1000,
    }
    for problem, holds in problems.items():
        if holds:
            raise InputError(place, problem, "complete the row, or take it out")
    assert audio is not None
    return TakeRow(row["word"], row["speaker"], audio, meshes, neutral, coefficients, rate)


def read_array(path: Path, *shape: int | None) -> Float[np.ndarray, "..."]:
    """A mapped array of floating point numbers; None in its shape is any length of at least 1.

    Raises UnusableDatum if the file holds no such array. Nothing is unpickled.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except BROKEN_FILE as error:
        raise UnusableDatum(f"'{path.name}' cannot be read as .npy ({type(error).__name__})") from error
    fits = array.ndim == len(shape) and all(
        found == wanted if wanted else found > 0 for found, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype.kind != "f":
        wanted_text = " x ".join("any" if size is None else str(size) for size in shape)
        raise UnusableDatum(f"'{path.name}' holds {array.dtype} {array.shape} where {wanted_text} floats are expected")
    return array


def mouth_motion(row: TakeRow, template: FaceModel) -> Iterator[Float32[np.ndarray, "n 3"]]:
    """Each mesh of a take minus the speaker's neutral, in mm: the head's motion undone, in the template's axes.

    Raises UnusableDatum if a file does not hold meshes of the template's topology.
    """
    assert row.meshes is not None and row.neutral is not None
    count = len(template.mean_mm)
    neutral = np.asarray(read_array(row.neutral, count, 3), np.float32)
    upright = similarity(neutral, template.mean_mm, scaled=False).rotation
    for mesh in read_array(row.meshes, None, count, 3):
        vertices = np.asarray(mesh, np.float32)
        if not np.isfinite(vertices).all():
            raise UnusableDatum(f"'{row.meshes.name}' holds numbers that are not finite")
        moved = apply(stable_motion(vertices, neutral), vertices) - neutral
        yield (moved @ upright.T).astype(np.float32)
