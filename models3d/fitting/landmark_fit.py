"""Fitting a face model to the landmarks of photos: camera, identity and expression, within their bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn.functional import pad

from models3d.camera import Camera
from models3d.face_model import LANDMARK_COUNT, FaceModel
from models3d.fitting.covariance import solution_deviations
from models3d.fitting.dense_term import DenseTerm
from models3d.fitting.detected_term import DetectedTerm, DetectorPoints
from models3d.fitting.energy import Prior, Term
from models3d.fitting.expression_prior import ExpressionPrior
from models3d.fitting.initial_pose import WeakPerspective, translation_mm, weak_perspective
from models3d.fitting.landmark_term import LandmarkPoints, LandmarkTerm, fitted_bases
from models3d.fitting.points import PointEnergy
from models3d.fitting.solver import Bounds, Solution, solve
from models3d.fitting.state import CAMERA, FOCAL, State, values
from models3d.landmarks import JAW, OUTER_EYE_CORNERS

LEAST_DISTANCE_MM = 500.0
"""Arm's length. A face that fills its photo is a crop, not one taken from nearer: the focal length is raised to fit."""

MOST_FOCAL_SIGMAS = 3.0
"""How far from what is expected the logarithm of the focal length may go, in standard errors."""


class Status(StrEnum):
    """How the fit of a photo ended."""

    CONVERGED = "converged"
    UNFINISHED = "unfinished"
    NOT_FINITE = "not_finite"
    DEGENERATE = "degenerate"
    TURNED = "turned"
    UNSEEN = "unseen"
    FAILED = "failed"


USABLE = (Status.CONVERGED, Status.UNFINISHED)
"""A fit that ran out of iterations is still a fit: its residual decides."""

REASONS = {
    Status.CONVERGED: "the fit converged",
    Status.UNFINISHED: "the fit did not converge within its iterations",
    Status.NOT_FINITE: "landmarks that are not finite numbers",
    Status.DEGENERATE: "landmarks that are no picture of a face (all in one place, or on a line)",
    Status.TURNED: "a face turned too far from the camera",
    Status.UNSEEN: "hardly anything of the face lies within the photo and faces the camera",
    Status.FAILED: "no step of the fit lowers its energy",
}


@dataclass(frozen=True)
class LandmarkFitOptions:
    """What a landmark fit believes.

    landmark_sigma     standard error of a landmark along an axis, as a share of the inter-ocular distance
    identity_weight    of the squared identity coefficients, above 0; 1 believes the model's standard deviations
    expression_weight  of the squared expression coefficients, above 0: landmarks do not see every component
    focal_ratio        expected focal length over the photo's longer side
    focal_log_sigma    standard error of its logarithm; 0 keeps the focal length at what is expected
    max_turn_rad       largest angle between where the face looks and the camera's axis
    iterations, tolerance   when to stop (`solver.solve`)
    heavy_tailed       whether `ExpressionPrior` stands for the squared expression coefficients
    """

    landmark_sigma: float
    identity_weight: float
    expression_weight: float
    focal_ratio: float
    focal_log_sigma: float
    max_turn_rad: float
    iterations: int
    tolerance: float = 1e-4
    heavy_tailed: bool = False


class LandmarkFit(NamedTuple):
    """The fits of b photos. A row whose status is NOT_FINITE or DEGENERATE holds NaN."""

    camera: Camera
    identity: Float32[np.ndarray, "b k_id"]
    """In standard deviations, like the expression."""
    expression: Float32[np.ndarray, "b k_exp"]
    landmarks_px: Float32[np.ndarray, "b 68 2"]
    """Where the fitted face has the landmarks, its jaw line slid."""
    residual: Float32[np.ndarray, " b"]
    """Root mean square distance from where the fit expects the photo's landmarks (a known detector's beside the
    model's) over the inter-ocular distance (outer corners of the eyes, as long as it would be seen straight on, so that
    a turned face is not judged more harshly)."""
    expression_sigma: Float32[np.ndarray, "b k_exp"]
    """How far the expression may be from the truth (`covariance.deviations`), not yet calibrated."""
    status: tuple[Status, ...]
    iterations: Int32[np.ndarray, " b"]


def fit_landmarks(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "b 68 2"],
    sizes_px: Float[np.ndarray, "b 2"],
    slides: Bool[np.ndarray, " b"],
    options: LandmarkFitOptions,
    start: LandmarkFit | None = None,
    more: Sequence[Term] = (),
    detector: DetectorPoints | None = None,
) -> LandmarkFit:
    """Minimise for each photo on its own, over camera, identity and expression within the model's bounds,

        sum_i |projection_i - landmark_i|^2 / sigma^2 + w_id |p_id|^2 + w_exp |p_exp|^2 + log(f / f_0)^2 / sigma_f^2

    points    `landmark_points(model, device)`; the fit runs on its device, in float32
    sizes_px  widths and heights; the principal point is the photo's middle
    slides    whether a photo's jaw landmarks mark the visible outline (`LandmarkTerm.slides`)
    start     an earlier fit of the same photos to begin from, in place of the mean face in a closed-form pose
    more      further terms over the b photos
    detector  what is known of the detector that found the landmarks: then `DetectedTerm` stands for the first sum
    """
    from_centre = (landmarks_px - sizes_px[:, None] / 2).astype(np.float32)
    inner_mm = model.mean_mm[model.landmarks[JAW.stop :]]
    pose = weak_perspective(inner_mm, from_centre[:, JAW.stop :])
    finite = np.isfinite(from_centre).all((1, 2))
    sound = finite & pose.sound
    pose = WeakPerspective(*(part[sound] for part in pose))
    focal = np.maximum(options.focal_ratio * sizes_px[sound].max(1), LEAST_DISTANCE_MM * pose.px_per_mm)
    sigma = options.landmark_sigma * inter_ocular_mm(model) * pose.px_per_mm
    device = points.mean_mm.device
    landmarks = _tensor(from_centre[sound], device)
    on_outline = torch.as_tensor(slides[sound], device=device)
    own = LandmarkTerm(points, landmarks, _tensor(sigma, device), on_outline)
    term = own if detector is None else DetectedTerm(detector, landmarks, torch.ones(len(landmarks), device=device))
    state = _start(pose, translation_mm(pose, inner_mm, focal), focal, points)
    prior, bounds = _beliefs(model, state, options)
    if start is not None:
        state = _resumed(start, sound, state)
    picked = torch.as_tensor(np.flatnonzero(sound), device=device)
    terms: list[Term] = [term, prior, *(another.rows(picked) for another in more)]
    if options.heavy_tailed:
        identity, expression = (len(basis) for basis in fitted_bases(model))
        terms.append(ExpressionPrior(options.expression_weight, CAMERA + identity, expression))
    solution = solve(terms, state, bounds, options.iterations, options.tolerance)
    status = [Status.NOT_FINITE] * len(from_centre)
    for row in np.flatnonzero(finite):
        status[row] = Status.DEGENERATE
    for row, ending in zip(np.flatnonzero(sound), _endings(solution, options), strict=True):
        status[row] = ending
    deviations = solution_deviations(solution, bounds).float()
    return _described(model, own, solution, deviations, sizes_px, sound, tuple(status))


def inter_ocular_mm(model: FaceModel) -> float:
    """Distance between the outer corners of the mean face's eyes."""
    first, second = model.mean_mm[model.landmarks[list(OUTER_EYE_CORNERS)]]
    return float(np.linalg.norm(first - second))


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32, device=device)


def _start(
    pose: WeakPerspective, translation: Float[np.ndarray, "b 3"], focal: Float[np.ndarray, " b"], points: LandmarkPoints
) -> State:
    """The mean face in the closed-form pose."""
    device = points.mean_mm.device
    return State(
        rotation=_tensor(pose.rotation, device),
        translation_mm=_tensor(translation, device),
        log_focal=_tensor(np.log(focal), device),
        coefficients=torch.zeros(len(focal), points.basis_mm.shape[2] - CAMERA, device=device),
    )


def _resumed(fit: LandmarkFit, sound: Bool[np.ndarray, " b"], mean_face: State) -> State:
    """The end of an earlier fit, in the shape of a start."""
    device = mean_face.rotation.device
    coefficients = np.concatenate([fit.identity, fit.expression], axis=1)[sound]
    idle = mean_face.coefficients.shape[1] - coefficients.shape[1]
    return State(
        rotation=_tensor(Rotation.from_rotvec(fit.camera.rotation_rad[sound]).as_matrix(), device),
        translation_mm=_tensor(fit.camera.translation_mm[sound], device),
        log_focal=_tensor(np.log(fit.camera.focal_px[sound]), device),
        coefficients=pad(_tensor(coefficients, device), (0, idle)),
    )


def _beliefs(model: FaceModel, start: State, options: LandmarkFitOptions) -> tuple[Prior, Bounds]:
    """Priors and bounds of what a step changes; idle entries are held at zero."""
    batch, device = start.coefficients.shape[0], start.coefficients.device
    length = CAMERA + start.coefficients.shape[1]
    identity, expression = fitted_bases(model)
    weight, lower, upper = np.ones(length), np.zeros(length), np.zeros(length)
    limits = np.concatenate([identity.bounds, expression.bounds])
    used = slice(CAMERA, CAMERA + len(limits))
    lower[used], upper[used] = limits.T
    of_expression = 0.0 if options.heavy_tailed else options.expression_weight
    weight[used] = np.repeat([options.identity_weight, of_expression], [len(identity), len(expression)])
    weight[:CAMERA] = 0
    lower[:FOCAL], upper[:FOCAL] = -np.inf, np.inf
    if options.focal_log_sigma > 0:
        weight[FOCAL] = options.focal_log_sigma**-2
    bounds = Bounds(*(_tensor(side, device).repeat(batch, 1) for side in (lower, upper)))
    reach = MOST_FOCAL_SIGMAS * options.focal_log_sigma
    bounds.lower[:, FOCAL], bounds.upper[:, FOCAL] = start.log_focal - reach, start.log_focal + reach
    return Prior(_tensor(weight, device), values(start)), bounds


def _endings(solution: Solution, options: LandmarkFitOptions) -> list[Status]:
    """The status of every photo that was solved for."""
    turned = torch.arccos(solution.state.rotation[:, 2, 2].clamp(-1, 1)) > options.max_turn_rad
    unfinished = solution.iterations >= options.iterations
    return [
        Status.TURNED if far else Status.CONVERGED if good else Status.UNFINISHED if late else Status.FAILED
        for far, good, late in zip(turned.tolist(), solution.converged.tolist(), unfinished.tolist(), strict=True)
    ]


def _described(
    model: FaceModel,
    landmarks: LandmarkTerm,
    solution: Solution,
    sigma: Float32[Tensor, "s p"],
    sizes_px: Float[np.ndarray, "b 2"],
    sound: Bool[np.ndarray, " b"],
    status: tuple[Status, ...],
) -> LandmarkFit:
    """The solution as arrays over all photos, NaN where there is none."""

    def spread(part: Tensor | np.ndarray) -> Float32[np.ndarray, "b ..."]:
        whole = np.full((len(sound), *part.shape[1:]), np.nan, np.float32)
        whole[sound] = part if isinstance(part, np.ndarray) else part.cpu().numpy()
        return whole

    state, energy = solution.state, solution.settled[0]
    assert isinstance(energy, PointEnergy | DenseTerm)
    seen = (energy if isinstance(energy, PointEnergy) else landmarks.at(state)).seen(state)
    first, second = (seen.camera_mm[:, corner] for corner in OUTER_EYE_CORNERS)
    ocular_px = torch.exp(state.log_focal) * (first - second).norm(dim=1) * 2 / (first + second)[:, 2]
    misses = (energy.seen(state).from_centre_px - energy.from_centre_px)[:, :LANDMARK_COUNT]
    distance = misses.square().sum(2).mean(1).sqrt()
    identity, expression = (len(basis) for basis in fitted_bases(model))
    moved = slice(identity, identity + expression)
    iterations = np.zeros(len(sound), np.int32)
    iterations[sound] = solution.iterations.cpu().numpy()
    return LandmarkFit(
        camera=Camera(
            spread(Rotation.from_matrix(state.rotation.cpu().numpy()).as_rotvec()),
            spread(state.translation_mm),
            spread(torch.exp(state.log_focal)),
            (sizes_px / 2).astype(np.float32),
        ),
        identity=spread(state.coefficients[:, :identity]),
        expression=spread(state.coefficients[:, moved]),
        expression_sigma=spread(sigma[:, CAMERA:][:, moved]),
        landmarks_px=spread(seen.from_centre_px) + (sizes_px[:, None] / 2).astype(np.float32),
        residual=spread(distance / ocular_px),
        status=status,
        iterations=iterations,
    )
