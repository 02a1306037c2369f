"""Clips and albums fitted jointly against the same photos fitted singly; `make bench` prints the tables.

Faces of the sample's model and of ICT's, whose fitter lacks 10 of the 30 identity shapes; landmarks with noise, focal
length unknown. `jitter` and `expression_errors` (tests/models3d/fitting/moving_people.py) say what is measured.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models3d.camera import Camera, project
from models3d.face_model import FaceModel, synthesize
from models3d.fitting.bounded_step import Dense, bounded_minimum
from models3d.fitting.joint_arrow import Arrow
from models3d.fitting.joint_fit import JointFitOptions, fit_together
from models3d.fitting.landmark_fit import LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.label_errors import coverage, held, learn_calibration
from models3d.readers.ict import read_ict
from models3d.readers.native import read_native
from pipeline.provenance import ROOT
from tests.models3d.fitting.moving_people import Clip, clip, expression_errors, jitter, only_landmarks
from tests.models3d.fitting.people import SIZE_PX

INTER_OCULAR_PX = 46
CLIPS, FRAMES = 8, 40
PEOPLE, PHOTOS = 24, 8


def beliefs(noise_px: float) -> LandmarkFitOptions:
    return LandmarkFitOptions(
        landmark_sigma=max(noise_px, 0.7) / INTER_OCULAR_PX,
        identity_weight=1.0,
        expression_weight=3.0,
        focal_ratio=1.65,
        focal_log_sigma=0.35,
        max_turn_rad=np.deg2rad(75),
        iterations=30,
    )


@dataclass(frozen=True)
class Contest:
    """A true model, the fitter's own, and photos of some people."""

    truth: FaceModel
    model: FaceModel
    people: list[Clip]

    @property
    def expression(self) -> np.ndarray:
        return np.concatenate([one.expression for one in self.people])

    @property
    def identity(self) -> np.ndarray:
        return np.concatenate([one.identity for one in self.people])[:, : len(self.model.identity)]

    @property
    def groups(self) -> list[list[int]]:
        size = len(self.people[0].expression)
        return [list(range(first, first + size)) for first in range(0, size * len(self.people), size)]


@pytest.fixture(params=["sample", "ICT"])
def models(request) -> tuple[FaceModel, FaceModel]:
    if request.param == "sample":
        path = ROOT / "results/models/sample.h5"
        if not path.is_file():
            pytest.skip("run `make demo` first")
        model = read_native(path)
        return model, model
    truth = read_ict(Path(request.getfixturevalue("ict_folder")) / "FaceXModel")
    return truth, replace(truth, name="ICT, 20 of 30 modes", identity=truth.identity.first(20))


def album(model: FaceModel, photos: int, rng: np.random.Generator) -> Clip:
    """Photos of one person with an expression, a pose and a lens of its own each."""
    shots = [
        clip(model, 5, rng, focal_ratio=float(np.exp(rng.uniform(np.log(1.2), np.log(2.4))))) for _ in range(photos)
    ]
    camera = Camera(*(np.stack([getattr(shot.camera, part)[0] for shot in shots]) for part in Camera._fields))
    expression = np.stack([shot.expression[0] for shot in shots])
    identity = shots[0].identity[:1].repeat(photos, 0)
    seen = project(camera, synthesize(only_landmarks(model), identity, expression))
    return Clip(camera, identity, expression, seen)


def cpu_seconds(work: Callable) -> tuple[float, object]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def compare(contest: Contest, noise_px: float, variants: dict[str, JointFitOptions]) -> dict[str, tuple[float, ...]]:
    """Print a row a variant; return its median error, jitter and identity error."""
    points, true = landmark_points(contest.model), contest.expression
    seen = np.concatenate([one.landmarks_px for one in contest.people])
    noisy = seen + np.random.default_rng(0).normal(size=seen.shape) * noise_px
    photos = noisy, np.full((len(noisy), 2), SIZE_PX), np.zeros(len(noisy), bool)
    rows: dict[str, tuple[float, ...]] = {}
    spent, single = cpu_seconds(lambda: fit_landmarks(contest.model, points, *photos, beliefs(noise_px)))
    fits = {"each photo alone": (spent, single)}
    for name, options in variants.items():
        fits[name] = cpu_seconds(
            lambda chosen=options: fit_together(contest.model, points, *photos, single, contest.groups, chosen)
        )
    for name, (seconds, found) in fits.items():
        errors = expression_errors(contest.model, found.expression, true)
        shake = float(np.mean([jitter(found.expression[group], true[group]) for group in contest.groups]))
        who = float(np.sqrt(np.mean((found.identity - contest.identity) ** 2)))
        rows[name] = float(np.median(errors)), float(errors.mean()), shake, who
        print(
            f"{contest.model.name:<20}{noise_px:>6} px  {name:<34}{np.median(errors):>8.2f}{errors.mean():>8.2f}"
            f"{np.quantile(errors, 0.9):>8.2f}{shake:>9.3f}{who:>10.2f}{seconds / len(true) * 1e3:>10.1f}"
        )
    return rows


HEADER = (
    f"\n{'':64}{'expression error':>16}\n"
    f"{'fitted model':<20}{'noise':>9}  {'':<33}{'median':>8}{'mean':>8}{'p90':>8}"
    f"{'jitter':>9}{'identity':>10}{'ms/photo':>10}"
)


@pytest.mark.benchmark
def test_a_clip_fitted_jointly_is_steady(models):
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    contest = Contest(*models, [clip(models[0], FRAMES, rng) for _ in range(CLIPS)])
    print(HEADER)
    variants = {
        f"clip, smoothness {weight:g}": JointFitOptions(beliefs(1.5), weight, one_camera=True)
        for weight in (0.0, 3.0, 30.0, 300.0)
    }
    rows = compare(contest, 1.5, variants)
    alone, together = rows["each photo alone"], rows["clip, smoothness 30"]
    assert together[2] <= 0.5 * alone[2], "at most half the jitter"
    assert together[0] <= alone[0] and together[1] <= alone[1], "at no higher error"


@pytest.mark.benchmark
def test_several_photos_of_a_person_help_each_other(models):
    torch.set_num_threads(1)
    rng = np.random.default_rng(2)
    contest = Contest(*models, [album(models[0], PHOTOS, rng) for _ in range(PEOPLE)])
    print(HEADER)
    for noise_px in (1.5, 0.5):
        name = f"{PHOTOS} photos, one identity"
        rows = compare(contest, noise_px, {name: JointFitOptions(beliefs(noise_px), 0.0, one_camera=False)})
        assert rows[name][3] < rows["each photo alone"][3]
    assert rows[name][0] < rows["each photo alone"][0], "where noise does not drown it, expressions gain too"


@pytest.mark.benchmark
def test_intervals_hold_the_truth(models):
    """Scale learnt on half of the people, coverage measured on the others."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(3)
    contest = Contest(*models, [clip(models[0], FRAMES, rng) for _ in range(2 * CLIPS)])
    seen = np.concatenate([one.landmarks_px for one in contest.people])
    photos = seen + rng.normal(size=seen.shape) * 1.5, np.full((len(seen), 2), SIZE_PX), np.zeros(len(seen), bool)
    points, half = landmark_points(contest.model), len(seen) // 2
    single = fit_landmarks(contest.model, points, *photos, beliefs(1.5))
    print(f"\n{'fitted model':<20}{'smoothness':>12}{'scale':>8}{'covered':>9}{'inside bounds':>15}{'at a bound':>12}")
    for smoothness in (0.0, 30.0):
        options = JointFitOptions(beliefs(1.5), smoothness, one_camera=True)
        found = fit_together(contest.model, points, *photos, single, contest.groups, options)
        errors, sigma = found.expression - contest.expression, found.expression_sigma
        at_bound = held(found.expression, contest.model.expression.bounds)
        mend = learn_calibration(errors[:half], sigma[:half], found.residual[:half], at_bound[:half])
        sigma = sigma[half:] * mend.factors(found.residual[half:])[:, None]
        errors, at_bound = errors[half:], at_bound[half:]
        parts = [coverage(errors[some], sigma[some]) for some in (at_bound | ~at_bound, ~at_bound, at_bound)]
        print(
            f"{contest.model.name:<20}{smoothness:>12g}{mend.scale:>8.2f}{parts[0]:>9.0%}{parts[1]:>15.0%}{parts[2]:>12.0%}"
        )
        assert 0.60 <= parts[1] <= 0.76


@pytest.mark.benchmark
def test_the_arrow_is_linear_in_the_frames():
    """One bounded step with 36 own and 60 shared unknowns, against the same matrix dense."""
    torch.set_num_threads(1)
    own, shared = 36, 60
    print(f"\n{'frames':>8}{'arrow, ms':>12}{'a frame':>9}{'dense, ms':>12}{'ratio':>8}{'difference':>12}")
    for frames in (5, 10, 20, 40, 160):
        torch.manual_seed(frames)
        jacobian = torch.randn(1, frames, 150, own + shared, dtype=torch.float64)
        normal = jacobian.mT @ jacobian
        ties = torch.zeros(1, frames, own, dtype=torch.float64)
        ties[:, : frames - 2] = 30.0
        blocks = normal[..., :own, :own] + torch.diag_embed(torch.full((own,), 180.0, dtype=torch.float64))
        arrow = Arrow(blocks, -2 * ties, ties, normal[..., :own, own:], normal[..., own:, own:].sum(1))
        gradient = torch.randn(1, frames * own + shared, dtype=torch.float64) * 30
        limit = torch.full_like(gradient, 0.2)
        fast_s, fast = cpu_seconds(lambda: bounded_minimum(arrow, gradient, -limit, limit))  # noqa: B023
        row = f"{frames:>8}{fast_s * 1e3:>12.1f}{fast_s / frames * 1e3:>9.2f}"
        if frames <= 40:
            dense = Dense(arrow.dense())
            slow_s, slow = cpu_seconds(lambda: bounded_minimum(dense, gradient, -limit, limit))  # noqa: B023
            torch.testing.assert_close(fast, slow)
            row += f"{slow_s * 1e3:>12.1f}{slow_s / fast_s:>8.1f}{(fast - slow).abs().max().item():>12.0e}"
        print(row)
