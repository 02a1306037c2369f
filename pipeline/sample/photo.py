"""A photo of one person of the sample: head, hair and clothes, lit, drawn, and as a sensor sees it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy import ndimage

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.raster import rasterise, visible_vertices
from models3d.render import Surface, render_photo, to_srgb
from pipeline.sample.heads import Head
from pipeline.sample.marks import marks_px
from pipeline.sample.scene import Scene
from pipeline.sample.wardrobe import Wear, worn

SUPERSAMPLING = 3


class Photo(NamedTuple):
    """A picture and where the face is in it."""

    image: UInt8[np.ndarray, "h w 3"]
    camera: Camera
    landmarks_px: Float[np.ndarray, "68 2"]
    """As an annotator marks them."""
    visible: Bool[np.ndarray, "68"]
    """Which landmarks neither the head nor the hair hides."""


def photograph(
    generator: np.random.Generator,
    head: Head,
    moved: Float32[np.ndarray, "n 3"],
    surface: Surface,
    wear: Wear,
    scene: Scene,
) -> Photo:
    """A photo of a head whose vertices are `moved`, in its wear, in a scene; `generator` draws the noise."""
    vertices = np.concatenate([moved, worn(wear, head, moved, scene.trunk_turn)])
    triangles = np.concatenate([head.triangles[~head.on_eyeballs], wear.triangles])
    dressed = Surface(*(np.concatenate(pair) for pair in zip(surface, wear.surface, strict=True)))
    picture = render_photo(vertices, triangles, dressed, scene.lighting, scene.camera, scene.background, SUPERSAMPLING)
    points = head_to_camera(scene.camera, vertices)
    points_px = camera_to_pixel(scene.camera, points)
    raster = rasterise(points_px, points[:, 2], triangles, *scene.background.shape[:2])
    seen = visible_vertices(points_px, points[:, 2], raster)[head.landmarks]
    marks = marks_px(head.vertices, head.landmarks, points_px[: len(moved)])
    return Photo(_sensed(generator, picture), scene.camera, marks, seen)


def _sensed(generator: np.random.Generator, linear: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Exposure, a soft shoulder for highlights, a lens that is not quite sharp, and noise."""
    exposed = linear * np.exp(generator.normal(0.05, 0.17))
    shouldered = np.where(exposed > 0.7, 0.7 + 0.3 * np.tanh((exposed - 0.7) / 0.3), exposed)
    blur = generator.uniform(0.3, 0.6)
    sharp = ndimage.gaussian_filter(shouldered, (blur, blur, 0))
    noise = generator.standard_normal(sharp.shape) * generator.uniform(0.002, 0.01) * np.sqrt(sharp + 0.02)
    return to_srgb(sharp + noise)
