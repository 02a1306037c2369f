"""Speech coefficients a frame: LRW-3D's where it has the clip, else those of a take that says the word alike."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32
from tqdm import tqdm

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import Basis, FaceModel
from models3d.readers.native import read_native
from pipeline.clip_media import read_sound
from pipeline.clip_tables import ClipRow, read_clips
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.lrw import FRAMES, WordFrames, frame_times_s, read_duration, word_frames, word_span_s
from pipeline.mouth_region import converted
from pipeline.provenance import provenance
from pipeline.released_coefficients import read_released
from pipeline.settings.speech import AlignSpeech
from pipeline.shards import Shard, read_shard, write_shard
from pipeline.speech_features import WINDOWS_PER_S, normalised, speech_features, windows_between
from pipeline.word_matching import Calibration, Take, matches, mean_coefficients, take_times_s, takes_of

STAGE = "align_speech"

RELEASED, WARPED = "lrw3d", "mfcc_dtw"
"""Methods, as the shard names them. The paper's own alignment was a learnt warping (DCAW); this is none."""


class Alignment(NamedTuple):
    """Speech of one clip."""

    method: str
    take: str
    """Whose coefficients they are; empty for LRW-3D's own."""
    confidence: float
    span: WordFrames
    """The frames that have coefficients."""
    coefficients: Float32[np.ndarray, "f k"]
    """In standard deviations, within the bounds; NaN outside the span, like `take_times_s`."""
    take_times_s: Float[np.ndarray, " f"]


def run(inputs: Paths, outputs: Paths, settings: AlignSpeech) -> None:
    """Align every clip of `inputs["listing"]`; write `outputs["alignments"]` and `outputs["rejects"]`.

    model     a face model with speech
    takes     of a 4D speech database, indexed with that model
    released  where LRW-3D's coefficients are of another speech basis: a native model that holds it

    Raises InputError if the takes are of another model, or more than `max_reject_rate` of the clips are rejects.
    """
    model, database = read_native(inputs["model"]), read_shard(inputs["takes"], "takes")
    if database.attributes["model_digest"] != model.digest:
        raise InputError(inputs["takes"], "was indexed with another model", "delete it and run the workflow again")
    held = read_native(inputs["released"]).speech if "released" in inputs else None
    align = aligner(model, database, held, settings)
    rows, kept, rejects = read_clips(inputs["listing"]), [], []
    for row in tqdm(rows, STAGE, unit="clip"):
        try:
            kept.append((row, align(row)))
        except UnusableDatum as why:
            rejects.append(Reject(row.id, STAGE, str(why)))
    check_rejects(rejects, len(rows), settings.max_reject_rate, inputs["listing"])
    write_rejects(outputs["rejects"], rejects)
    digests = {"model_digest": model.digest, "takes_digest": database.attributes["content_digest"]}
    attributes = provenance(STAGE, settings, **digests, calibration=database.attributes["calibration"])
    write_shard(outputs["alignments"], "alignments", arrays(kept, len(model.speech)), attributes)


def aligner(
    model: FaceModel, database: Shard, held: Basis | None, settings: AlignSpeech
) -> Callable[[ClipRow], Alignment]:
    """A function that aligns one clip, and raises UnusableDatum if it cannot."""
    calibration = Calibration(**database.attributes["calibration"])  # type: ignore[arg-type]
    by_word: dict[str, list[Take]] = {}
    for take in takes_of(database):
        by_word.setdefault(take.word, []).append(take)

    def align(row: ClipRow) -> Alignment:
        if row.released:
            return from_released(Path(row.released), held, model.speech)
        if row.word not in by_word:
            raise UnusableDatum(f"the database lacks the word '{row.word}'")
        found = warped(row, by_word, calibration, model.speech, settings.takes)
        if found.confidence < settings.min_confidence:
            problem = f"does not sound like '{row.word}' (confidence {found.confidence:.2f})"
            raise UnusableDatum(f"{problem}, less than {settings.min_confidence:g}")
        return found

    return align


def from_released(path: Path, held: Basis | None, speech: Basis) -> Alignment:
    """LRW-3D's coefficients, brought to the model's speech basis if they are of another."""
    if held is None:
        coefficients = read_released(path, len(speech))
    else:
        coefficients = converted(read_released(path, min(len(speech), len(held))), held, speech)
    bounded = np.clip(coefficients, *speech.bounds.T)
    return Alignment(RELEASED, "", 1.0, WordFrames(0, FRAMES), bounded, np.full(FRAMES, np.nan))


def warped(
    row: ClipRow, by_word: Mapping[str, Sequence[Take]], calibration: Calibration, speech: Basis, takes: int
) -> Alignment:
    """The mean coefficients of the takes that sound most like the word in the clip, at the frames that show it."""
    duration_s = read_duration(Path(row.text))
    features = speech_features(read_sound(Path(row.path)))
    first, end = windows_between(*word_span_s(duration_s), len(features))
    if end - first < 2:
        raise UnusableDatum("the sound ends before the word")
    found = matches(normalised(features[first:end]), row.word, by_word, calibration)[:takes]
    start_s = first / WINDOWS_PER_S
    times_s = take_times_s(found[0], frame_times_s(), start_s)
    span = word_frames(duration_s)
    outside = (np.arange(FRAMES) < span.first) | (np.arange(FRAMES) >= span.end)
    coefficients = np.clip(mean_coefficients(found, frame_times_s(), start_s), *speech.bounds.T)
    coefficients[outside], times_s[outside] = np.nan, np.nan
    return Alignment(WARPED, found[0].take.name, found[0].confidence, span, coefficients, times_s)


def arrays(kept: list[tuple[ClipRow, Alignment]], speech: int) -> dict[str, object]:
    """The arrays of an `alignments` shard."""
    found = [alignment for _, alignment in kept]
    return {
        "id": [row.id for row, _ in kept],
        "word": [row.word for row, _ in kept],
        "method": [alignment.method for alignment in found],
        "take": [alignment.take for alignment in found],
        "confidence": np.array([alignment.confidence for alignment in found], np.float32),
        "span": np.array([alignment.span for alignment in found], np.int32).reshape(-1, 2),
        "coefficients": np.array([part.coefficients for part in found], np.float32).reshape(-1, FRAMES, speech),
        "take_times_s": np.array([part.take_times_s for part in found], np.float32).reshape(-1, FRAMES),
    }
