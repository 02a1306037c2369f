"""Landmarks of a face model, learnt from people that it renders itself: how the detector sees it, and dense ones."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
from jaxtyping import Float32, UInt8
from tqdm import tqdm

from models3d.dense_layout import DenseLayout, dense_layout
from models3d.detector_habits import learn_habits, offsets_mm
from models3d.errors import InputError, UnusableDatum
from models3d.face_model import FaceModel
from models3d.fitting import training_examples
from models3d.fitting.detected_term import detector_points
from models3d.fitting.landmark_term import landmark_points
from models3d.learnt_offsets import DetectorHabits, LearntLandmarks, LearntOffsets, Regressor, predict_all
from models3d.offset_regression import Examples, RidgeSums, rms, standard_errors, whitening, with_errors
from models3d.readers.learnt_offsets_file import write_learnt_landmarks
from models3d.readers.native import read_native
from models3d.training_faces import Casting
from pipeline.face_detector import FaceDetector
from pipeline.files import Paths
from pipeline.fit_options import landmark_fit_options
from pipeline.provenance import provenance
from pipeline.seeds import generator
from pipeline.settings.photos import LearnLandmarks

STAGE = "learn_landmarks"

LEAST_FITTED = 0.9
"""Share of the renders that must be fitted, whichever their landmarks."""


def run(inputs: Paths, outputs: Paths, settings: LearnLandmarks) -> None:
    """Render people of `inputs["model"]`, fit them by landmarks, learn what offset is left; write `outputs["dense"]`.

    The detector looks at each render, too. What it makes of the model's landmarks is learnt from the first
    `detector_renders`, then the offsets of fits to either kind of landmarks from all.
    Memory holds sums over the renders, the first ones (100 kB each), one batch of pictures, and the features of the
    renders held out (12 kB each).
    """
    model = read_native(inputs["model"])
    learnt, report = learn(model, settings)
    stated = provenance(STAGE, settings, inputs, model=model.name, **report)
    attributes = {name: value if isinstance(value, str) else json.dumps(value) for name, value in stated.items()}
    fit = json.dumps(asdict(landmark_fit_options(settings)), sort_keys=True)
    write_learnt_landmarks(outputs["dense"], learnt, {**attributes, "fit": fit})


def learn(model: FaceModel, settings: LearnLandmarks) -> tuple[LearntLandmarks, dict[str, float]]:
    """What was learnt, and how well it does on renders that it does not know: root mean squares of offsets in mm, and
    of errors over their standard errors."""
    layout = dense_layout(model)
    known = renders(model, layout, settings, "known", settings.renders)
    first = list(itertools.islice(known, -(-settings.detector_renders // training_examples.BATCH)))
    found = training_examples.detections(model, first)
    habits = learn_habits(found)
    fit = fitter(model, layout, habits, settings)
    sums = summed(model, map(fit, itertools.chain(first, known)), settings.renders)
    regressors = {source: own.solved(settings.ridge) for source, own in sums.items()}
    batches = [fit(batch) for batch in renders(model, layout, settings, "held out", settings.held_out)]
    learnt, report = {}, {"detector_offsets_mm": round(rms(offsets_mm(found)[0]), 4)}
    for source, regressor in regressors.items():
        columns = zip(*(batch[source] for batch in batches), strict=True)
        held_out = Examples(*(np.concatenate(column) for column in columns))
        judgement = judged(regressor, held_out, settings.error_ridge)
        report |= {f"{source}_{name}": value for name, value in judgement.items()}
        sure = with_errors(regressor, held_out, settings.error_ridge)
        learnt[source] = LearntOffsets(model.digest, layout.vertices, sure, whitening(sure, held_out))
    return LearntLandmarks(habits, **learnt), report


def renders(
    model: FaceModel, layout: DenseLayout, settings: LearnLandmarks, part: str, count: int
) -> Iterator[training_examples.Batch]:
    """The renders of one part, a batch at a time."""
    detector = FaceDetector(settings.min_confidence)

    def detect(picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "68 2"] | None:
        try:
            return detector.largest_face(picture).landmarks_px
        except UnusableDatum:
            return None

    batches = training_examples.take_batches(
        model,
        layout,
        Casting(settings.bump_mm),
        settings.landmark_sigma,
        detect,
        count,
        lambda *item: generator(settings.seed, STAGE, part, *item),
    )
    with tqdm(total=count, desc=f"{STAGE}: {part}", unit="face") as progress:
        for batch in batches:
            progress.update(len(batch.shots))
            yield batch


def fitter(
    model: FaceModel, layout: DenseLayout, habits: DetectorHabits, settings: LearnLandmarks
) -> Callable[[training_examples.Batch], dict[str, Examples]]:
    """Gives what fits leave of a batch, by the kind of landmarks (`LearntLandmarks`)."""
    points, options = landmark_points(model), landmark_fit_options(settings)
    detectors = {"marked": None, "detected": detector_points(model, habits)}
    return lambda batch: {
        source: training_examples.examples(model, points, layout, batch, detector, options)
        for source, detector in detectors.items()
    }


def summed(model: FaceModel, batches: Iterator[dict[str, Examples]], count: int) -> dict[str, RidgeSums]:
    """The sums over the known renders. Raises InputError if too few of them were fitted."""
    first = next(batches)
    sums = {source: RidgeSums(part) for source, part in first.items()}
    found = dict.fromkeys(sums, 0)
    for batch in itertools.chain([first], batches):
        for source, part in batch.items():
            sums[source].add(part)
            found[source] += len(part.features)
    for source, fitted in found.items():
        if fitted < LEAST_FITTED * count:
            raise InputError(
                f"model {model.name}",
                f"only {fitted} of {count} of its renders could be fitted by their {source} landmarks",
                "check its landmarks, or lower learn_landmarks.bump_mm",
            )
    return sums


def judged(regressor: Regressor, held_out: Examples, penalty: float) -> dict[str, float]:
    """How well offsets and standard errors do; the latter learnt from one half of the renders, judged on the other."""
    half, other = (Examples(*(array[start::2] for array in held_out)) for start in (0, 1))
    return {
        "before_mm": round(rms(held_out.targets), 4),
        "after_mm": round(rms(predict_all(regressor, held_out.features)[0] - held_out.targets), 4),
        "error_over_sigma": round(rms(standard_errors(with_errors(regressor, half, penalty), other)), 4),
    }
