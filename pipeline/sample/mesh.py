"""Fields on a triangle mesh: its borders, harmonic weights, and smooth bells around vertices."""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int32
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from models3d.render import vertex_normals

BELL_STEPS = 3
"""Implicit steps of diffusion; one alone has a spike at its source."""


def border_loops(triangles: Int32[np.ndarray, "t 3"]) -> list[Int[np.ndarray, " _"]]:
    """Border loops as vertex ids in order, the longest first; inside lies on an edge's left."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    count = int(triangles.max()) + 1
    forth, back = edges[:, 0] * count + edges[:, 1], np.sort(edges[:, 1] * count + edges[:, 0])
    found = np.minimum(np.searchsorted(back, forth), len(back) - 1)
    border = edges[back[found] != forth]
    following = dict(border[np.argsort(border[:, 0])].tolist())
    loops = []
    while following:
        vertex = next(iter(following))
        loop = []
        while vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)


class Manifold:
    """A mesh with its cotangent stiffness and lumped mass, for the fields below (Pinkall and Polthier 1993)."""

    def __init__(self, vertices: Float[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"]) -> None:
        self.vertices = np.asarray(vertices, np.float64)
        self.triangles = triangles
        self.stiffness, self.mass = _stiffness_and_mass(self.vertices, triangles)
        self.normals = _normals(self.vertices, triangles)
        self._step = lru_cache(maxsize=None)(self._factorised_step)

    def harmonic(self, fixed: Int[np.ndarray, " f"], values: Float[np.ndarray, "f c"]) -> Float64[np.ndarray, "n c"]:
        """Fields that are `values` on the `fixed` vertices and harmonic elsewhere: no extremum in between."""
        free = np.setdiff1d(np.arange(len(self.vertices)), fixed)
        field = np.zeros((len(self.vertices), values.shape[1]))
        field[fixed] = values
        rows = self.stiffness[free]
        field[free] = _factorised(rows[:, free]).solve(-(rows[:, fixed] @ field[fixed]))
        return field

    def diffuse(self, field: Float[np.ndarray, "n c"], radius_mm: float) -> Float64[np.ndarray, "n c"]:
        """The field smoothed over the surface, as by a Gaussian of this standard deviation."""
        step = self._step(float(radius_mm))
        for _ in range(BELL_STEPS):
            field = step.solve(self.mass[:, None] * field)
        return field

    def bells(self, centres: Int[np.ndarray, " k"], radius_mm: float) -> Float64[np.ndarray, "n k"]:
        """A smooth bump at each centre, 1 at its peak; along the surface, so it does not leap from lip to lip."""
        peaks = np.zeros((len(self.vertices), len(centres)))
        peaks[centres, np.arange(len(centres))] = 1 / self.mass[centres]
        spread = self.diffuse(peaks, radius_mm)
        return spread / spread.max(0)

    def _factorised_step(self, radius_mm: float) -> SuperLU:
        """(M + t S) of one implicit step; m steps of t have the variance 2 m t along each axis."""
        step = radius_mm**2 / (2 * BELL_STEPS)
        return _factorised(sparse.diags(self.mass) + step * self.stiffness)


def _factorised(matrix: sparse.spmatrix) -> SuperLU:
    """Of a symmetric positive definite matrix: this ordering keeps a third of the default's entries."""
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    return splu(matrix.tocsc(), **symmetric)


def _stiffness_and_mass(vertices: np.ndarray, triangles: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    count = len(vertices)
    rows, columns, weights = [], [], []
    mass = np.zeros(count)
    for corner in range(3):
        at, left, right = (triangles[:, (corner + turn) % 3] for turn in range(3))
        u, v = vertices[left] - vertices[at], vertices[right] - vertices[at]
        double_area = np.maximum(np.linalg.norm(np.cross(u, v), axis=1), 1e-9)
        # clipped, so that a harmonic field has no extrema at obtuse triangles
        half_cotangent = np.clip((u * v).sum(1) / double_area, 0.02, 20) / 2
        rows += [left, right]
        columns += [right, left]
        weights += [half_cotangent, half_cotangent]
        mass += np.bincount(at, double_area / 6, minlength=count)
    adjacency = sparse.csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), (count, count)
    )
    degree = np.asarray(adjacency.sum(1)).ravel()
    return (sparse.diags(degree) - adjacency).tocsr(), mass


def _normals(vertices: Float64[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"]) -> Float64[np.ndarray, "n 3"]:
    return vertex_normals(vertices.astype(np.float32), triangles).astype(np.float64)


def upper_and_lower(
    loop: Int[np.ndarray, " b"], vertices: Float[np.ndarray, "n 3"]
) -> tuple[Int[np.ndarray, " u"], Int[np.ndarray, " l"]]:
    """The two chains of a loop between its vertices farthest left and right, both ends in each; the higher first."""
    turned = np.roll(loop, -int(vertices[loop, 0].argmin()))
    cut = int(vertices[turned, 0].argmax())
    chains = turned[: cut + 1], np.append(turned[cut:], turned[0])
    first, second = sorted(chains, key=lambda chain: -vertices[chain, 1].mean())
    return first, second


def nearest(points: Float[np.ndarray, "n 3"], targets: Float[np.ndarray, "k 3"], among: Bool[np.ndarray, " n"]):
    """Ids of the points nearest to the targets among those allowed."""
    ids = np.flatnonzero(among)
    distances = np.linalg.norm(points[ids][None] - targets[:, None], axis=2)
    return ids[distances.argmin(1)]


def grid_triangles(rows: int, columns: int) -> Int32[np.ndarray, "t 3"]:
    """Triangles of a grid of vertices, counter-clockwise when its rows run down and its columns to the right."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
