"""The z-buffer: which triangle each pixel sees, and where in it. One thread a frame."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int32
from numba import njit

BACKGROUND = -1


class Raster(NamedTuple):
    """What each pixel's centre sees."""

    triangle: Int32[np.ndarray, "h w"]
    """Index into the triangles, or BACKGROUND."""
    weights: Float32[np.ndarray, "h w 3"]
    """Perspective-correct barycentric weights of the triangle's corners; zero on the background."""
    depth_mm: Float32[np.ndarray, "h w"]
    """Distance along the camera's axis; infinity on the background."""


def rasterise(
    points_px: Float[np.ndarray, "n 2"],
    depth_mm: Float[np.ndarray, " n"],
    triangles: Int32[np.ndarray, "t 3"],
    height: int,
    width: int,
) -> Raster:
    """Draw the triangles that face the camera; nearer ones win, equal depths go to the lower index.

    points_px  projected vertices (pixel centres at half-integers); depth_mm their camera z. Triangles
    that reach behind the camera (z <= 0) or hold a number that is not finite are left out.
    """
    triangle = np.full((height, width), BACKGROUND, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    _draw(
        np.ascontiguousarray(points_px, np.float32),
        np.ascontiguousarray(depth_mm, np.float32),
        triangles,
        triangle,
        weights,
        depth,
    )
    return Raster(triangle, weights, depth)


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _draw(points, depth_in, triangles, triangle, weights, depth):
    height, width = triangle.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        za, zb, zc = depth_in[a], depth_in[b], depth_in[c]
        if not (za > 0 and zb > 0 and zc > 0):
            continue
        ax, ay = points[a]
        bx, by = points[b]
        cx, cy = points[c]
        # y runs down in the image, so a face seen from outside has negative area here
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not area < 0:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                wc = 1 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                # weights of the plane in space, not of its picture
                ia, ib, ic = wa / za, wb / zb, wc / zc
                z = 1 / (ia + ib + ic)
                if z < depth[y, x]:
                    depth[y, x] = z
                    triangle[y, x] = t
                    weights[y, x, 0] = ia * z
                    weights[y, x, 1] = ib * z
                    weights[y, x, 2] = ic * z


def interpolate(
    raster: Raster, triangles: Int32[np.ndarray, "t 3"], attributes: Float[np.ndarray, "n c"]
) -> Float32[np.ndarray, "h w c"]:
    """Vertex attributes at every pixel; zero on the background."""
    corners = attributes[triangles[raster.triangle]].astype(np.float32)  # (h, w, 3, c)
    return np.einsum("hwk,hwkc->hwc", raster.weights, corners)


def visible_vertices(
    points_px: Float[np.ndarray, "n 2"],
    depth_mm: Float[np.ndarray, " n"],
    raster: Raster,
    tolerance_mm: float = 2.0,
) -> np.ndarray:
    """Mask (n,) of the vertices inside the picture that the z-buffer does not hide."""
    height, width = raster.triangle.shape
    column = np.floor(points_px[:, 0]).astype(np.int64)
    row = np.floor(points_px[:, 1]).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (depth_mm > 0)
    seen = np.zeros(len(points_px), bool)
    seen[inside] = depth_mm[inside] <= raster.depth_mm[row[inside], column[inside]] + tolerance_mm
    return seen
