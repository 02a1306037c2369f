"""A photo of a face pulled flat: what the fitted surface shows, on a cylinder around the axis between the ears.

Every face lies in it at the same place, whatever its pose, size and (as far as the fit goes) shape, so that what is
left to see is how far the fit is off.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit

from models3d.camera import Camera, head_to_camera

CHANNELS = 4
"""Red, green, blue as the photo has them, and how squarely the camera sees the surface (0: edge-on, or not at all)."""
FINEST_PX_PER_MM = 1.05
"""A photo that shows more than this is averaged down to it."""


class Unwrap(NamedTuple):
    """The surface's points under the texels, and how the model moves them."""

    mean_mm: Float32[np.ndarray, "h w 3"]
    modes_mm: Float32[np.ndarray, "k m"]
    """Identity, then expression: displacement of all texels' coordinates for one standard deviation."""


def unwrap(
    surface: Unwrap, coefficients: Float32[np.ndarray, " k"], camera: Camera, image: UInt8[np.ndarray, "rows columns 3"]
) -> UInt8[np.ndarray, "h w 4"]:
    """What a photo shows at each texel, `CHANNELS`; zero where the surface turns away or leaves the photo.

    coefficients  identity, then expression; camera and image in the photo's pixels
    """
    moved = surface.mean_mm + (coefficients @ surface.modes_mm).reshape(surface.mean_mm.shape)
    points = head_to_camera(camera, moved.reshape(-1, 3)).reshape(moved.shape)
    scale = float(camera.focal_px / camera.translation_mm[2])
    samples = max(1, int(np.ceil(scale / FINEST_PX_PER_MM)))
    out = np.zeros((*points.shape[:2], CHANNELS), np.uint8)
    spacing = scale / FINEST_PX_PER_MM / samples
    centre = np.asarray(camera.centre_px, np.float32)
    _look_up(points, np.float32(camera.focal_px), centre[0], centre[1], image, samples, np.float32(spacing), out)
    return out


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _look_up(points, focal, centre_x, centre_y, image, samples, spacing, out):
    """Sample the image (h, w, 3) at every texel's point, given in the camera's frame; `samples` a side, averaged."""
    rows, columns = points.shape[:2]
    height, width = image.shape[:2]
    for row in range(rows):
        for column in range(columns):
            x, y, z = points[row, column]
            up, down = max(row - 1, 0), min(row + 1, rows - 1)
            left, right = max(column - 1, 0), min(column + 1, columns - 1)
            ax, ay, az = points[row, right] - points[row, left]
            bx, by, bz = points[down, column] - points[up, column]
            nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            size = np.sqrt((nx * nx + ny * ny + nz * nz) * (x * x + y * y + z * z)) + np.float32(1e-6)
            facing = (nx * x + ny * y + nz * z) / size
            px, py = focal * x / z + centre_x - 0.5, focal * y / z + centre_y - 0.5
            if facing * 255 < 1 or z <= 0 or not (-0.5 <= px <= width - 0.5 and -0.5 <= py <= height - 0.5):
                continue
            red = green = blue = np.float32(0)
            for i in range(samples):
                for j in range(samples):
                    sx = min(max(px + (i - (samples - 1) / 2) * spacing, 0), width - 1.001)
                    sy = min(max(py + (j - (samples - 1) / 2) * spacing, 0), height - 1.001)
                    x0, y0 = int(sx), int(sy)
                    fx, fy = sx - x0, sy - y0
                    w00, w10, w01, w11 = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
                    a, b = image[y0, x0], image[y0, min(x0 + 1, width - 1)]
                    c, d = image[min(y0 + 1, height - 1), x0], image[min(y0 + 1, height - 1), min(x0 + 1, width - 1)]
                    red += w00 * a[0] + w10 * b[0] + w01 * c[0] + w11 * d[0]
                    green += w00 * a[1] + w10 * b[1] + w01 * c[1] + w11 * d[1]
                    blue += w00 * a[2] + w10 * b[2] + w01 * c[2] + w11 * d[2]
            share = 1 / samples**2
            out[row, column, 0] = np.uint8(red * share + 0.5)
            out[row, column, 1] = np.uint8(green * share + 0.5)
            out[row, column, 2] = np.uint8(blue * share + 0.5)
            out[row, column, 3] = np.uint8(min(255 * facing, 255))
