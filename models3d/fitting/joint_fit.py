"""Fitting photos of one person together, or the frames of a clip: one identity, steady expressions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32
from scipy.spatial.transform import Rotation
from torch import Tensor

from models3d.camera import Camera
from models3d.face_model import LANDMARK_COUNT, FaceModel
from models3d.fitting.covariance import joint_deviations
from models3d.fitting.detected_term import DetectedTerm, DetectorPoints
from models3d.fitting.energy import Prior, Term
from models3d.fitting.initial_pose import weak_perspective
from models3d.fitting.joint_groups import ABSENT, Groups
from models3d.fitting.joint_solver import JointSolution, solve_jointly
from models3d.fitting.landmark_fit import (
    LEAST_DISTANCE_MM,
    MOST_FOCAL_SIGMAS,
    USABLE,
    LandmarkFit,
    LandmarkFitOptions,
    Status,
    inter_ocular_mm,
)
from models3d.fitting.landmark_term import LandmarkPoints, LandmarkTerm, fitted_bases
from models3d.fitting.points import see
from models3d.fitting.solver import Bounds
from models3d.fitting.state import CAMERA, FOCAL, State, values
from models3d.landmarks import JAW, OUTER_EYE_CORNERS


@dataclass(frozen=True)
class JointFitOptions:
    """What a joint fit believes.

    each        about every photo; its identity weight counts once for a group
    smoothness  weight of the squared second differences of the expression (`joint_groups`), by frame and squared
                standard deviation; 0 where photos are in no order
    one_camera  whether the photos of a group share their focal length, as a clip's do
    """

    each: LandmarkFitOptions
    smoothness: float
    one_camera: bool


class JointFit(NamedTuple):
    """The fits of n photos in groups. A photo that could not be used, or stands in no group, holds NaN."""

    camera: Camera
    identity: Float32[np.ndarray, "n k_id"]
    """In standard deviations, like the expression; the same for all photos of a group."""
    expression: Float32[np.ndarray, "n k_exp"]
    expression_sigma: Float32[np.ndarray, "n k_exp"]
    """How far the expression may be from the truth (`covariance.joint_deviations`), not yet calibrated."""
    landmarks_px: Float32[np.ndarray, "n 68 2"]
    """Where the fitted face has the landmarks, its jaw line slid."""
    residual: Float32[np.ndarray, " n"]
    """As `LandmarkFit.residual`."""
    status: tuple[Status, ...]
    """Of a photo that could not be used, its own fit's; of the others, their group's."""
    iterations: Int32[np.ndarray, " n"]


def fit_together(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "n 68 2"],
    sizes_px: Float[np.ndarray, "n 2"],
    slides: Bool[np.ndarray, " n"],
    start: LandmarkFit,
    groups: Sequence[Sequence[int]],
    options: JointFitOptions,
    more: Sequence[Term] = (),
    detected: tuple[DetectorPoints, Bool[np.ndarray, " n"]] | None = None,
) -> JointFit:
    """Minimise, for all photos f of each group together, within the model's bounds, over their cameras c_f, their
    expressions p_f and the identity q that they share,

        sum_f E(c_f, p_f, q) + w_id |q|^2 + c_sm sum_f |p_(f-1) - 2 p_f + p_(f+1)|^2

    with E as in `fit_landmarks`. A clip of one or two frames has no second differences, one photo no company: both
    are fitted all the same.

    start   the photos' own fits: their cameras are where this one starts, their statuses say which can be used
    groups  places of photos, in order; no photo twice. A photo that cannot be used breaks a row of frames in two
    more    further terms over the n photos
    detected  what is known of a detector, and in which photos it found the landmarks: there `DetectedTerm` stands for
            the sum over landmarks, as in `fit_landmarks`
    """
    used = np.array([status in USABLE for status in start.status], bool)
    used &= np.isin(np.arange(len(used)), [place for group in groups for place in group])
    device = points.mean_mm.device
    picked = torch.as_tensor(np.flatnonzero(used), device=device)
    together = _groups(model, groups, used, options, device)
    from_centre = (landmarks_px - sizes_px[:, None] / 2)[used].astype(np.float32)
    px_per_mm = weak_perspective(model.mean_mm[model.landmarks[JAW.stop :]], from_centre[:, JAW.stop :]).px_per_mm
    state, expected_focal = _start(points, start, used, sizes_px[used].max(1), px_per_mm, together, options)
    detector, by_detector = detected or (None, np.zeros(len(used), bool))
    believed = options.each.landmark_sigma * inter_ocular_mm(model) * px_per_mm
    landmarks = LandmarkTerm(
        points,
        _tensor(from_centre, device),
        _tensor(np.where(by_detector[used], np.inf, believed), device),
        torch.as_tensor(slides[used], device=device),
    )
    prior, bounds = _beliefs(model, state, expected_focal, together, options)
    terms: list[Term] = [landmarks, prior, *(term.rows(picked) for term in more)]
    if detector is not None:
        terms.append(DetectedTerm(detector, landmarks.from_centre_px, _tensor(by_detector[used], device)))
    solution = solve_jointly(terms, state, bounds, together, options.each.iterations, options.each.tolerance)
    sigma = _deviations(solution, together, bounds)
    return _described(model, landmarks, solution, sigma, together, sizes_px, used, by_detector, start, options.each)


def _groups(
    model: FaceModel,
    groups: Sequence[Sequence[int]],
    used: Bool[np.ndarray, " n"],
    options: JointFitOptions,
    device: torch.device,
) -> Groups:
    """The groups that have a photo to use, over the photos that are used."""
    place = np.where(used, np.cumsum(used) - 1, ABSENT)
    kept = [place[list(group)] for group in groups if used[list(group)].any()]
    frames = np.full((len(kept), max(map(len, kept), default=1)), ABSENT, np.int64)
    for row, group in zip(frames, kept, strict=True):
        row[: len(group)] = group
    identity, expression = (len(basis) for basis in fitted_bases(model))
    own = [entry for entry in range(CAMERA) if not (options.one_camera and entry == FOCAL)]
    moved = range(CAMERA + identity, CAMERA + identity + expression)
    shared = [*range(CAMERA, CAMERA + identity), *([FOCAL] if options.one_camera else [])]
    smoothness = np.repeat([0.0, options.smoothness], [len(own), expression])
    return Groups(
        frames=torch.as_tensor(frames, device=device),
        own=torch.as_tensor([*own, *moved], dtype=torch.int64, device=device),
        shared=torch.as_tensor(shared, dtype=torch.int64, device=device),
        smoothness=_tensor(smoothness, device),
    )


def _start(
    points: LandmarkPoints,
    start: LandmarkFit,
    used: Bool[np.ndarray, " n"],
    longer_sides_px: Float[np.ndarray, " b"],
    px_per_mm: Float[np.ndarray, " b"],
    groups: Groups,
    options: JointFitOptions,
) -> tuple[State, Float32[Tensor, " b"]]:
    """The photos' own fits brought together in what they share, and the expected logarithms of their focal lengths."""
    device = points.mean_mm.device
    camera = Camera(*(part[used].astype(np.float64) for part in start.camera))
    expected = np.maximum(options.each.focal_ratio * longer_sides_px, LEAST_DISTANCE_MM * px_per_mm)
    log_focal, log_expected = (_tensor(np.log(focal), device) for focal in (camera.focal_px, expected))
    translation = _tensor(camera.translation_mm, device)
    if options.one_camera:
        log_expected, shared = _mean(groups, log_expected), _mean(groups, log_focal)
        translation[:, 2] *= torch.exp(shared - log_focal)
        log_focal = shared
    coefficients = torch.zeros(len(translation), points.basis_mm.shape[2] - CAMERA, device=device)
    identity = start.identity.shape[1]
    coefficients[:, :identity] = _mean(groups, _tensor(start.identity[used], device))
    coefficients[:, identity : identity + start.expression.shape[1]] = _tensor(start.expression[used], device)
    rotation = _tensor(Rotation.from_rotvec(camera.rotation_rad).as_matrix(), device)
    return State(rotation, translation, log_focal, coefficients), log_expected


def _mean(groups: Groups, of_photos: Float32[Tensor, "b *k"]) -> Float32[Tensor, "b *k"]:
    """For every photo the mean over its group."""
    whole = groups.padded(of_photos)
    count = groups.present.sum(1).view(-1, *[1] * (whole.ndim - 2))
    return groups.of_groups(whole.sum(1) / count).float()


def _beliefs(
    model: FaceModel, start: State, expected_focal: Float32[Tensor, " b"], groups: Groups, options: JointFitOptions
) -> tuple[Prior, Bounds]:
    """Priors and bounds. What a group shares has its prior with the first photo alone, so that it counts once."""
    place, device, each = values(start), start.rotation.device, options.each
    identity, expression = fitted_bases(model)
    limits = _tensor(np.concatenate([identity.bounds, expression.bounds]), device)
    weight, lower, upper = (torch.zeros_like(place) for _ in range(3))
    used = slice(CAMERA, CAMERA + len(limits))
    lower[:, used], upper[:, used] = limits.T[:, None]
    weight[:, CAMERA : CAMERA + len(identity)] = each.identity_weight
    weight[:, CAMERA + len(identity) : used.stop] = each.expression_weight
    weight[:, FOCAL] = each.focal_log_sigma**-2 if each.focal_log_sigma > 0 else 0.0
    first = groups.frames.gather(1, groups.first[:, None])[:, 0]
    follows = torch.ones(len(place), dtype=torch.bool, device=device)
    follows[first] = False
    weight[follows[:, None] & torch.isin(torch.arange(place.shape[1], device=device), groups.shared)] = 0
    centre = torch.zeros_like(place)
    centre[:, FOCAL] = expected_focal
    lower[:, :FOCAL], upper[:, :FOCAL] = -torch.inf, torch.inf
    reach = MOST_FOCAL_SIGMAS * each.focal_log_sigma
    lower[:, FOCAL], upper[:, FOCAL] = expected_focal - reach, expected_focal + reach
    return Prior(weight, centre), Bounds(lower, upper)


def _deviations(solution: JointSolution, groups: Groups, bounds: Bounds) -> Float32[Tensor, "b p"]:
    """Of every photo's entries; zero for those of a step that nothing moves."""
    place = values(solution.state)
    below, above = groups.gathered(bounds.lower - place), groups.gathered(bounds.upper - place)
    found = joint_deviations(solution.arrow, solution.gradient, below, above)
    return groups.scattered(solution.arrow, found, place.shape[1])


def _described(
    model: FaceModel,
    landmarks: LandmarkTerm,
    solution: JointSolution,
    sigma: Float32[Tensor, "b p"],
    groups: Groups,
    sizes_px: Float[np.ndarray, "n 2"],
    used: Bool[np.ndarray, " n"],
    by_detector: Bool[np.ndarray, " n"],
    start: LandmarkFit,
    options: LandmarkFitOptions,
) -> JointFit:
    """The solution as arrays over all photos, NaN where there is none."""

    def spread(part: Tensor) -> Float32[np.ndarray, "n ..."]:
        whole = np.full((len(used), *part.shape[1:]), np.nan, np.float32)
        whole[used] = part.cpu().numpy()
        return whole

    state, energy = solution.state, solution.settled[0]
    seen = see(state, energy.mean_mm, energy.basis_mm)  # type: ignore[attr-defined]
    first, second = (seen.camera_mm[:, corner] for corner in OUTER_EYE_CORNERS)
    ocular_px = torch.exp(state.log_focal) * (first - second).norm(dim=1) * 2 / (first + second)[:, 2]
    misses = seen.from_centre_px - landmarks.from_centre_px
    if by_detector.any():
        expected = solution.settled[-1].seen(state)  # type: ignore[attr-defined]
        habitual = expected.from_centre_px[:, :LANDMARK_COUNT] - landmarks.from_centre_px
        misses = torch.where(torch.as_tensor(by_detector[used], device=misses.device)[:, None, None], habitual, misses)
    distance = misses.square().sum(2).mean(1).sqrt()
    turned = torch.arccos(state.rotation[:, 2, 2].clamp(-1, 1)) > options.max_turn_rad
    converged, spent = groups.of_groups(solution.converged), groups.of_groups(solution.iterations)
    identity, expression = (len(basis) for basis in fitted_bases(model))
    status, iterations = list(start.status), np.zeros(len(used), np.int32)
    iterations[used] = spent.cpu().numpy()
    for photo, far, good in zip(np.flatnonzero(used), turned.tolist(), converged.tolist(), strict=True):
        late = iterations[photo] >= options.iterations
        status[photo] = (
            Status.TURNED if far else Status.CONVERGED if good else Status.UNFINISHED if late else Status.FAILED
        )
    rotation = Rotation.from_matrix(state.rotation.cpu().numpy()).as_rotvec()
    return JointFit(
        camera=Camera(
            spread(torch.as_tensor(rotation)),
            spread(state.translation_mm),
            spread(torch.exp(state.log_focal)),
            (sizes_px / 2).astype(np.float32),
        ),
        identity=spread(state.coefficients[:, :identity]),
        expression=spread(state.coefficients[:, identity : identity + expression]),
        expression_sigma=spread(sigma[:, CAMERA + identity : CAMERA + identity + expression]),
        landmarks_px=spread(seen.from_centre_px) + (sizes_px[:, None] / 2).astype(np.float32),
        residual=spread(distance / ocular_px),
        status=tuple(status),
        iterations=iterations,
    )


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32, device=device)
