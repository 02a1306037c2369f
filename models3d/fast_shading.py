"""Shading of vertices and composition of pictures, one compiled pass each: `render` in less time and generality."""

from typing import no_type_check

import numpy as np
from numba import njit

from models3d.raster import BACKGROUND
from models3d.render import _HARMONIC_SCALES

SCALES = _HARMONIC_SCALES.astype(np.float32)


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def shade_vertices(points, normals, albedo, gloss, shininess, ambient, directions, colours, lit):
    """Radiance (n, 3) towards the camera, as `render.shade`; `ambient` is irradiance over pi already."""
    radiance = np.empty_like(albedo)
    for v in range(len(points)):
        x, y, z = normals[v]
        if x * points[v, 0] + y * points[v, 1] + z * points[v, 2] > 0.0:  # seen from behind, if at all
            radiance[v] = 0
            continue
        one = np.float32(1)
        basis = (one, y, z, x, x * y, y * z, np.float32(3) * z * z - one, x * z, x * x - y * y)
        red = green = blue = np.float32(0)
        for k in range(9):
            value = basis[k] * SCALES[k]
            red += value * ambient[k, 0]
            green += value * ambient[k, 1]
            blue += value * ambient[k, 2]
        red, green, blue = max(red, 0), max(green, 0), max(blue, 0)
        distance = -1 / np.sqrt(points[v, 0] ** 2 + points[v, 1] ** 2 + points[v, 2] ** 2)
        sheen_red = sheen_green = sheen_blue = np.float32(0)
        for lamp in range(len(directions)):
            dx, dy, dz = directions[lamp]
            facing = (x * dx + y * dy + z * dz) * lit[lamp, v]
            if facing <= 0:
                continue
            hx, hy, hz = points[v, 0] * distance + dx, points[v, 1] * distance + dy, points[v, 2] * distance + dz
            cosine = (x * hx + y * hy + z * hz) / np.sqrt(hx * hx + hy * hy + hz * hz)
            shine = max(cosine, 0) ** shininess[v] * gloss[v] * np.sqrt(facing)
            red += facing * colours[lamp, 0]
            green += facing * colours[lamp, 1]
            blue += facing * colours[lamp, 2]
            sheen_red += shine * colours[lamp, 0]
            sheen_green += shine * colours[lamp, 1]
            sheen_blue += shine * colours[lamp, 2]
        radiance[v, 0] = albedo[v, 0] * red + sheen_red
        radiance[v, 1] = albedo[v, 1] * green + sheen_green
        radiance[v, 2] = albedo[v, 2] * blue + sheen_blue
    return radiance


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def compose(triangle, weights, triangles, radiance, picture):
    """Draw a supersampled raster over a picture (h, w, 3), in place."""
    factor = triangle.shape[0] // picture.shape[0]
    share = np.float32(1 / factor**2)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            red = green = blue = covered = np.float32(0)
            for y in range(row * factor, (row + 1) * factor):
                for x in range(column * factor, (column + 1) * factor):
                    t = triangle[y, x]
                    if t == BACKGROUND:
                        continue
                    covered += share
                    for corner in range(3):
                        weight = weights[y, x, corner] * share
                        vertex = triangles[t, corner]
                        red += weight * radiance[vertex, 0]
                        green += weight * radiance[vertex, 1]
                        blue += weight * radiance[vertex, 2]
            rest = np.float32(1) - covered
            picture[row, column, 0] = picture[row, column, 0] * rest + red
            picture[row, column, 1] = picture[row, column, 1] * rest + green
            picture[row, column, 2] = picture[row, column, 2] * rest + blue
