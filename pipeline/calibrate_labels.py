"""How much the standard errors of labels must be widened or narrowed, learnt on people that the model renders itself.

They are photographed, marked as files are and found by the detector, and fitted exactly as `fit_faces` fits photos;
since their expressions are known, so are the errors.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8
from PIL import Image
from tqdm import tqdm

from models3d.dense_layout import dense_layout
from models3d.errors import InputError, UnusableDatum
from models3d.face_model import FaceModel
from models3d.fitting.landmark_fit import USABLE
from models3d.fitting.training_examples import Batch, take_batches
from models3d.label_errors import AS_THEY_ARE, coverage, held, learn_calibration
from models3d.readers.native import read_native
from models3d.training_faces import Casting, Shot
from pipeline.calibration_file import Calibrations, write_calibrations
from pipeline.face_detector import FaceDetector
from pipeline.face_fitters import face_fitter
from pipeline.files import Paths
from pipeline.marked_photos import MarkedPhotos
from pipeline.photo_fits import fit_in_batches
from pipeline.photo_tables import Photo
from pipeline.provenance import file_digest, provenance
from pipeline.seeds import generator
from pipeline.settings.photos import CalibrateLabels

STAGE = "calibrate_labels"

NEUTRAL = 0.1
"""Share of people without an expression. The others move few units: faces that move many at once serve learning, but
photos show few of them, and intervals that hold them are too wide for all others."""

MARK_NOISE = (0.05, 1.5)
"""Marks of files err by this much of what the fit believes, as likely on any scale: some are exact, some careless."""

LEAST_FITTED = 0.5
"""Share of the renders that must be found and fitted, whichever their landmarks."""


class Fitted(NamedTuple):
    """What fits of one kind of landmarks made of the people, those that were rejected left out."""

    errors: Float32[np.ndarray, "n k"]
    sigmas: Float32[np.ndarray, "n k"]
    residuals: Float32[np.ndarray, " n"]
    at_bound: Bool[np.ndarray, "n k"]


def run(inputs: Paths, outputs: Paths, settings: CalibrateLabels) -> None:
    """Render people of `inputs["model"]`, fit them, compare; write `outputs["calibration"]`.

    learnt  as `fit_faces` has it. With `dense: photometric`, renders are fitted by landmarks alone: they do not look
            like the photos from which that texture was learnt

    With no renders, standard errors stay as the energy has them.
    Raises InputError if too few of the renders can be found and fitted.
    """
    model = read_native(inputs["model"])
    if settings.dense == "photometric":
        settings = replace(settings, dense="none")
    if settings.renders:
        calibrations, report = learn(model, inputs, settings)
    else:
        calibrations, report = Calibrations(AS_THEY_ARE, AS_THEY_ARE), {"photos": 0}
    write_calibrations(
        outputs["calibration"], calibrations, provenance(STAGE, settings, inputs, model_digest=model.digest, **report)
    )


def learn(model: FaceModel, inputs: Paths, settings: CalibrateLabels) -> tuple[Calibrations, dict[str, object]]:
    """The calibrations, and what they were learnt from: photos, and coefficients away from their bounds."""
    parts: dict[str, list[Fitted]] = {kind: [] for kind in Calibrations._fields}
    fitter = face_fitter(model, inputs, settings)
    with tqdm(total=settings.renders, desc=STAGE, unit="face") as progress:
        for number, batch in enumerate(people(model, settings)):
            for kind in parts:
                with tempfile.TemporaryDirectory() as folder:
                    marked, rows = photos(Path(folder), batch, kind, settings, number)
                    fits = fit_in_batches(fitter.alone, marked, settings.batch)
                parts[kind].append(compared(model, fits, batch.expression[rows], settings.max_residual))
            progress.update(len(batch.shots))
    found = {kind: Fitted(*map(np.concatenate, zip(*own, strict=True))) for kind, own in parts.items()}
    for kind, own in found.items():
        if len(own.residuals) < LEAST_FITTED * settings.renders:
            problem = (
                f"only {len(own.residuals)} of {settings.renders} of its renders could be fitted ({kind} landmarks)"
            )
            remedy = (
                "check its landmarks and its unit, which must be the millimetre, or set calibrate_labels.renders to 0"
            )
            raise InputError(f"model {model.name}", problem, remedy)
    report = {f"{kind}_{name}": value for kind, own in found.items() for name, value in described(own).items()}
    return Calibrations(*(learn_calibration(*own) for own in found.values())), {**fitter.stated, **report}


def people(model: FaceModel, settings: CalibrateLabels) -> Iterator[Batch]:
    """The renders, a batch at a time: other people than `learn_landmarks` knows."""
    detector = FaceDetector(settings.min_confidence)

    def detect(picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "68 2"] | None:
        try:
            return detector.largest_face(picture).landmarks_px
        except UnusableDatum:
            return None

    casting = Casting(settings.bump_mm, kinds=(NEUTRAL, 1 - NEUTRAL, 0.0), few=settings.most_units)
    return take_batches(
        model,
        dense_layout(model),
        casting,
        settings.landmark_sigma,
        detect,
        settings.renders,
        lambda *item: generator(settings.seed, STAGE, *item),
    )


def photos(
    folder: Path, batch: Batch, kind: str, settings: CalibrateLabels, number: int
) -> tuple[MarkedPhotos, Int[np.ndarray, " n"]]:
    """The renders of a batch as photos in a folder, with one kind of landmarks; and which of the batch they are."""
    landmarks = batch.detected_px
    if kind == "marked":
        random, (least, most) = generator(settings.seed, STAGE, "marks", number), MARK_NOISE
        noise = np.exp(random.uniform(np.log(least), np.log(most), len(batch.shots)))[:, None, None]
        landmarks = batch.landmarks_px + noise * (batch.marked_px - batch.landmarks_px)
    rows = np.flatnonzero(np.isfinite(landmarks).all((1, 2)))
    corners = np.round(batch.corner_px[rows]).astype(int)
    taken = [
        whole_photo(folder / f"{row}.png", batch.shots[row], corner) for row, corner in zip(rows, corners, strict=True)
    ]
    moved = (corners - batch.corner_px[rows])[:, None]
    marked = MarkedPhotos(
        photos=taken,
        landmarks_px=(landmarks[rows] + moved).astype(np.float32),
        sizes_px=np.array([(photo.width, photo.height) for photo in taken], float).reshape(-1, 2),
        slides=np.zeros(len(rows), bool),
        from_files=np.full(len(rows), kind == "marked"),
    )
    return marked, rows


def whole_photo(path: Path, shot: Shot, corner: Int[np.ndarray, "2"]) -> Photo:
    """The photo of which a picture is a part, black around it: nobody looks there.

    corner  where in it the picture's top left corner lies
    """
    side = round(shot.photo_px)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(Image.fromarray(shot.image), (int(corner[0]), int(corner[1])))
    canvas.save(path)
    return Photo(path.name, str(path), "", "", file_digest(path), side, side)


def compared(
    model: FaceModel, fits: Mapping[str, np.ndarray], truth: Float32[np.ndarray, "n k"], max_residual: float
) -> Fitted:
    """What is wrong with the fits that `fit_faces` would keep."""
    kept = np.isin(fits["status"], USABLE) & (fits["residual"] <= max_residual)
    expression = fits["expression"][kept]
    at_bound = held(expression, model.expression.bounds)
    return Fitted(expression - truth[kept], fits["expression_sigma"][kept], fits["residual"][kept], at_bound)


def described(fitted: Fitted) -> dict[str, object]:
    """How much there was to learn from, and how often the standard errors held as they were."""
    inside = ~fitted.at_bound
    covered = coverage(fitted.errors[inside], fitted.sigmas[inside])
    return {"photos": len(fitted.residuals), "coefficients": int(inside.sum()), "covered_before": round(covered, 4)}
