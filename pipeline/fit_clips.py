"""Clips become images with parameters: expression by joint fitting of all frames, speech as it was aligned."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from tqdm import tqdm

from models3d.camera import pack
from models3d.errors import InputError, UnusableDatum
from models3d.face_model import FaceModel, empty_basis
from models3d.fitting.energy import Prior
from models3d.fitting.joint_fit import USABLE, JointFit, JointFitOptions, fit_together
from models3d.fitting.landmark_fit import REASONS, fit_landmarks
from models3d.fitting.landmark_term import LandmarkPoints, landmark_points
from models3d.fitting.state import CAMERA
from models3d.landmarks import LandmarkSource, face_size_px
from models3d.readers.native import read_native
from pipeline.clip_media import read_frames
from pipeline.clip_tables import ClipRow, read_clips
from pipeline.crops import canonical_landmarks_px, crop_matrix, cut
from pipeline.face_detector import FaceDetector
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.fit_checks import check_model, check_range, label_attributes
from pipeline.fit_options import landmark_fit_options
from pipeline.lrw import FRAMES, SIDE_PX
from pipeline.provenance import provenance
from pipeline.seeds import generator
from pipeline.settings.speech import FitClips
from pipeline.shards import Shard, new_shard, read_shard

STAGE = "fit_clips"

LEAST_SHARE = 0.5
"""Of a clip's frames in which a face must be found."""
TEXTS = ("id", "word", "clip", "split", "method")


class Tracked(NamedTuple):
    """The face in the frames of a clip; NaN and False where none was found."""

    landmarks_px: Float32[np.ndarray, "f 68 2"]
    slides: Bool[np.ndarray, " f"]


class Fitter(NamedTuple):
    """What all clips are fitted with: the model, its expression and speech joined into one basis."""

    model: FaceModel
    points: LandmarkPoints
    expressions: int
    settings: FitClips


def run(inputs: Paths, outputs: Paths, settings: FitClips) -> None:
    """Fit the clips of `inputs["listing"]` that have an alignment; write `outputs["shard"]`, of kind `speech`.

    model, alignments  the face model with speech, and the speech of the clips in its coefficients

    The rows are the frames of the words, each clip's one after another; those for training are shuffled among
    themselves, so that a reader in order meets no two neighbours. Also writes `outputs["rejects"]`.
    Raises InputError if the alignments are of another model, a component can leave the range, or more than
    `max_reject_rate` of the clips are rejects.
    """
    model, speech = read_native(inputs["model"]), read_shard(inputs["alignments"], "alignments")
    check_model(speech, model, inputs["alignments"])
    check_range(model.name, model.motion, settings.range_sigma)
    fitter, place_of = prepared(model, settings), {name: place for place, name in enumerate(speech.text("id"))}
    rows = [row for row in read_clips(inputs["listing"]) if row.id in place_of]
    rejects: list[Reject] = []
    size = settings.size_px
    outputs["shard"].parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{outputs['shard'].name}.", dir=outputs["shard"].parent) as scratch:
        pictures = np.memmap(
            Path(scratch) / "images", np.uint8, "w+", shape=(max(1, len(rows) * FRAMES), size, size, 3)
        )
        parts = list(fitted_clips(rows, speech, place_of, fitter, pictures, rejects))
        check_rejects(rejects, len(rows), settings.max_reject_rate, inputs["listing"])
        columns = joined(parts, fitter)
        order = reading_order(columns["split"], generator(settings.seed, STAGE, *[row.id for row in rows[:1]]))
        with new_shard(outputs["shard"], "speech", {"images": (len(order), size, size, 3)}) as shard:
            for place in order:
                shard.append("images", np.array(pictures[place]))
            attributes = described(model, speech, inputs, settings)
            shard.finish({name: column[order] for name, column in columns.items()}, attributes)
        del pictures
    write_rejects(outputs["rejects"], rejects)


def prepared(model: FaceModel, settings: FitClips) -> Fitter:
    """The model as clips are fitted with it. Raises InputError if it has no speech."""
    if not len(model.speech):
        raise InputError(f"model {model.name}", "has no speech components", "name a speech basis in its section")
    whole = replace(model, expression=model.motion, speech=empty_basis(len(model.mean_mm)))
    return Fitter(whole, landmark_points(whole), len(model.expression), settings)


def fitted_clips(
    rows: Sequence[ClipRow],
    speech: Shard,
    place_of: dict[str, int],
    fitter: Fitter,
    pictures: np.ndarray,
    rejects: list[Reject],
) -> Iterator[dict[str, np.ndarray]]:
    """The columns of each clip that can be used; its images are written to the next free of `pictures`."""
    settings, detector, free = fitter.settings, FaceDetector(fitter.settings.min_confidence), 0
    canonical_px = canonical_landmarks_px(fitter.model, settings.size_px, settings.face_scale)
    for row in tqdm(rows, STAGE, unit="clip"):
        place = place_of[row.id]
        try:
            frames = read_frames(Path(row.path))
            tracked = track(frames, detector, settings.min_face_px)
            fit = fit_clip(tracked, np.array(speech["coefficients"][place]), fitter)
            shown = usable_frames(fit, speech["span"][place].tolist(), settings.max_residual)
        except UnusableDatum as why:
            rejects.append(Reject(row.id, STAGE, str(why)))
            continue
        crops = [crop_matrix(fit.landmarks_px[frame], canonical_px) for frame in shown]
        for frame, crop in zip(shown, crops, strict=True):
            pictures[free] = cut(frames[frame], crop, settings.size_px)
            free += 1
        yield columns_of(row, fit, shown, crops, settings.range_sigma, speech, place)


def track(frames: UInt8[np.ndarray, "f h w 3"], detector: FaceDetector, min_face_px: int) -> Tracked:
    """The largest face of every frame.

    Raises UnusableDatum if fewer than half of the frames have one of at least `min_face_px`.
    """
    landmarks, slides = np.full((len(frames), 68, 2), np.nan, np.float32), np.zeros(len(frames), bool)
    for place, frame in enumerate(frames):
        try:
            face = detector.largest_face(frame)
        except UnusableDatum:
            continue
        if face_size_px(face.landmarks_px) >= min_face_px:
            landmarks[place], slides[place] = face.landmarks_px, LandmarkSource(face.source).jaw_on_outline
    found = int(np.isfinite(landmarks[:, 0, 0]).sum())
    if found < LEAST_SHARE * len(frames):
        raise UnusableDatum(f"a face of {min_face_px} px or more in {found} of {len(frames)} frames only")
    return Tracked(landmarks, slides)


def fit_clip(tracked: Tracked, aligned: Float32[np.ndarray, "f k"], fitter: Fitter) -> JointFit:
    """One identity, one camera's focal length, steady motion; speech held to what was aligned."""
    settings = fitter.settings
    each = landmark_fit_options(settings)
    sizes = np.full((len(tracked.slides), 2), SIDE_PX, float)
    seen = fitter.model, fitter.points, tracked.landmarks_px, sizes, tracked.slides
    start = fit_landmarks(*seen, each)
    together = replace(each, iterations=settings.joint_iterations)
    options = JointFitOptions(together, settings.smoothness, one_camera=True)
    return fit_together(*seen, start, [range(len(sizes))], options, [speech_prior(aligned, fitter)])


def speech_prior(aligned: Float32[np.ndarray, "f k"], fitter: Fitter) -> Prior:
    """What the sound says of each frame: its coefficients with a standard error of `speech_sigma`.

    Expression and speech can both move the lips. Which of them did is settled here: speech is what was heard, and
    expression what the picture shows besides. The fit's own prior, expression_weight |p|^2, is taken off these
    entries, so that they are not drawn to rest; where nothing was heard, it stays as it is.
    """
    settings = fitter.settings
    wanted = settings.speech_sigma**-2
    more = wanted - settings.expression_weight
    if more <= 0:
        problem = f"is {settings.speech_sigma:g}: it must be firmer than expression_weight makes any coefficient"
        raise InputError("fit_clips.speech_sigma", problem, "lower it")
    entries = fitter.points.basis_mm.shape[2]
    first = CAMERA + len(fitter.model.identity) + fitter.expressions
    weight, centre = (np.zeros((len(aligned), entries), np.float32) for _ in range(2))
    heard = np.isfinite(aligned).all(axis=1)
    place = slice(first, first + aligned.shape[1])
    weight[heard, place], centre[heard, place] = more, aligned[heard] * (wanted / more)
    tensor = fitter.points.mean_mm.new_tensor
    return Prior(tensor(weight), tensor(centre))


def usable_frames(fit: JointFit, span: list[int], max_residual: float) -> list[int]:
    """The frames of the word whose fit can be used.

    Raises UnusableDatum if there is none.
    """
    first, end = span
    sound = [fit.status[frame] in USABLE and fit.residual[frame] <= max_residual for frame in range(first, end)]
    if not any(sound):
        worst = fit.status[first:end]
        reason = next((REASONS[status] for status in worst if status not in USABLE), "the fit misses the landmarks")
        raise UnusableDatum(f"no frame of the word can be used: {reason}")
    return [frame for frame, good in zip(range(first, end), sound, strict=True) if good]


def columns_of(
    row: ClipRow,
    fit: JointFit,
    shown: list[int],
    crops: list[Float32[np.ndarray, "2 3"]],
    range_sigma: float,
    speech: Shard,
    place: int,
) -> dict[str, np.ndarray]:
    """The rows of one clip in all columns but the images."""
    same = {
        "word": row.word,
        "clip": row.id,
        "split": row.split,
        "method": speech.text("method")[place],
        "confidence": speech["confidence"][place],
    }
    return {
        "id": np.array([f"{row.id}/{frame:02d}" for frame in shown]),
        "params": (fit.expression[shown] / np.float32(range_sigma)).clip(-1, 1),
        "frame": np.array(shown, np.int32),
        "identity": fit.identity[shown],
        "camera": pack(fit.camera)[shown].astype(np.float32),
        "landmarks_px": fit.landmarks_px[shown],
        "crop": np.array(crops, np.float32),
        "residual": fit.residual[shown],
        **{name: np.array([value] * len(shown)) for name, value in same.items()},
    }


def joined(parts: list[dict[str, np.ndarray]], fitter: Fitter) -> dict[str, np.ndarray]:
    """All clips' columns, one behind the other."""
    nothing = {
        "params": np.zeros((0, len(fitter.model.expression)), np.float32),
        "frame": np.zeros(0, np.int32),
        "identity": np.zeros((0, len(fitter.model.identity)), np.float32),
        "camera": np.zeros((0, 9), np.float32),
        "landmarks_px": np.zeros((0, 68, 2), np.float32),
        "crop": np.zeros((0, 2, 3), np.float32),
        "residual": np.zeros(0, np.float32),
        "confidence": np.zeros(0, np.float32),
    }
    empty = {**nothing, **{name: np.array([], "U1") for name in TEXTS}}
    return {name: np.concatenate([none, *(part[name] for part in parts)]) for name, none in empty.items()}


def reading_order(splits: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The order of the rows: frames for training change places among themselves, all others stay."""
    order, training = np.arange(len(splits)), np.flatnonzero(splits == "train")
    order[training] = random.permutation(training)
    return order


def described(model: FaceModel, speech: Shard, inputs: Paths, settings: FitClips) -> dict[str, object]:
    """How the shard's parameters are to be read, and what it was made from."""
    return provenance(
        STAGE,
        settings,
        inputs,
        **label_attributes(model, settings.range_sigma, model.motion),
        canonical_landmarks_px=canonical_landmarks_px(model, settings.size_px, settings.face_scale).round(4).tolist(),
        seed=settings.seed,
        expressions=len(model.expression),
        alignment_settings=speech.attributes["settings"],
    )
