"""Which fitter says best what a face does: ours against menpo3d's and eos-py's, on the same photos, one thread each.

ICT's people are drawn with all of its identity shapes; the fitters know all of them, or all but the last ten, and what
ours learns from is rendered from the same model as the fitter has. The learning is done once and kept in
results/benchmarks; delete that to do it again. Errors are of displacements over the vertices of the face.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from models3d.face_model import FaceModel
from models3d.fitting.dense_fit import dense_landmarks, fit_densely
from models3d.fitting.landmark_fit import fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.readers.learnt_offsets_file import read_learnt_landmarks
from models3d.readers.native import write_model
from models3d.training_faces import Casting, studio
from pipeline import learn_landmarks
from pipeline.fit_options import landmark_fit_options
from pipeline.provenance import ROOT
from pipeline.settings.photos import LearnLandmarks
from tests.benchmarks.fitting import ict_photos
from tests.benchmarks.fitting.ict_photos import FACE_VERTICES, HELD_BACK, SIZE_PX, Photos, take_photos, without_modes
from tests.benchmarks.fitting.measures import Errors, errors
from tests.benchmarks.fitting.peers import EosFitter, Fitted, MenpoFitter, numpy_1_names

TEST_SEED = 7
"""Of the judged photos; everything was tuned on photos of other seeds."""
PHOTOS, PEER_PHOTOS, NEUTRAL_PHOTOS = 200, 8, 50
LEARN = LearnLandmarks(
    seed=0,
    renders=6000,
    detector_renders=1024,
    held_out=750,
    min_confidence=0.5,
    bump_mm=1.0,
    ridge=3000.0,
    error_ridge=30000.0,
    iterations=30,
    landmark_sigma=0.02,
    identity_weight=2.0,
    expression_weight=2.8,
    focal="solve",
    focal_ratio=2.9,
    focal_log_sigma=0.35,
    max_turn_degrees=75.0,
)
DENSE_WEIGHT = 2.0
FACE = slice(0, FACE_VERTICES)


class Row(NamedTuple):
    name: str
    photos: int
    errors: Errors
    seconds: float
    """CPU time a photo."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learnt(model: FaceModel, name: str) -> Path:
    """The file of dense landmarks of a model, learnt if it is not there."""
    folder = ROOT / "results/benchmarks/fitting"
    paths = {"model": folder / f"{name}-{model.digest}.h5", "dense": folder / f"{name}-{model.digest}-landmarks.h5"}
    if not paths["dense"].is_file():
        write_model(paths["model"], model)
        learn_landmarks.run({"model": paths["model"]}, {"dense": paths["dense"]}, LEARN)
    return paths["dense"]


def timed(name: str, model: FaceModel, photos: Photos, fit: Callable[[], Fitted]) -> Row:
    """Fit, measure, print."""
    start = time.process_time()
    found = fit()
    seconds = (time.process_time() - start) / len(photos.images)
    row = Row(name, len(photos.images), errors(model, *found, photos, FACE), seconds)
    show(row)
    return row


def ours(model: FaceModel, photos: Photos, dense_path: Path | None) -> Callable[[], Fitted]:
    """Our fitter in batches of 64, with dense landmarks or without; the setting up is not timed."""
    points, options = landmark_points(model), landmark_fit_options(LEARN)
    dense = None if dense_path is None else dense_landmarks(model, read_learnt_landmarks(dense_path)[0]).marked

    def fit() -> Fitted:
        parts = []
        for start in range(0, len(photos.images), 64):
            landmarks, images = photos.landmarks_px[start : start + 64], photos.images[start : start + 64]
            batch = (model, points, landmarks, np.full((len(images), 2), float(SIZE_PX)), np.zeros(len(images), bool))
            if dense is None:
                found = fit_landmarks(*batch, options)
            else:
                found = fit_densely(*batch, dense, images.__getitem__, options, DENSE_WEIGHT)
            parts.append((found.identity, found.expression, found.landmarks_px))
        return Fitted(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    return fit


def one_by_one(fitter, photos: Photos) -> Callable[[], Fitted]:
    def fit() -> Fitted:
        rows = [fitter.fit(image, marks) for image, marks in zip(photos.images, photos.landmarks_px, strict=True)]
        return Fitted(*(np.stack(column).astype(np.float32) for column in zip(*rows, strict=True)))

    return fit


def some(photos: Photos, count: int) -> Photos:
    return Photos(*(part[:count] for part in photos))


def peer_rows(model: FaceModel, photos: Photos) -> list[Row]:
    """The peers on a few photos."""
    rows: list[Row] = []
    stage = studio(model, Casting(LEARN.bump_mm), np.random.default_rng(0))
    with numpy_1_names():
        for name, repaired in (("menpo3d", False), ("menpo3d, gradient repaired", True)):
            fitter = MenpoFitter(model, stage, repaired, 50)
            rows.append(timed(f"{name}, 50 iterations", model, photos, one_by_one(fitter, photos)))
    if find_spec("eos") is None:
        print("eos-py: left out, it is not installed (pip install eos-py)")
        return rows
    for name, blendshapes in (("eos, expression as PCA", False), ("eos, blendshapes", True)):
        rows.append(timed(name, model, photos, one_by_one(EosFitter(model, blendshapes, 5), photos)))
    return rows


def heading(title: str) -> None:
    print(f"\n{title}")
    print(
        f"{'':38}{'photos':>7}{'expression error':>18}{'corr.':>7}{'aligned mm':>12}{'landm. px':>11}{'photos/s':>10}"
    )


def show(row: Row) -> None:
    found = row.errors
    median, tail = np.median(found.expression), np.percentile(found.expression, 90)
    print(
        f"{row.name:38}{row.photos:7}{median:11.3f} /{tail:6.3f}{np.median(found.correlation):7.3f}"
        f"{np.median(found.aligned_mm):12.2f}{np.median(found.landmark_px):11.2f}{1 / row.seconds:10.2f}",
        flush=True,
    )


def better_share(rows: list[Row]) -> float:
    """Share of the faces that the second row sees better than the first."""
    return float((rows[1].errors.expression < rows[0].errors.expression).mean())


@pytest.fixture(scope="module")
def people(ict_folder) -> Callable[[str, int], Photos]:
    whole = ict_photos.load(ict_folder)
    return lambda distribution, count: take_photos(whole, ict_folder, count, TEST_SEED, distribution)


@pytest.mark.benchmark
@pytest.mark.parametrize("held_back", [HELD_BACK, 0])
def test_fitters_on_ict(ict_folder, people, held_back):
    model = without_modes(ict_photos.load(ict_folder), held_back)
    photos, dense = people("mixed", PHOTOS), learnt(model, f"ict_without_{held_back}")
    known = f"ICT, {len(model.identity)} of 30 identity shapes known"
    heading(f"{known}; expressions 'mixed'; landmarks with 1.5 px noise at 256 px, focal length unknown")
    rows = ours_both(model, photos, dense)
    print(f"better than landmarks alone on {better_share(rows):.0%} of the faces")
    heading("the same, expressions 'sparse'")
    ours_both(model, people("sparse", PHOTOS // 2), dense)
    neutral = people("neutral", NEUTRAL_PHOTOS)
    for name, path in (("landmarks", None), ("and dense landmarks", dense)):
        read = np.sqrt(np.square(ours(model, neutral, path)().expression).mean())
        print(f"neutral faces of new identities read as {read:.3f} sigma a component (RMS): {name}")
    if held_back:
        few = some(photos, PEER_PHOTOS)
        heading(f"peers, on the first {PEER_PHOTOS} of the 'mixed' photos")
        ours_both(model, few, dense)
        peer_rows(model, few)
    assert np.median(rows[1].errors.expression) < np.median(rows[0].errors.expression)


def ours_both(model: FaceModel, photos: Photos, dense: Path) -> list[Row]:
    """Our fitter without and with dense landmarks."""
    both = (("ours, landmarks alone", None), ("ours, with dense landmarks", dense))
    return [timed(name, model, photos, ours(model, photos, path)) for name, path in both]
