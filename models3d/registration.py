"""A raw scan brought to a template's topology: non-rigid ICP on a coarse template, then a fine fit of all its vertices.

The non-rigid ICP (Amberg, Romdhani and Vetter, "Optimal step nonrigid ICP algorithms for surface registration", 2007)
is menpo3d's. It solves for an affine motion a vertex, 15 s a step on 53,000 vertices and 1 s on a tenth of them; the
rest of the template follows the coarse one, and is then drawn to the scan against the stiffness of its edges.
"""

from functools import cached_property
from types import SimpleNamespace
from typing import NamedTuple

import menpo3d.correspond.nicp as nicp
import numpy as np
from jaxtyping import Bool, Float64
from menpo.shape import PointCloud, TriMesh
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from models3d.decimation import decimate
from models3d.errors import UnusableDatum
from models3d.face_model import FaceModel
from models3d.geodesics import edge_graph
from models3d.raster import rasterise, visible_vertices
from models3d.scan_model_fit import fitted_rest
from models3d.scans import FARTHEST_MM, Closest, Scan, ScanSurface

VIEWS_DEG = [(yaw, pitch) for yaw in (-80, -40, 0, 40, 80) for pitch in (-35, 0, 35)]
"""From where the outside of a template is looked at."""
VIEW_PX = 512
NEIGHBOURS = 8
"""Coarse vertices that one of the others follows."""
STIFFNESS = 1.0
"""Of an edge of the template, against 1 for the pull of the scan on a vertex, in the fine fit."""
HOLD = 1e-6
"""Of a piece of the template that nothing pulls at, in its place."""
FINE_ROUNDS = 3
NICP_STEPS = 8
"""Stiffnesses that menpo3d goes through by itself; the data's weights are wanted for each."""


class Registered(NamedTuple):
    """The template in the shape of a scan."""

    vertices: Float64[np.ndarray, "n 3"]
    closest: Closest
    """The points of the scan that the vertices lie nearest to."""
    matched: Bool[np.ndarray, " n"]
    """Vertices with a counterpart on the scan; the others follow them."""
    landmark_mm: float
    """Mean distance of the template's landmarks to the scan's."""

    @property
    def distances_mm(self) -> Float64[np.ndarray, " m"]:
        """Of the matched vertices to the scan."""
        return self.closest.distances_mm[self.matched]


class Template:
    """What registering needs of a topology, found once."""

    def __init__(self, model: FaceModel, coarse_triangles: int) -> None:
        """coarse_triangles  of the template that menpo3d registers"""
        self.model = model
        self.outside = outside(model)
        outer = model.triangles[self.outside[model.triangles].all(1)]
        self.coarse = decimate(model.mean_mm, outer, coarse_triangles)

    @cached_property
    def laplacian(self) -> sparse.csc_matrix:
        """Of the graph of edges, all of weight 1."""
        edges = edge_graph(self.model.mean_mm, self.model.triangles).tocoo()
        count = len(self.model.mean_mm)
        joined = sparse.coo_matrix((np.ones(edges.nnz), (edges.row, edges.col)), (count, count))
        joined = joined + joined.T
        return (sparse.diags(np.asarray(joined.sum(1)).ravel()) - joined).tocsc()


def outside(model: FaceModel) -> Bool[np.ndarray, " n"]:
    """Vertices of the skin: seen from somewhere around the face, on the piece of surface that most landmarks are on.

    What a scan never shows (teeth, tongue, the inside of the mouth, the backs of eyeballs) is left out.
    """
    mean = model.mean_mm.astype(np.float64) - model.mean_mm.mean(0)
    scale = VIEW_PX / (2 * np.linalg.norm(mean, axis=1).max())
    seen = np.zeros(len(mean), bool)
    for yaw, pitch in VIEWS_DEG:
        turned = Rotation.from_euler("yx", (yaw, pitch), degrees=True).apply(mean)
        points_px = turned[:, :2] * (scale, -scale) + VIEW_PX / 2
        depth = turned[:, 2].max() + 1 - turned[:, 2]
        raster = rasterise(points_px, depth, model.triangles, VIEW_PX, VIEW_PX)
        seen |= visible_vertices(points_px, depth, raster)
    pairs = model.triangles[seen[model.triangles].all(1)][:, [[0, 1], [1, 2]]].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), (len(mean), len(mean)))
    piece = connected_components(graph, directed=False)[1]
    return piece == np.bincount(piece[model.landmarks]).argmax()


def register(template: Template, scan: Scan) -> Registered:
    """The template in the shape of the scan, where the scan has one.

    Raises UnusableDatum if the landmarks coincide, or nothing of the scan is near the template.
    """
    model, surface = template.model, ScanSurface(scan)
    rest = fitted_rest(model, template.coarse, surface)
    coarse = rest[template.coarse.kept]
    found = surface.closest(coarse)
    pulled = ~surface.ends_before(coarse, found) & (found.distances_mm < FARTHEST_MM)
    if not pulled.any():
        raise UnusableDatum("no part of the scan lies near its landmarks")
    vertices = rest + _followed(template, rest, _coarse_motion(template, rest, scan, pulled))
    for _ in range(FINE_ROUNDS):
        closest, matched = _counterparts(template, surface, vertices)
        vertices = vertices + _drawn(template.laplacian, closest.points - vertices, matched)
    closest, matched = _counterparts(template, surface, vertices)
    if not matched.any():
        raise UnusableDatum("no vertex found a counterpart on the scan")
    landmark_mm = np.linalg.norm(vertices[model.landmarks] - scan.landmarks, axis=1).mean()
    return Registered(vertices, closest, matched, float(landmark_mm))


def _counterparts(
    template: Template, surface: ScanSurface, vertices: Float64[np.ndarray, "n 3"]
) -> tuple[Closest, Bool[np.ndarray, " n"]]:
    """The nearest point of the scan to every vertex, and which of these are counterparts."""
    closest = surface.closest(vertices)
    return closest, template.outside & surface.matches(vertices, template.model.triangles, closest)


def _coarse_motion(
    template: Template, rest: Float64[np.ndarray, "n 3"], scan: Scan, pulled: Bool[np.ndarray, " c"]
) -> Float64[np.ndarray, "c 3"]:
    """Displacements of the coarse template's vertices by menpo3d; the scan pulls at some of them."""
    source = TriMesh(rest[template.coarse.kept], template.coarse.triangles)
    target = TriMesh(scan.vertices, scan.triangles)
    source.landmarks["face"] = PointCloud(rest[template.model.landmarks])
    target.landmarks["face"] = PointCloud(scan.landmarks)
    weights = [pulled.astype(np.float64)] * NICP_STEPS
    moved = nicp.non_rigid_icp(source, target, landmark_group="face", data_weights=weights)
    return moved.points - source.points


def _followed(
    template: Template, rest: Float64[np.ndarray, "n 3"], motion: Float64[np.ndarray, "c 3"]
) -> Float64[np.ndarray, "n 3"]:
    """Displacements of all vertices: means of their nearest coarse ones, weighted by the inverse square distance."""
    distances, near = KDTree(rest[template.coarse.kept]).query(rest, NEIGHBOURS)
    weights = 1 / np.maximum(distances, 1e-6) ** 2
    return np.einsum("nk,nkc->nc", weights / weights.sum(1, keepdims=True), motion[near])


def _drawn(
    laplacian: sparse.csc_matrix, pull: Float64[np.ndarray, "n 3"], matched: Bool[np.ndarray, " n"]
) -> Float64[np.ndarray, "n 3"]:
    """argmin_d sum_matched |d_i - pull_i|^2 + STIFFNESS sum_edges |d_i - d_j|^2: smooth where the scan has holes."""
    system = sparse.diags(matched + HOLD) + STIFFNESS * laplacian
    return _factorised(system).solve(np.where(matched[:, None], pull, 0.0))


def _factorised(system: sparse.spmatrix) -> SuperLU:
    """LU factors of a symmetric positive definite matrix, without pivoting."""
    options = {"SymmetricMode": True}
    return splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)


def _least_squares(system: sparse.spmatrix, right: sparse.spmatrix) -> Float64[np.ndarray, "u c"]:
    return _factorised(system.T @ system).solve((system.T @ right).toarray())


# menpo3d 0.8.6 calls np.in1d, which NumPy 2.4 has no more; its solver without suitesparse takes 1.6 times as long as
# the one here, and warns at every step
nicp.np = SimpleNamespace(**vars(np), in1d=np.isin)
nicp.spsolve = _least_squares
