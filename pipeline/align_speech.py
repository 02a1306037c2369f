"""Speech coefficients a frame: LRW-3D's where it has the clip, else those of takes that say the word alike.

For words that no take says, optionally, those of the phones that make the word, as takes of other words say them.
"""

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
from pipeline.forced_alignment import PhoneAligner
from pipeline.lrw import FRAMES, SAMPLE_RATE, WordFrames, frame_times_s, read_duration, word_frames, word_span_s
from pipeline.mouth_region import converted
from pipeline.phone_matching import instances, put_together
from pipeline.provenance import provenance
from pipeline.released_coefficients import read_released
from pipeline.settings.speech import AlignSpeech
from pipeline.shards import Shard, read_shard, write_shard
from pipeline.speech_features import WINDOWS_PER_S, normalised, speech_features, windows_between
from pipeline.word_matching import Calibration, Take, matches, mean_coefficients, take_times_s, takes_of

STAGE = "align_speech"

RELEASED, WARPED, FORCED = "lrw3d", "mfcc_dtw", "pocketsphinx"
"""Methods, as the shard names them. The paper's own alignment was a learnt warping (DCAW); these are none."""

Align = Callable[[ClipRow], "Alignment"]
"""Aligns one clip, and raises UnusableDatum if it cannot."""


class Alignment(NamedTuple):
    """Speech of one clip."""

    method: str
    take: str
    """The one that says the word most alike; empty where there is none."""
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
    phones    optional: when each phone of the takes is said, for words that none of them says
    released  where LRW-3D's coefficients are of another speech basis: a native model that holds it

    Raises InputError if takes or phones are of another model or database, or more than `max_reject_rate` of the clips
    are rejects.
    """
    model, database = read_native(inputs["model"]), read_shard(inputs["takes"], "takes")
    if database.attributes["model_digest"] != model.digest:
        raise InputError(inputs["takes"], "was indexed with another model", "delete it and run the workflow again")
    held = read_native(inputs["released"]).speech if inputs.get("released") else None
    second = phone_aligner(database, inputs["phones"], model.speech) if inputs.get("phones") else None
    align = aligner(model, database, held, second, settings)
    rows, kept, rejects = read_clips(inputs["listing"]), [], []
    for row in tqdm(rows, STAGE, unit="clip"):
        try:
            kept.append((row, align(row)))
        except UnusableDatum as why:
            rejects.append(Reject(row.id, STAGE, str(why)))
    check_rejects(rejects, len(rows), settings.max_reject_rate, inputs["listing"])
    write_rejects(outputs["rejects"], rejects)
    stated = {"model_digest": model.digest, "calibration": database.attributes["calibration"]}
    attributes = provenance(STAGE, settings, inputs, **stated)
    write_shard(outputs["alignments"], "alignments", arrays(kept, len(model.speech)), attributes)


def aligner(
    model: FaceModel, database: Shard, held: Basis | None, second: Align | None, settings: AlignSpeech
) -> Align:
    """By what there is of a clip: released coefficients, takes of its word, or the second aligner."""
    calibration = Calibration(**database.attributes["calibration"])  # type: ignore[arg-type]
    by_word: dict[str, list[Take]] = {}
    for take in takes_of(database):
        by_word.setdefault(take.word, []).append(take)

    def align(row: ClipRow) -> Alignment:
        if row.released:
            return from_released(Path(row.released), held, model.speech)
        if row.word in by_word:
            found = warped(row, by_word, calibration, model.speech, settings.takes)
        elif second is not None:
            found = second(row)
        else:
            raise UnusableDatum(f"the database lacks the word '{row.word}'")
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
    coefficients, span = mean_coefficients(found, frame_times_s(), start_s), word_frames(duration_s)
    return within(Alignment(WARPED, found[0].take.name, found[0].confidence, span, coefficients, times_s), speech)


def phone_aligner(database: Shard, path: Path, speech: Basis) -> Align:
    """The second aligner. Raises InputError if the phones in the file are not those of the takes."""
    phones, by_phone = read_shard(path, "phones"), PhoneAligner()
    if phones.attributes["takes_digest"] != database.attributes["content_digest"]:
        raise InputError(path, "was made from other takes", "delete it and run the workflow again")
    curve = Calibration(**phones.attributes["calibration"])  # type: ignore[arg-type]
    references: list[str] = phones.attributes["references"]  # type: ignore[assignment]
    known = instances(database, phones)

    def align(row: ClipRow) -> Alignment:
        if not by_phone.knows(row.word):
            raise UnusableDatum(f"neither the database nor pocketsphinx's dictionary has the word '{row.word}'")
        duration_s = read_duration(Path(row.text))
        start_s, end_s = word_span_s(duration_s)
        sound = read_sound(Path(row.path))[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        spoken = by_phone.align(sound, row.word)
        rest = list(by_phone.costs(sound, [word for word in references if word != row.word]).values())
        confidence = curve.confidence(spoken.cost / float(np.median(rest))) if rest else 0.0
        coefficients = put_together(spoken, start_s, frame_times_s(), known)
        nowhere = np.full(FRAMES, np.nan)
        return within(Alignment(FORCED, "", confidence, word_frames(duration_s), coefficients, nowhere), speech)

    return align


def within(alignment: Alignment, speech: Basis) -> Alignment:
    """Coefficients held to their bounds, and none outside the word's frames."""
    first, end = alignment.span
    outside = (np.arange(FRAMES) < first) | (np.arange(FRAMES) >= end)
    coefficients = np.clip(alignment.coefficients, *speech.bounds.T)
    times_s = np.where(outside, np.nan, alignment.take_times_s)
    return alignment._replace(coefficients=np.where(outside[:, None], np.nan, coefficients), take_times_s=times_s)


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
