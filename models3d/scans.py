"""Raw scans: meshes without correspondence, asked for the point that is nearest to each of many points."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int32
from menpo.shape import TriMesh
from menpo3d.vtkutils import VTKClosestPointLocator, trimesh_to_vtk

from models3d.render import vertex_normals

FARTHEST_MM = 12.0
"""What lies farther from a vertex than this is not its counterpart."""
LEAST_COSINE = 0.7
"""Between the normals of a vertex and of its counterpart."""


class Scan(NamedTuple):
    """A mesh of any topology with the 68 landmarks on it, in mm."""

    vertices: Float64[np.ndarray, "s 3"]
    triangles: Int32[np.ndarray, "t 3"]
    landmarks: Float64[np.ndarray, "68 3"]


class Closest(NamedTuple):
    """The point of a scan that is nearest to each of n points."""

    points: Float64[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, " n"]
    """Where they lie."""
    distances_mm: Float64[np.ndarray, " n"]


class ScanSurface:
    """A scan prepared for such questions."""

    def __init__(self, scan: Scan) -> None:
        mesh = TriMesh(scan.vertices, scan.triangles)
        self.scan = scan
        self._locate = VTKClosestPointLocator(trimesh_to_vtk(mesh))
        self._normals = mesh.tri_normals()
        self._border = at_border(scan.triangles)

    def closest(self, points: Float64[np.ndarray, "n 3"]) -> Closest:
        """The nearest point of the surface to each."""
        found, triangles = self._locate(points)
        return Closest(found, triangles, np.linalg.norm(found - points, axis=1))

    def ends_before(self, points: Float64[np.ndarray, "n 3"], found: Closest) -> Bool[np.ndarray, " n"]:
        """Points beside the scan rather than above or below it: their nearest point is on its border."""
        height = np.abs(((points - found.points) * self._normals[found.triangles]).sum(1))
        return self._border[found.triangles] & (height < LEAST_COSINE * found.distances_mm)

    def matches(
        self, vertices: Float64[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"], found: Closest
    ) -> Bool[np.ndarray, " n"]:
        """Vertices of a mesh whose nearest point is near, faces the same way, and is not on the scan's border."""
        normals = vertex_normals(vertices.astype(np.float32), triangles)
        same_way = (normals * self._normals[found.triangles]).sum(1) > LEAST_COSINE
        return same_way & (found.distances_mm < FARTHEST_MM) & ~self._border[found.triangles]


def at_border(triangles: Int32[np.ndarray, "t 3"]) -> Bool[np.ndarray, " t"]:
    """Triangles with a corner on an edge that no second triangle has."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1).astype(np.int64)
    numbers, times = np.unique(edges @ [triangles.max() + 1, 1], return_counts=True)
    lonely = np.concatenate(np.divmod(numbers[times == 1], triangles.max() + 1))
    return np.any(np.isin(triangles, lonely), axis=1)


def at_closest(scan: Scan, found: Closest, values: Float[np.ndarray, "s c"]) -> Float64[np.ndarray, "n c"]:
    """Values on the scan's vertices, such as colours, at the nearest points."""
    corners = scan.triangles[found.triangles]
    weights = _barycentric(scan.vertices[corners], found.points)
    return np.einsum("nk,nkc->nc", weights, values[corners].astype(np.float64))


def _barycentric(
    corners: Float64[np.ndarray, "n 3 3"], points: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, "n 3"]:
    """Weights of the corners of triangles at points in them; a triangle without area counts by its first corner."""
    u, v, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv, pu, pv = ((a * b).sum(1) for a, b in ((u, u), (u, v), (v, v), (p, u), (p, v)))
    area = uu * vv - uv**2
    scale = np.divide(1, area, out=np.zeros_like(area), where=area > 0)
    second, third = (vv * pu - uv * pv) * scale, (uu * pv - uv * pu) * scale
    return np.clip(np.stack([1 - second - third, second, third], axis=1), 0, 1)
