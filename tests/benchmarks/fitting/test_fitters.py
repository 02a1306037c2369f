"""Which fitter says best what a face does: ours against menpo3d's and eos-py's, on the same photos, one thread each.

Two kinds of people, rendered here and in no data set: ICT's, drawn with all 30 identity shapes of which the fitters
know all or the first 20, and the sample's. What ours learns from is rendered from the model that the fitter has, by
other code, with other skins and lights. The learning is done once and kept in results/benchmarks/fitting; delete that
to do it again. Errors are of displacements over the vertices of the face.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
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
from pipeline.provenance import ROOT, code_digest, digest_of
from pipeline.sample.population import make_population
from pipeline.settings.photos import LearnLandmarks
from tests.benchmarks.fitting import ict_photos, sample_photos
from tests.benchmarks.fitting.ict_photos import SIZE_PX, Photos
from tests.benchmarks.fitting.measures import Errors, errors
from tests.benchmarks.fitting.peers import EosFitter, Fitted, MenpoFitter, numpy_1_names

TEST_SEED = 7
"""Of the judged photos; everything was tuned on photos of other seeds."""
ICT_PHOTOS = (("mixed", 200), ("sparse", 100), ("neutral", 50))
SAMPLE_PHOTOS = (("mixed", 100), ("neutral", 30))
LEARN = LearnLandmarks(
    seed=0,
    renders=0,
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


class Crowd(NamedTuple):
    """People to be photographed, and what fitters know of them."""

    title: str
    model: FaceModel
    """Of the fitters."""
    face: slice | np.ndarray
    """The vertices that errors are taken over."""
    jaw_on_outline: bool
    """Whether the landmarks of a turned jaw are marked where it is seen to end."""
    renders: int
    """To learn dense landmarks from."""
    take: Callable[[str, int], Photos]
    """Photos of an expression's distribution."""
    photos: tuple[tuple[str, int], ...]
    """Distributions that are judged, and how many photos of each; the first is that of the peers."""
    menpo_photos: int
    """How many of these menpo3d gets, which takes seconds for one."""


@dataclass(frozen=True)
class SampleSeed:
    """Who the sample's people are."""

    seed: int
    identity_components: int


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


def learnt(crowd: Crowd) -> Path:
    """The file of dense landmarks of a model, learnt if it is not there."""
    folder, settings = ROOT / "results/benchmarks/fitting", replace(LEARN, renders=crowd.renders)
    name = f"{crowd.model.name}-{crowd.model.digest}-{digest_of(asdict(settings))}-{code_digest('learn_landmarks')}"
    paths = {"model": folder / f"{name}-model.h5", "dense": folder / f"{name}.h5"}
    if not paths["dense"].is_file():
        start = time.process_time()
        write_model(paths["model"], crowd.model)
        learn_landmarks.run({"model": paths["model"]}, {"dense": paths["dense"]}, settings)
        print(f"learnt dense landmarks on {crowd.renders} renders: {time.process_time() - start:.0f} s of CPU")
    return paths["dense"]


def timed(name: str, crowd: Crowd, photos: Photos, fit: Callable[[], Fitted]) -> Row:
    """Fit, measure, print."""
    start = time.process_time()
    found = fit()
    seconds = (time.process_time() - start) / len(photos.images)
    row = Row(name, len(photos.images), errors(crowd.model, *found, photos, crowd.face), seconds)
    show(row)
    return row


def ours(crowd: Crowd, photos: Photos, dense_path: Path | None) -> Callable[[], Fitted]:
    """Our fitter in batches of 64, with dense landmarks or without; the setting up is not timed."""
    points, options = landmark_points(crowd.model), landmark_fit_options(LEARN)
    dense = None if dense_path is None else dense_landmarks(crowd.model, read_learnt_landmarks(dense_path)[0]).marked

    def fit() -> Fitted:
        parts = []
        for start in range(0, len(photos.images), 64):
            landmarks, images = photos.landmarks_px[start : start + 64], photos.images[start : start + 64]
            sizes, slides = np.full((len(images), 2), float(SIZE_PX)), np.full(len(images), crowd.jaw_on_outline)
            batch = crowd.model, points, landmarks, sizes, slides
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


def peer_rows(crowd: Crowd, photos: Photos) -> list[Row]:
    """The peers, menpo3d first."""
    rows: list[Row] = []
    stage = studio(crowd.model, Casting(LEARN.bump_mm), np.random.default_rng(0))
    few = some(photos, crowd.menpo_photos)
    with numpy_1_names():
        for name, repaired in (("menpo3d", False), ("menpo3d, gradient repaired", True)):
            fitter = MenpoFitter(crowd.model, stage, repaired, 50)
            rows.append(timed(f"{name}, 50 iterations", crowd, few, one_by_one(fitter, few)))
    for name, blendshapes in (("eos, expression as PCA", False), ("eos, blendshapes", True)):
        rows.append(timed(name, crowd, photos, one_by_one(EosFitter(crowd.model, blendshapes, 5), photos)))
    return rows


def heading() -> None:
    print(
        "\nlandmarks with 1.5 px noise at 256 px, focal length unknown; errors are medians, the expression's with p90"
    )
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


def ours_both(crowd: Crowd, photos: Photos, dense: Path) -> list[Row]:
    """Our fitter without and with dense landmarks."""
    both = (("ours, landmarks alone", None), ("ours, with dense landmarks", dense))
    return [timed(name, crowd, photos, ours(crowd, photos, path)) for name, path in both]


@pytest.fixture(scope="module")
def ict(request) -> Callable[[int], Crowd]:
    """ICT's people, some of whose identity shapes the fitters lack."""
    folder = request.getfixturevalue("ict_folder") / "FaceXModel"
    whole = ict_photos.load(folder)
    take = cache(lambda distribution, count: ict_photos.take_photos(whole, folder, count, TEST_SEED, distribution))

    def crowd(held_back: int, renders: int) -> Crowd:
        model = ict_photos.without_modes(whole, held_back)
        title = f"ICT, {len(model.identity)} of {len(whole.identity)} identity shapes known"
        return Crowd(title, model, slice(0, ict_photos.FACE_VERTICES), False, renders, take, ICT_PHOTOS, 8)

    return crowd


@pytest.fixture(scope="module")
def sample() -> Crowd:
    """The sample's population; all of its identity components are known."""
    population = make_population(SampleSeed(0, 60))

    def take(distribution: str, count: int) -> Photos:
        return sample_photos.take_photos(population, count, TEST_SEED, distribution)

    return Crowd("the sample", population.model, sample_photos.face_of(population), True, 1024, take, SAMPLE_PHOTOS, 4)


@pytest.mark.benchmark
@pytest.mark.parametrize(("held_back", "renders"), [(ict_photos.HELD_BACK, 6000), (0, 3000)])
def test_fitters_on_ict(ict, held_back, renders):
    judge(ict(held_back, renders), peers=held_back > 0)


@pytest.mark.benchmark
def test_fitters_on_the_sample(sample):
    judge(sample, peers=True)


def judge(crowd: Crowd, peers: bool) -> None:
    """Print the table of a crowd."""
    dense = learnt(crowd)
    heading()
    for place, (distribution, count) in enumerate(crowd.photos):
        photos = crowd.take(distribution, count)
        if distribution == "neutral":
            show_neutral(crowd, photos, dense)
            continue
        print(f"{crowd.title}; expressions '{distribution}'")
        rows = ours_both(crowd, photos, dense)
        print(f"  dense landmarks better than landmarks alone on {better_share(rows):.0%} of the faces")
        if peers and place == 0:
            others = peer_rows(crowd, photos)
            print(f"  {others[0].seconds / rows[1].seconds:.0f} times as fast as menpo3d; on its photos alone:")
            ours_both(crowd, some(photos, crowd.menpo_photos), dense)
        assert np.median(rows[1].errors.expression) < np.median(rows[0].errors.expression)


def show_neutral(crowd: Crowd, photos: Photos, dense: Path) -> None:
    """What faces without an expression read as."""
    for name, path in (("landmarks alone", None), ("with dense landmarks", dense)):
        read = np.sqrt(np.square(ours(crowd, photos, path)().expression).mean())
        print(f"  {len(photos.images)} neutral faces read as {read:.3f} sigma a component (RMS) {name}", flush=True)
