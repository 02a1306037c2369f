"""The takes of a 4D speech database as alignment needs them: features of the sound, coefficients a frame."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import FaceModel
from models3d.readers.native import read_native
from pipeline.clip_media import read_sound
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.mouth_region import speech_coefficients
from pipeline.provenance import provenance
from pipeline.settings.speech import IndexTakes
from pipeline.shards import write_shard
from pipeline.speech_database import TakeRow, mouth_motion, read_array, read_takes
from pipeline.speech_features import FEATURES, WINDOWS_PER_S, speech_features, spoken_windows
from pipeline.word_matching import calibrate, ranges, takes_from

STAGE = "index_takes"


def run(inputs: Paths, outputs: Paths, settings: IndexTakes) -> None:
    """Read every take of `inputs["manifest"]`; write `outputs["takes"]` and `outputs["rejects"]`.

    model  the face model whose speech the coefficients are of: read, or projected from meshes

    Features are of the windows from the first that is spoken to the last; `start_s` says when that is.
    Raises InputError if the model has no speech, or more than `max_reject_rate` of the takes cannot be used.
    """
    model = read_native(inputs["model"])
    if not len(model.speech):
        raise InputError(inputs["model"], "has no speech components", "name a speech basis in the model's section")
    rows, rejects, found = read_takes(inputs["manifest"]), [], []
    for row in tqdm(rows, STAGE, unit="take"):
        try:
            sound = read_sound(row.audio)
            first, end = spoken_windows(sound)
            found.append((row, first / WINDOWS_PER_S, speech_features(sound)[first:end], coefficients(row, model)))
        except UnusableDatum as why:
            rejects.append(Reject(f"{outputs['takes'].stem}/{row.name}", STAGE, str(why)))
    check_rejects(rejects, len(rows), settings.max_reject_rate, inputs["manifest"])
    write_rejects(outputs["rejects"], rejects)
    used, starts, features, motion = zip(*found, strict=True) if found else ((), (), (), ())
    arrays = {
        "id": [row.name for row in used],
        "word": [row.word for row in used],
        "speaker": [row.speaker for row in used],
        "frames_per_s": np.array([row.frames_per_s for row in used], np.float32),
        "frames": ranges([len(part) for part in motion]),
        "coefficients": np.concatenate([np.zeros((0, len(model.speech)), np.float32), *motion]),
        "start_s": np.array(starts, np.float32),
        "windows": ranges([len(part) for part in features]),
        "features": np.concatenate([np.zeros((0, FEATURES), np.float32), *features]),
    }
    attributes = provenance(
        STAGE,
        settings,
        inputs,
        model_digest=model.digest,
        calibration=calibration(arrays, inputs["manifest"]),
    )
    write_shard(outputs["takes"], "takes", arrays, attributes)


def calibration(arrays: dict[str, Any], manifest: Path) -> dict[str, float]:
    """What a cost of matching says, learnt from the takes themselves (`word_matching.calibrate`).

    Raises InputError if they cannot say.
    """
    learnt = calibrate(takes_from(arrays, arrays["id"], arrays["word"], arrays["speaker"]))
    if learnt is None:
        raise InputError(
            manifest,
            "cannot tell like words from unlike ones: no confidence can be stated",
            "give takes of two words or more, one of them by two speakers",
        )
    return learnt._asdict()


def coefficients(row: TakeRow, model: FaceModel) -> Float32[np.ndarray, "f k"]:
    """Speech coefficients of a take's frames, in standard deviations.

    Raises UnusableDatum if its files hold none.
    """
    count = len(model.speech)
    if row.coefficients is None:
        return np.stack([speech_coefficients(model.speech, moved) for moved in mouth_motion(row, model)])
    read = np.asarray(read_array(row.coefficients, None, count), np.float32)
    if not np.isfinite(read).all():
        raise UnusableDatum(f"'{row.coefficients.name}' holds numbers that are not finite")
    return read
