"""Sparse, localised components of difference vectors (eq. 1), solved on a low-rank form of the data.

Neumann et al., "Sparse Localized Deformation Components", ACM TOG 32(6), 2013: minimise
||X - W C||_F^2 + Omega(C) over weights W (m, h) whose largest is 1 in each column, and components C (h, 3n).
As a column of W and a row of C can trade a factor, that is the minimum over free weights of

    ||X - W C||_F^2 + sum_k max_i |W_ik| sum_v lambda_kv ||C_kv||,

which is convex in each column of W, and in all 3-vectors C_kv of a vertex v. Both are solved exactly: the
columns by water-filling (`_pour`), the vertices by coordinate descent (`_shrink`), where the paper projects and
makes ten steps of ADMM. So no step raises the objective, no penalty rho is to be chosen, and the objective's
decrease says when to stop. With X = A B (`LowRank`) a round costs what r rows cost, not what m do.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit
from scipy.sparse import csr_array

from models3d.errors import InputError
from models3d.face_model import Basis, basis_from_displacements
from models3d.geodesics import geodesic_distances
from models3d.principal_components import LowRank

WEIGHT_SWEEPS = 3
"""Turns of all columns of W a round; they are cheap beside the components' products."""
VERTEX_SWEEPS, VERTEX_TOLERANCE = 20, 1e-3
"""A vertex's components are done when none moves by this share of the largest, or after so many turns."""
MOMENTUM = 0.7
"""Share of the last change of W that a round starts ahead; saves 2 rounds of 3 on the sample's clips."""
ROTATION_STEPS, ROTATION_TOLERANCE = 500, 1e-9
SILENT = 0.05
"""Frames that move less than this share of the most expressive one do not tell which action they show."""
DEPENDENT = 1e-9
"""Squared length of what others leave of a component, as a share of its own, at which nothing is left."""

Penalty = Callable[[int], Float[np.ndarray, " n"]]
"""From the vertex at a component's centre to lambda_kv of every vertex."""


class Sparsity(NamedTuple):
    """The choices of eq. 1; the paper's values in brackets."""

    one_sided: bool
    """Weights in [0, 1] rather than in [-1, 1]."""
    strength: float
    """lambda (2), for data divided by their standard deviation."""
    reach: tuple[float, float]
    """Geodesic distances up to which a component moves freely, and from which it is penalised in full
    (0.1, 0.7), in units of the longest side of the mesh's bounding box."""
    tolerance: float
    """Done when a round lowers the objective by less than this share of it."""
    max_rounds: int


class Factors(NamedTuple):
    """X = weights @ components, nearly."""

    weights: Float[np.ndarray, "m h"]
    components: Float[np.ndarray, "n 3 h"]
    """Vertex after vertex, as they are solved."""
    centres: Int[np.ndarray, " h"]
    """The vertex around which each component may move freely."""


class SparseFit(NamedTuple):
    """The end of a minimisation and its way there."""

    factors: Factors
    objectives: tuple[float, ...]
    """Eq. 1 after each round; none above the one before."""
    converged: bool


class SparseBasis(NamedTuple):
    """The components as a model's basis, the one that explains most first."""

    basis: Basis
    weights: Float[np.ndarray, "m h"]
    """Of the training meshes, in standard deviations."""
    shares: Float[np.ndarray, " h"]
    """Share of the data's energy that each adds to those before it."""
    fit: SparseFit


def sparse_components(data: LowRank, extent: float, graph: csr_array, count: int, sparsity: Sparsity) -> SparseBasis:
    """Sparse blendshapes of difference vectors (m, 3n) in mm, from their low-rank form.

    extent, graph  the longest side of the neutral mesh's bounding box and its `edge_graph`, in one unit

    There may be fewer than `count`: a component that lowers the data's error by less than its penalty dies.
    Raises InputError if the data hold fewer directions than `count`.
    """
    scale = standard_deviation(data)
    normalised = LowRank(data.left, data.right / np.float32(scale), data.energy / scale**2)
    start = rotated_start(normalised, count, sparsity.one_sided)
    fit = refine(normalised, start, penalty_around(graph, extent, sparsity), sparsity)
    return as_basis(normalised, fit, scale, sparsity.one_sided)


def standard_deviation(data: LowRank) -> float:
    """Of all numbers of X, by which the paper divides the data."""
    size = data.left.shape[0] * data.right.shape[1]
    mean = float(data.left.sum(axis=0, dtype=np.float64) @ data.right.sum(axis=1, dtype=np.float64)) / size
    return float(np.sqrt(data.energy / size - mean**2))


def penalty_around(graph: csr_array, extent: float, sparsity: Sparsity) -> Penalty:
    """lambda_kv: 0 near the centre, rising linearly with geodesic distance to the full strength."""
    near, far = sparsity.reach

    @cache
    def penalty(centre: int) -> Float[np.ndarray, " n"]:
        distances = geodesic_distances(graph, centre, far * extent) / extent
        return sparsity.strength * np.clip((distances - near) / (far - near), 0, 1)

    return penalty


def rotated_start(data: LowRank, count: int, one_sided: bool) -> Factors:
    """Weights from the principal ones, turned until each frame is told by as few of them as possible.

    Quartimax with Kaiser's normalisation of the frames (Kaiser 1958): frames show few actions at a time, weak
    ones count like strong ones. The paper's greedy start places several components on the strongest action
    and none on the weakest. Eq. 1 has many minima, and those nearest to the actions are not its lowest: it gains most
    from cutting a large action in two. So the start decides what is found.
    """
    if count > len(data):
        raise InputError("sparse components", f"{count} asked, the data hold {len(data)} directions", "ask for fewer")
    scores = data.left[:, :count].astype(np.float64)
    turned = scores @ _quartimax(scores)
    weights = turned * np.sign((turned**3).sum(axis=0))
    weights = np.maximum(weights, 0) if one_sided else weights
    weights /= np.abs(weights).max(axis=0)
    mixing = np.linalg.lstsq(weights, data.left.astype(np.float64), rcond=None)[0]
    components = (data.right.T @ mixing.T).reshape(-1, 3, count)
    return Factors(weights, components, np.square(components).sum(axis=1).argmax(axis=0))


def _quartimax(scores: Float[np.ndarray, "m h"]) -> Float[np.ndarray, "h h"]:
    """Orthogonal turn that maximises the sum of fourth powers of the rows, scaled to one length each."""
    lengths = np.linalg.norm(scores, axis=1, keepdims=True)
    telling = lengths[:, 0] > SILENT * lengths.max()
    rows = scores[telling] / lengths[telling]
    turn, last = np.eye(scores.shape[1]), 0.0
    for _ in range(ROTATION_STEPS):
        u, singular, vt = np.linalg.svd(rows.T @ (rows @ turn) ** 3)
        turn = u @ vt
        if singular.sum() <= last * (1 + ROTATION_TOLERANCE):
            break
        last = singular.sum()
    return turn


def refine(data: LowRank, start: Factors, penalty: Penalty, sparsity: Sparsity) -> SparseFit:
    """Minimise eq. 1 from a start, for data divided by their standard deviation, until it stands still.

    A round that began ahead of W and ended higher is done again without, so that the objective never rises.
    """
    problem = _Problem(
        data.left.astype(np.float64), data.right.astype(np.float64), data.energy, penalty, sparsity.one_sided
    )
    last, now = start, start
    objectives: list[float] = []
    converged = False
    while not converged and len(objectives) < sparsity.max_rounds:
        following, objective = _round(problem, _ahead(now, last, sparsity.one_sided))
        if objectives and objective > objectives[-1]:
            following, objective = _round(problem, now)
        last, now = now, following
        objectives.append(objective)
        converged = len(objectives) > 1 and objectives[-2] - objective <= sparsity.tolerance * objective
    return SparseFit(now, tuple(objectives), converged)


class _Problem(NamedTuple):
    """X = left @ right, and what eq. 1 asks of its factors."""

    left: np.ndarray
    right: np.ndarray
    energy: float
    penalty: Penalty
    one_sided: bool


def _ahead(now: Factors, last: Factors, one_sided: bool) -> Factors:
    weights = now.weights + MOMENTUM * (now.weights - last.weights)
    return now._replace(weights=np.maximum(weights, 0) if one_sided else weights)


def _round(problem: _Problem, begin: Factors) -> tuple[Factors, float]:
    """Best components for the weights, best centres, best weights for the components; and the objective."""
    left, right, energy, penalty, one_sided = problem
    weights, components, centres = (array.copy() for array in begin)
    count = weights.shape[1]
    flat = components.reshape(-1, count)
    penalties = np.stack([penalty(int(centre)) for centre in centres], axis=1)
    products = (right.T @ (left.T @ weights)).reshape(components.shape)
    sizes = _shrink(weights.T @ weights, products, components, penalties / 2)
    _recentre(sizes, centres, penalties, penalty)
    traces, gram = left @ (right @ flat), flat.T @ flat
    spread = (penalties * sizes).sum(axis=0)
    flat *= _weigh(weights, traces, gram, spread, one_sided)
    fitted = np.sum(weights.T @ weights * gram) - 2 * np.sum(weights * traces)
    return Factors(weights, components, centres), float(energy + fitted + spread.sum())


def _recentre(sizes: np.ndarray, centres: np.ndarray, penalties: np.ndarray, penalty: Penalty) -> None:
    """Move each centre to the largest displacement where that lowers the penalty, in place."""
    for k, peak in enumerate(sizes.argmax(axis=0)):
        if peak != centres[k]:
            moved = penalty(int(peak))
            if moved @ sizes[:, k] < penalties[:, k] @ sizes[:, k]:
                centres[k], penalties[:, k] = peak, moved


def _weigh(
    weights: Float[np.ndarray, "m h"],
    traces: Float[np.ndarray, "m h"],
    gram: Float[np.ndarray, "h h"],
    spread: Float[np.ndarray, " h"],
    one_sided: bool,
) -> Float[np.ndarray, " h"]:
    """Best weights for components C, column by column, in place; returns what C is to be multiplied by.

    traces X C', gram C C', spread sum_v lambda_kv ||C_kv||: they follow the factors that bring the largest
    weights to 1, so that all four belong together again. A component whose weights vanish gets factor 0.
    """
    scales = np.ones(len(gram))
    for k in np.tile(np.arange(len(gram)), WEIGHT_SWEEPS):
        if gram[k, k] == 0:
            scales[k] = 0
            weights[:, k] = 0
            continue
        target = traces[:, k] - weights @ gram[:, k] + weights[:, k] * gram[k, k]
        column, largest = _pour(target, gram[k, k], spread[k], one_sided)
        weights[:, k] = column / largest if largest > 0 else 0
        for array in (traces.T, gram, gram.T, spread, scales):
            array[k] *= largest
    return scales


def _pour(
    target: Float[np.ndarray, " m"], curvature: float, spread: float, one_sided: bool
) -> tuple[Float[np.ndarray, " m"], float]:
    """The w that minimises curvature |w|^2 - 2 w.target + spread max|w|, and its largest absolute entry.

    The free minimum target / curvature is cut at the level where what is cut off, times curvature, adds up to
    spread / 2 (the proximal map of the maximum norm). One-sided weights start from its positive part.
    """
    heights = np.maximum(target, 0) if one_sided else np.abs(target)
    if heights.sum() <= spread / 2:
        return np.zeros_like(target), 0.0
    falling = np.sort(heights)[::-1]
    levels = (np.cumsum(falling) - spread / 2) / np.arange(1, len(falling) + 1)
    level = levels[np.flatnonzero(falling >= levels)[-1]]
    poured = np.minimum(heights, level) / curvature
    return poured if one_sided else np.copysign(poured, target), float(level / curvature)


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _shrink(gram, products, components, thresholds):
    """Best components for weights W, in place: gram W'W, products X'W, thresholds lambda / 2. Returns their lengths.

    Per vertex, block coordinate descent of a group lasso whose blocks are the 3-vectors C_kv: the minimum over
    one of them is (1 - threshold / |z|)+ z / gram_kk, z being what the others leave to it.
    """
    vertices, _, count = components.shape
    sizes = np.empty((vertices, count))
    rest = np.empty((3, count))
    for v in range(vertices):
        vectors = components[v]
        rest[:] = products[v]
        for k in range(count):
            x, y, z = vectors[:, k]
            if x != 0 or y != 0 or z != 0:
                _take(rest, gram[k], x, y, z)
        for _ in range(VERTEX_SWEEPS):
            moved, largest = 0.0, 0.0
            for k in range(count):
                own = gram[k, k]
                if own == 0:
                    vectors[:, k] = 0
                    continue
                x, y, z = vectors[:, k]
                zx, zy, zz = rest[0, k] + own * x, rest[1, k] + own * y, rest[2, k] + own * z
                length = np.sqrt(zx * zx + zy * zy + zz * zz)
                factor = (1 - thresholds[v, k] / length) / own if length > thresholds[v, k] else 0.0
                dx, dy, dz = factor * zx - x, factor * zy - y, factor * zz - z
                step = dx * dx + dy * dy + dz * dz
                if step > 0:
                    vectors[0, k] += dx
                    vectors[1, k] += dy
                    vectors[2, k] += dz
                    _take(rest, gram[k], dx, dy, dz)
                moved, largest = max(moved, step), max(largest, x * x + y * y + z * z)
            if moved <= VERTEX_TOLERANCE**2 * largest:
                break
        for k in range(count):
            x, y, z = vectors[:, k]
            sizes[v, k] = np.sqrt(x * x + y * y + z * z)
    return sizes


@njit(cache=True, nogil=True)
@no_type_check
def _take(rest, row, x, y, z):
    """What a move of one component takes from the others."""
    for j in range(len(row)):
        rest[0, j] -= row[j] * x
    for j in range(len(row)):
        rest[1, j] -= row[j] * y
    for j in range(len(row)):
        rest[2, j] -= row[j] * z


def as_basis(data: LowRank, fit: SparseFit, scale: float, one_sided: bool) -> SparseBasis:
    """Unit components with the standard deviation of their training weights, in mm; dead ones are left out.

    scale  what the data were divided by. A one-sided coefficient lies between rest and the largest training weight.
    """
    weights, components, _ = fit.factors
    flat = components.reshape(-1, weights.shape[1])
    moved = weights.std(axis=0) * np.linalg.norm(flat, axis=0)
    alive = np.flatnonzero(moved > np.finfo(np.float32).eps * moved.max())
    order, shares = _by_share(data, flat[:, alive])
    weights, components = weights[:, alive[order]], components[:, :, alive[order]]
    deviations = weights.std(axis=0)
    names = tuple(f"sparse_{k:02d}" for k in range(1, len(order) + 1))
    displacements = np.moveaxis(components, 2, 0) * (scale * deviations)[:, None, None]
    bounds = np.stack([np.zeros_like(deviations), 1 / deviations], axis=1) if one_sided else None
    return SparseBasis(basis_from_displacements(displacements, names, bounds), weights / deviations, shares, fit)


def _by_share(data: LowRank, flat: Float[np.ndarray, "d h"]) -> tuple[Int[np.ndarray, " h"], Float[np.ndarray, " h"]]:
    """The components' order and shares: next the one that most lowers the error of weights fitted anew.

    Both signs are allowed them, as to principal components, whose shares of variance this gives. The shares are those
    of the components orthogonalised in their order.
    """
    traces, gram = (data.right @ flat).astype(np.float64), flat.T @ flat
    lengths = np.diag(gram).copy()
    order: list[int] = []
    shares: list[float] = []
    while len(order) < len(gram):
        independent = np.diag(gram) > DEPENDENT * lengths
        gains = np.divide(np.square(traces).sum(axis=0), np.diag(gram), np.zeros(len(gram)), where=independent)
        gains[order] = -1
        best = int(gains.argmax())
        order.append(best)
        shares.append(gains[best] / data.energy)
        if gains[best] > 0:
            along = gram[best] / gram[best, best]
            traces, gram = traces - np.outer(traces[:, best], along), gram - np.outer(gram[best], along)
    return np.array(order, np.int64), np.array(shares)
