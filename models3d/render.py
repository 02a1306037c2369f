"""Pictures of a face: shaded vertices through the z-buffer, supersampled, over a background.

`render_photo` does it all; its steps, `shadows`, `shade`, `draw` and `over`, stand alone as well. Light adds up
linearly, so albedo and radiance are linear RGB, 1 being the white of the picture; `to_srgb` encodes them for a file.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8
from numba import njit

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.raster import BACKGROUND, rasterise

IRRADIANCE = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5)
"""What a diffuse surface keeps of each order of spherical harmonics (Ramamoorthi and Hanrahan 2001)."""

_HARMONIC_SCALES = np.sqrt(np.array([1, 3, 3, 3, 15, 15, 5 / 4, 15, 15 / 4]) / (4 * np.pi))


class Surface(NamedTuple):
    """What light meets at each vertex."""

    albedo: Float32[np.ndarray, "n 3"]
    """Linear RGB, 0 to 1."""
    gloss: Float32[np.ndarray, " n"]
    """Strength of the highlight: 0.02 to 0.1 on skin, near 1 on a wet eye."""
    shininess: Float32[np.ndarray, " n"]
    """Blinn-Phong exponent: about 12 on skin, hundreds on an eye."""


class Lighting(NamedTuple):
    """Light from all around (second-order spherical harmonics) and from k distant lamps, in the camera's axes."""

    ambient: Float[np.ndarray, "9 3"]
    """Spherical-harmonic coefficients of incoming radiance, in the order of `harmonics`."""
    directions: Float[np.ndarray, "k 3"]
    """Unit vectors TO the lamps; one behind the camera has negative z."""
    colours: Float[np.ndarray, "k 3"]
    """Irradiance over pi that each lamp gives a surface facing it."""


def to_linear(srgb: UInt8[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Linear light of 8-bit sRGB values (IEC 61966-2-1)."""
    encoded = np.arange(256) / 255
    table = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return table.astype(np.float32)[srgb]


def to_srgb(linear: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """8-bit sRGB of linear light, clipped to [0, 1]: inverse of `to_linear`."""
    clipped = np.clip(linear, 0, 1)
    encoded = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


def vertex_normals(
    vertices: Float32[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"]
) -> Float32[np.ndarray, "n 3"]:
    """Unit normals, each the sum of its triangles' (weighted by area); zero where a vertex has none."""
    normals = np.zeros_like(vertices)
    _add_normals(vertices, triangles, normals)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(lengths > 0, lengths, 1)


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _add_normals(vertices, triangles, normals):
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        ux, uy, uz = (vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2])
        vx, vy, vz = (vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2])
        for corner in (a, b, c):
            normals[corner, 0] += uy * vz - uz * vy
            normals[corner, 1] += uz * vx - ux * vz
            normals[corner, 2] += ux * vy - uy * vx


def harmonics(directions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 9"]:
    """The real spherical harmonics of order 0, 1 and 2 at unit vectors: 1; y, z, x; xy, yz, 3zz-1, xz, xx-yy."""
    x, y, z = directions.T
    values = [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return np.stack(values, axis=1) * _HARMONIC_SCALES.astype(directions.dtype)


def shade(
    points_mm: Float32[np.ndarray, "n 3"],
    normals: Float32[np.ndarray, "n 3"],
    surface: Surface,
    lighting: Lighting,
    lit: Float32[np.ndarray, "k n"],
) -> Float32[np.ndarray, "n 3"]:
    """Radiance towards the camera: Lambert under all lights, Blinn-Phong highlights of the lamps.

    points_mm, normals  in the camera's frame
    lit                 the share of each lamp that reaches each vertex (`shadows`)
    """
    irradiance = harmonics(normals) @ (IRRADIANCE[:, None] * lighting.ambient / np.pi).astype(np.float32)
    diffuse, specular = np.maximum(irradiance, 0), np.zeros_like(points_mm)
    view = points_mm / -np.sqrt(np.einsum("nd,nd->n", points_mm, points_mm))[:, None]
    lamps = lighting.directions.astype(np.float32), lighting.colours.astype(np.float32), lit
    for direction, colour, reaches in zip(*lamps, strict=True):
        facing = np.maximum(normals @ direction, 0) * reaches
        half = view + direction
        cosine = np.einsum("nd,nd->n", normals, half) / np.sqrt(np.einsum("nd,nd->n", half, half))
        highlight = np.maximum(cosine, 0) ** surface.shininess * surface.gloss * np.sqrt(facing)
        diffuse += facing[:, None] * colour
        specular += highlight[:, None] * colour
    return surface.albedo * diffuse + specular


def shadows(
    points_mm: Float32[np.ndarray, "n 3"],
    triangles: Int32[np.ndarray, "t 3"],
    direction: Float[np.ndarray, "3"],
    size_px: int = 192,
    bias_mm: float = 3.0,
) -> Float32[np.ndarray, " n"]:
    """Share of a distant lamp's light that reaches each vertex, the lamp lying in `direction`.

    The mesh is drawn as the lamp sees it (orthographic, size_px cells across); a vertex that lies deeper there
    by more than bias_mm is in shadow (Williams 1978; softened over 5 x 5 cells as Reeves et al. 1987).
    """
    right = np.cross(np.eye(3)[np.abs(direction).argmin()], -direction)
    right /= np.linalg.norm(right)
    seen = points_mm @ np.stack([right, np.cross(-direction, right), -direction], axis=1).astype(np.float32)
    low, high = seen.min(0), seen.max(0)
    cell_mm = (high - low)[:2].max() / (size_px - 4)
    points_px = (seen[:, :2] - low[:2]) / cell_mm + 2
    depth = seen[:, 2] - low[2] + 1
    raster = rasterise(points_px, depth, triangles, size_px, size_px)
    return _share_lit(raster.depth_mm, points_px, depth - bias_mm)


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _share_lit(depth_map, points_px, depth):
    """Percentage-closer filter: the mean, over 5 x 5 cells around each point, of 'not behind the cell'."""
    share = np.empty(len(depth), np.float32)
    for v in range(len(depth)):
        column, row = int(points_px[v, 0]), int(points_px[v, 1])
        count = 0
        for y in range(row - 2, row + 3):
            for x in range(column - 2, column + 3):
                hidden = 0 <= y < depth_map.shape[0] and 0 <= x < depth_map.shape[1] and depth_map[y, x] < depth[v]
                count += 0 if hidden else 1
        share[v] = count / 25
    return share


class Picture(NamedTuple):
    """A mesh drawn without its background."""

    radiance: Float32[np.ndarray, "h w 3"]
    """Linear RGB, averaged over the pixel's samples; those beside the mesh count as black."""
    coverage: Float32[np.ndarray, "h w"]
    """Share of the pixel that the mesh covers, 0 to 1."""


def draw(
    points_mm: Float32[np.ndarray, "n 3"],
    triangles: Int32[np.ndarray, "t 3"],
    radiance: Float32[np.ndarray, "n 3"],
    camera: Camera,
    height: int,
    width: int,
    supersampling: int = 2,
) -> Picture:
    """Draw shaded vertices, given in the camera's frame, with supersampling ** 2 samples a pixel."""
    points_px = camera_to_pixel(camera, points_mm) * supersampling
    raster = rasterise(points_px, points_mm[:, 2], triangles, height * supersampling, width * supersampling)
    colours = np.zeros((height, width, 3), np.float32)
    coverage = np.zeros((height, width), np.float32)
    _resolve(raster.triangle, raster.weights, triangles, radiance, supersampling, colours, coverage)
    return Picture(colours, coverage)


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _resolve(triangle, weights, triangles, radiance, supersampling, colours, coverage):
    share = np.float32(1 / supersampling**2)
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            t = triangle[y, x]
            if t == BACKGROUND:
                continue
            row, column = y // supersampling, x // supersampling
            coverage[row, column] += share
            for corner in range(3):
                weight = weights[y, x, corner] * share
                vertex = triangles[t, corner]
                for channel in range(3):
                    colours[row, column, channel] += weight * radiance[vertex, channel]


def over(picture: Picture, background: Float[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """The picture in front of a background of linear RGB."""
    return (picture.radiance + (1 - picture.coverage[..., None]) * background).astype(np.float32)


def render_photo(
    vertices_mm: Float32[np.ndarray, "n 3"],
    triangles: Int32[np.ndarray, "t 3"],
    surface: Surface,
    lighting: Lighting,
    camera: Camera,
    background: Float[np.ndarray, "h w 3"],
    supersampling: int = 2,
) -> Float32[np.ndarray, "h w 3"]:
    """Linear RGB of a mesh in the head's frame, lit and with the shadows it casts on itself, over a background."""
    points = head_to_camera(camera, vertices_mm)
    normals = vertex_normals(points, triangles)
    lit = [shadows(points, triangles, direction) for direction in lighting.directions]
    share = np.stack(lit) if lit else np.zeros((0, len(points)), np.float32)
    radiance = shade(points, normals, surface, lighting, share)
    height, width = background.shape[:2]
    return over(draw(points, triangles, radiance, camera, height, width, supersampling), background)
