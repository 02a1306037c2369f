"""The colours of a mesh's vertices: from a texture file beside it, or its own."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import map_coordinates

from models3d.errors import UnusableDatum
from models3d.readers.meshes import Mesh
from pipeline.images import read_photo


def vertex_colours(mesh: Mesh, texture: Path | None, max_pixels: int) -> UInt8[np.ndarray, "n 3"]:
    """sRGB of every vertex.

    texture  colours a vertex as .npy (n, 3) uint8, or an image that the mesh has texture coordinates for; without one,
             the image that the mesh's material names, else the colours in the mesh itself

    Raises UnusableDatum with the reason if there are none, or they do not fit the mesh.
    """
    if texture is not None and texture.suffix == ".npy":
        return _colour_table(texture, len(mesh.vertices))
    if texture is None and len(mesh.images) > 1:
        raise UnusableDatum(f"its materials name {len(mesh.images)} images; put them into one, or name a texture")
    if texture is None and not mesh.images:
        if mesh.colours is None:
            raise UnusableDatum("no texture is named, and the mesh has no colours")
        return mesh.colours
    image = read_photo(texture or mesh.images[0], max_pixels)
    if mesh.uv is None:
        raise UnusableDatum("an image, but the mesh has no texture coordinates")
    return sampled(image, mesh.uv)


def _colour_table(path: Path, vertex_count: int) -> UInt8[np.ndarray, "n 3"]:
    if not path.is_file():
        raise UnusableDatum("missing file")
    try:
        colours = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a broken header raises ValueError, SyntaxError, EOFError, ...
        raise UnusableDatum(f"cannot be read as npy ({error or type(error).__name__})") from error
    if colours.shape != (vertex_count, 3) or colours.dtype != np.uint8:
        raise UnusableDatum(f"colours of shape {colours.shape} and type {colours.dtype}, not ({vertex_count}, 3) uint8")
    return np.array(colours)


def sampled(image: UInt8[np.ndarray, "h w 3"], uv: Float[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "n 3"]:
    """The image at texture coordinates (from its bottom left, 0 to 1), bilinearly; its mean where there are none."""
    height, width = image.shape[:2]
    known = np.isfinite(uv).all(axis=1)
    row, column = (1 - uv[known, 1]) * height - 0.5, uv[known, 0] * width - 0.5
    colours = np.tile(image.mean((0, 1)), (len(uv), 1))
    for channel in range(3):
        colours[known, channel] = map_coordinates(
            image[..., channel].astype(np.float32), [row, column], order=1, mode="nearest"
        )
    return np.rint(colours).astype(np.uint8)
