"""The rasteriser's second backend: OpenGL through pyrender, without a screen (EGL), on a GPU where there is one."""

import os
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from models3d.errors import InputError
from models3d.raster import BACKGROUND, Raster

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # PyOpenGL reads it once, when it is first imported


class GlRasteriser:
    """Draws into an off-screen picture that is kept from call to call.

    An EGL context does not survive a fork: make it in the process that uses it.
    Raises InputError where there is no OpenGL.
    """

    def __init__(self) -> None:
        self._pyrender = _pyrender()
        try:
            self._renderer = self._pyrender.OffscreenRenderer(1, 1)
        except Exception as error:  # whatever the driver's bindings raise: AttributeError, ImportError, EGLError, ...
            raise InputError("OpenGL", f"no off-screen context can be made ({error})", NO_OPENGL) from error
        self._factor_is_set = False

    def rasterise(
        self,
        points_px: Float[np.ndarray, "n 2"],
        depth_mm: Float[np.ndarray, " n"],
        triangles: Int32[np.ndarray, "t 3"],
        height: int,
        width: int,
    ) -> Raster:
        """As `models3d.raster.rasterise`; depths in between are quantised to 24 bits."""
        ids = np.arange(1, len(triangles) + 1, dtype=np.uint32)
        colours = np.stack([ids >> 16, ids >> 8, ids], axis=1).astype(np.uint8)
        picture = self.draw(points_px, depth_mm, triangles, np.repeat(colours, 3, axis=0), height, width)
        triangle = (picture.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)) - 1
        weights, depth = _inside(points_px, depth_mm, triangles, triangle)
        return Raster(triangle, weights, depth)

    def draw(
        self,
        points_px: Float[np.ndarray, "n 2"],
        depth_mm: Float[np.ndarray, " n"],
        triangles: Int32[np.ndarray, "t 3"],
        corner_colours: UInt8[np.ndarray, "c 3"],
        height: int,
        width: int,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Unlit triangles with a colour for each of their c = 3t corners, one sample a pixel, on black."""
        pyrender = self._pyrender
        usable = (np.isfinite(points_px).all(1) & (depth_mm > 0))[triangles].all(1)
        corners = triangles[usable].reshape(-1)
        if not len(corners):
            return np.zeros((height, width, 3), np.uint8)
        z = depth_mm[corners].astype(np.float64)
        nearest = z.min()
        # seen in parallel: the points are projected already
        places = np.column_stack([points_px[corners] * [1, -1] + [-width / 2, height / 2], nearest - z - 1])
        colours = np.column_stack([corner_colours[np.repeat(usable, 3)] / 255, np.ones(len(corners))])
        primitive = pyrender.Primitive(places.astype(np.float32), color_0=colours.astype(np.float32))
        scene = pyrender.Scene(bg_color=[0, 0, 0, 0])
        node = scene.add(pyrender.Mesh([primitive]))
        scene.add(pyrender.OrthographicCamera(width / 2, height / 2, znear=0.5, zfar=np.ptp(z) + 2))
        self._renderer.viewport_height, self._renderer.viewport_width = height, width
        if not self._factor_is_set:  # SEG leaves the factor of all colours alone, which starts at zero
            self._renderer.render(scene, pyrender.RenderFlags.FLAT)
            self._factor_is_set = True
        # SEG turns multisampling off, FLAT takes the corners' colours as they are
        flags = pyrender.RenderFlags.FLAT | pyrender.RenderFlags.SEG
        return np.array(self._renderer.render(scene, flags, {node: 255})[0])

    def close(self) -> None:
        """Give the context back."""
        self._renderer.delete()


NO_OPENGL = "install libEGL (Debian: apt-get install libegl1), or set the backend to numba, which needs no OpenGL"


@cache
def _pyrender():
    try:
        import pyrender
    except Exception as error:  # PyOpenGL raises AttributeError or ImportError, depending on what is missing
        raise InputError("OpenGL", f"pyrender cannot be loaded ({error})", NO_OPENGL) from error
    return pyrender


def _inside(
    points_px: Float[np.ndarray, "n 2"],
    depth_mm: Float[np.ndarray, " n"],
    triangles: Int32[np.ndarray, "t 3"],
    triangle: Int32[np.ndarray, "h w"],
) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
    """Perspective-correct weights and depth at the pixels' centres, given the triangle that each sees."""
    weights = np.zeros((*triangle.shape, 3), np.float32)
    depth = np.full(triangle.shape, np.inf, np.float32)
    rows, columns = np.nonzero(triangle != BACKGROUND)
    corners = triangles[triangle[rows, columns]]
    a, b, c = points_px[corners].astype(np.float64).transpose(1, 0, 2)
    pixel = np.column_stack([columns, rows]) + 0.5
    area = _cross(b - a, c - a)
    flat = np.stack([_cross(b - pixel, c - pixel), _cross(c - pixel, a - pixel), _cross(a - pixel, b - pixel)], 1)
    inverse = flat / area[:, None] / depth_mm[corners]
    depth[rows, columns] = 1 / inverse.sum(1)
    weights[rows, columns] = inverse * depth[rows, columns, None]
    return weights, depth


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
