"""Coefficients of meshes in correspondence with a model: p = U'(S - mean), and what it needs to be true.

The literal formula holds for an orthonormal U, a person without a shape of their own, and a head that keeps
still. Otherwise (`neutral`, `joint`) basis and head motion are solved together, by least squares over

    min over A, t, c of sum_v |A S_v + t - mean_v - (U c)_v|^2,   A = s R or R.

Given A, that is linear. So A is found first on a few thousand vertices, with t and c eliminated; there the
problem is a quadratic form in A's nine numbers, which a few Gauss-Newton steps on rotation and scale solve.
Then one product with all vertices gives c, with the motion that is still left over among the unknowns. A mesh
costs two passes over its vertices and 2 k 3n operations; a batch of 64 keeps the processor busy.
"""

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Float64
from numba import njit
from scipy.spatial.transform import Rotation

from models3d.errors import InputError
from models3d.face_model import Basis
from models3d.rigid import apply, from_moments, similarity

ORTHONORMAL = 1e-4
"""Largest entry of U U' - 1 that the literal formula is allowed."""
INDEPENDENT = 1e-6
"""Smallest eigenvalue of the unit rows' Gram matrix for which float32 differences still tell them apart."""
POSE_VERTICES = 1000
"""Vertices from which the head's motion is first found; what they miss, the last product makes up for."""
START_VERTICES = 200
POSE_STEPS, POSE_TOLERANCE = 20, 1e-7
GENERATORS = np.stack([np.cross(axis, np.eye(3)).T for axis in np.eye(3)] + [np.eye(3)])
"""Rotations about x, y, z and scaling, as matrices that act on a point."""


@dataclass(frozen=True, eq=False)
class Pose:
    """Finds the motion that brings meshes to the mean, up to what the components can do, on every `step`-th vertex.

    mean    those vertices of the mean
    hidden  orthonormal rows that span what components and translation do to them
    motions GENERATORS without scaling if the scale is to stay 1
    """

    step: int
    mean: Float64[np.ndarray, "s 3"]
    hidden: Float64[np.ndarray, "j s 3"]
    motions: Float64[np.ndarray, "g 3 3"]


@dataclass(frozen=True, eq=False)
class Components:
    """Rows of one or more bases, and what all projectors on them share."""

    rows: Float32[np.ndarray, "k d"]
    """Unit vectors."""
    exact: Float64[np.ndarray, "k d"]
    gram: Float64[np.ndarray, "k k"]
    sigmas_mm: Float64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Projector:
    """All of a projection that does not depend on the mesh.

    motions   unit vectors, infinitesimal motions of the head; none for `literal`
    gram      products of the components and motions with one another
    solution  what turns products with S - mean into multiples of them: the inverse of gram, 1 for `literal`
    """

    mean_mm: Float32[np.ndarray, "n 3"]
    components: "Components"
    motions: Float32[np.ndarray, "g d"]
    gram: Float64[np.ndarray, "j j"]
    solution: Float64[np.ndarray, "j j"]
    pose: Pose | None
    """None where a plain Procrustes alignment is wanted."""
    scaled: bool


class Projections(NamedTuple):
    coefficients: Float64[np.ndarray, "b k"]
    """In standard deviations, in the order of the projector's components."""
    residual_mm: Float64[np.ndarray, " b"]
    """Root mean square, over the vertices, of the distance to the model's surface point. Below a thousandth
    of the mesh's distance to the mean it is float32's rounding."""


def literal(mean_mm: Float32[np.ndarray, "n 3"], basis: Basis, scaled: bool) -> Projector:
    """p = U'(S - mean) as printed, after a Procrustes alignment to the mean.

    scaled  whether the alignment may change the mesh's size
    Raises InputError if the basis is not orthonormal to ORTHONORMAL: the formula would be wrong.
    """
    found = components(basis)
    worst = float(np.abs(found.gram - np.eye(len(basis))).max())
    if worst > ORTHONORMAL:
        problem = f"its components are not orthonormal (U U' - 1 reaches {worst:.2g}), so U'(S - mean) is wrong"
        raise InputError("literal projection", problem, "use 'neutral' or 'joint', which solve for the coefficients")
    return Projector(mean_mm, found, found.rows[:0], found.gram, np.eye(len(basis)), None, scaled)


def neutral(
    mean_mm: Float32[np.ndarray, "n 3"],
    expression: Components,
    neutral_mm: Float32[np.ndarray, "n 3"],
    scaled: bool,
) -> Projector:
    """Least squares over the expression on the difference to the subject's own neutral mesh.

    expression  `components` of its basis, which the projectors of all neutral meshes share
    neutral_mm  in any pose: it is aligned to the mean first. The same checks as in `joint`.
    """
    aligned = apply(similarity(neutral_mm, mean_mm, scaled), neutral_mm).astype(np.float32)
    return _least_squares(aligned, expression, scaled)


def joint(mean_mm: Float32[np.ndarray, "n 3"], identity: Basis, expression: Basis, scaled: bool) -> Projector:
    """Least squares over identity and expression together; identity's coefficients come first.

    Raises InputError if components, or components and the head's motion, cannot be told apart.
    """
    return _least_squares(mean_mm, components(identity, expression), scaled)


def components(*bases: Basis) -> Components:
    """The components of the bases, one basis after the other."""
    rows = np.concatenate([basis.components.reshape(len(basis), -1) for basis in bases])
    exact = rows.astype(np.float64)
    sigmas = np.concatenate([basis.sigmas_mm for basis in bases]).astype(np.float64)
    return Components(rows, exact, exact @ exact.T, sigmas)


def project(projector: Projector, meshes_mm: Float32[np.ndarray, "b n 3"]) -> Projections:
    """Coefficients and residual of each mesh of a batch, wherever its head is.

    meshes_mm  finite, in correspondence with the mean; a memory map is read once
    Raises UnusableDatum if a mesh's vertices all coincide.
    """
    linear, shift = _procrustes(projector, meshes_mm) if projector.pose is None else _motions(projector.pose, meshes_mm)
    differences = np.empty(meshes_mm.shape, np.float32)
    squares = _differences(meshes_mm, linear, shift, projector.mean_mm, differences)
    flat = differences.reshape(len(meshes_mm), -1)
    rows = projector.components.rows, projector.motions
    products = np.concatenate([flat @ part.T for part in rows], axis=1).astype(np.float64)
    multiples = products @ projector.solution
    left_over = squares - np.sum(multiples * (2 * products - multiples @ projector.gram), axis=1)
    sigmas_mm = projector.components.sigmas_mm
    residual_mm = np.sqrt(np.maximum(left_over, 0) / len(projector.mean_mm))
    return Projections(multiples[:, : len(sigmas_mm)] / sigmas_mm, residual_mm)


def _least_squares(mean_mm: Float32[np.ndarray, "n 3"], found: Components, scaled: bool) -> Projector:
    motions = np.concatenate([_turning(mean_mm, scaled), _shifting(len(mean_mm))]).reshape(-1, mean_mm.size)
    motions /= np.linalg.norm(motions, axis=1, keepdims=True)
    across = found.exact @ motions.T
    gram = np.block([[found.gram, across], [across.T, motions @ motions.T]])
    smallest = float(np.linalg.eigvalsh(gram)[0])
    if smallest < INDEPENDENT:
        problem = f"components and head motion do almost the same (smallest eigenvalue {smallest:.2g})"
        raise InputError(
            "least-squares projection",
            problem,
            "leave out doubled components; keep the scale where identity holds size",
        )
    pose = _pose(mean_mm, found.rows, max(1, len(mean_mm) // POSE_VERTICES), scaled)
    return Projector(mean_mm, found, motions.astype(np.float32), gram, np.linalg.inv(gram), pose, scaled)


def _turning(points: Float[np.ndarray, "n 3"], scaled: bool) -> Float64[np.ndarray, "g n 3"]:
    """How the points start to move under each of GENERATORS, about their centroid."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    return np.einsum("gab,nb->gna", GENERATORS if scaled else GENERATORS[:3], centred)


def _shifting(count: int) -> Float64[np.ndarray, "3 n 3"]:
    return np.broadcast_to(np.eye(3)[:, None], (3, count, 3)).astype(np.float64)


def _pose(mean_mm: Float32[np.ndarray, "n 3"], components: np.ndarray, step: int, scaled: bool) -> Pose:
    mean = mean_mm[::step].astype(np.float64)
    seen = components.reshape(-1, *mean_mm.shape)[:, ::step].astype(np.float64)
    moves = np.concatenate([seen, _shifting(len(mean))]).reshape(-1, mean.size)
    lengths = np.linalg.norm(moves, axis=1, keepdims=True)
    moves = moves[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]  # a component that no such vertex shows hides nothing
    eigenvalues, directions = np.linalg.eigh(moves @ moves.T)
    independent = eigenvalues > INDEPENDENT
    hidden = (directions[:, independent] / np.sqrt(eigenvalues[independent])).T @ moves
    return Pose(step, mean, hidden.reshape(-1, len(mean), 3), GENERATORS if scaled else GENERATORS[:3])


def _procrustes(
    projector: Projector, meshes: Float32[np.ndarray, "b n 3"]
) -> tuple[Float64[np.ndarray, "b 3 3"], Float64[np.ndarray, "b 3"]]:
    """A and t of each mesh: min over A = s R, t of |A S + t - mean|^2, from sums over the vertices as they lie."""
    target = projector.mean_mm.mean(axis=0, dtype=np.float64)
    covariance, variance, centroids = _moments(meshes, projector.mean_mm - target)
    motion = from_moments(covariance, variance, centroids, np.broadcast_to(target, centroids.shape), projector.scaled)
    return motion.scale[:, None, None] * motion.rotation, motion.translation


def _motions(
    pose: Pose, meshes: Float32[np.ndarray, "b n 3"]
) -> tuple[Float64[np.ndarray, "b 3 3"], Float64[np.ndarray, "b 3"]]:
    """A and t of each mesh: min over A = s R of |A S - mean|^2 - |hidden (A S - mean)|^2, t joining the centroids."""
    points = np.ascontiguousarray(meshes[:, :: pose.step]).astype(np.float64)
    centroids = points.mean(axis=1)
    points -= centroids[:, None]
    quadratic, wanted = _form(pose, points)
    few = max(1, len(pose.mean) // START_VERTICES)
    start = similarity(points[:, ::few], pose.mean[::few], scaled=len(pose.motions) > 3)
    linear = start.scale[:, None, None] * start.rotation
    for _ in range(POSE_STEPS):
        ways = (pose.motions @ linear[:, None]).reshape(len(points), len(pose.motions), 9)
        slope = np.einsum("bgi,bi->bg", ways, np.einsum("bij,bj->bi", quadratic, linear.reshape(-1, 9)) - wanted)
        bend = ways @ quadratic @ np.swapaxes(ways, 1, 2)
        step = -np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        linear = Rotation.from_rotvec(step[:, :3]).as_matrix() @ linear
        if step.shape[1] > 3:
            linear *= np.exp(step[:, 3])[:, None, None]
        if np.abs(step).max() < POSE_TOLERANCE:
            break
    return linear, pose.mean.mean(axis=0) - (linear @ centroids[:, :, None])[:, :, 0]


def _form(
    pose: Pose, points: Float64[np.ndarray, "b s 3"]
) -> tuple[Float64[np.ndarray, "b 9 9"], Float64[np.ndarray, "b 9"]]:
    """Q and q of |A S - mean|^2 - |hidden (A S - mean)|^2 = a'Q a - 2 q'a + constant, a being A row by row."""
    fields = np.concatenate([pose.hidden, pose.mean[None]]).transpose(0, 2, 1)  # (j + 1, 3, s)
    moments = np.einsum("jas,bsc->bjac", fields, points, optimize=True).reshape(len(points), -1, 9)
    seen, with_mean = moments[:, :-1], moments[:, -1]
    spread = np.swapaxes(points, 1, 2) @ points
    quadratic = np.einsum("ac,bij->baicj", np.eye(3), spread).reshape(-1, 9, 9) - np.swapaxes(seen, 1, 2) @ seen
    return quadratic, with_mean - np.einsum("bji,j->bi", seen, np.tensordot(pose.hidden, pose.mean, 2))


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _moments(meshes, target):
    """Of each mesh: sum of target_v S_v' and of |S_v|^2 about its centroid, and the centroid; `target` is centred."""
    covariance, variance = np.zeros((len(meshes), 3, 3)), np.zeros(len(meshes))
    centroids = np.zeros((len(meshes), 3))
    for b in range(len(meshes)):
        mesh = meshes[b]
        for v in range(len(target)):
            squared = 0.0
            for axis in range(3):
                # about the first vertex, or a mesh far from the origin loses its digits
                x = np.float64(mesh[v, axis]) - mesh[0, axis]
                centroids[b, axis] += x
                squared += x * x
                for other in range(3):
                    covariance[b, other, axis] += target[v, other] * x
            variance[b] += squared
        centroids[b] /= len(target)
        variance[b] -= len(target) * np.sum(centroids[b] ** 2)
        centroids[b] += mesh[0]
    return covariance, variance, centroids


@njit(cache=True, nogil=True)
@no_type_check
def _differences(meshes, linear, shift, mean, out):
    """A S + t - mean of each mesh into `out`, and the sums of their squares."""
    squares = np.zeros(len(meshes))
    for b in range(len(meshes)):
        (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = linear[b]
        tx, ty, tz = shift[b]
        for v in range(len(mean)):
            x, y, z = meshes[b, v]
            dx = xx * x + xy * y + xz * z + tx - mean[v, 0]
            dy = yx * x + yy * y + yz * z + ty - mean[v, 1]
            dz = zx * x + zy * y + zz * z + tz - mean[v, 2]
            out[b, v, 0], out[b, v, 1], out[b, v, 2] = dx, dy, dz
            squares[b] += dx * dx + dy * dy + dz * dz
    return squares
