"""Where a face's look is sampled: some of its vertices, which of them a photo shows, and what it shows there."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.face_model import FaceModel
from models3d.landmarks import RIGHT_BROW
from models3d.raster import rasterise, visible_vertices
from models3d.render import vertex_normals

FACING = 0.2
"""Least cosine between a vertex's normal on the mean face and the line of sight of a frontal photo."""

ABOVE_BROWS = 0.25
"""How far the sampled part reaches above the brows, as a share of the height from chin to brows: below most hair."""

HIDDEN_MM = 5.0
"""A vertex this far behind what its pixel sees is hidden: crops are coarse, and a cheek falls away within a pixel."""

BLUR_PX = 1.0
"""Of the crops, so that a feature's slope is that of a few pixels around it."""

LEAST_SPREAD = 1.0
"""Grey levels: a face that is flatter shows nothing."""

LEAST_SITES = 30
"""Fewer visible vertices tell nothing of a photo's brightness and contrast."""


class Crop(NamedTuple):
    """The part of a photo that shows the face, upright."""

    image: UInt8[np.ndarray, "h h 3"]
    matrix: Float32[np.ndarray, "2 3"]
    """From the photo's pixels to the crop's."""
    photo_px: tuple[int, int]
    """Width and height of the photo: a crop may reach beyond."""


class Look(NamedTuple):
    """A photo as the photometric term sees it."""

    image: Float32[np.ndarray, "3 h h"]
    at_sites: Float32[np.ndarray, "s 3"]
    visible: Bool[np.ndarray, " s"]


def look(
    vertices_mm: Float32[np.ndarray, "n 3"],
    triangles: Int32[np.ndarray, "t 3"],
    camera: Camera,
    crop: Crop,
    sites: Int32[np.ndarray, " s"],
) -> Look:
    """Look at a photo through the face and the camera of a fit."""
    places, visible = visible_sites(vertices_mm, triangles, camera, crop.matrix, len(crop.image), sites)
    in_photo = np.linalg.solve(crop.matrix[:, :2], (places - crop.matrix[:, 2]).T).T
    visible &= ((in_photo >= 0) & (in_photo <= crop.photo_px)).all(1)
    return Look(*features(crop.image, places, visible), visible)


def texture_vertices(model: FaceModel, count: int, generator: np.random.Generator) -> Int32[np.ndarray, " s"]:
    """Vertices of the part from chin to brows that faces the camera, drawn in proportion to their area; sorted.

    Fewer than `count` where the mesh has not as many.
    """
    marks = model.mean_mm[model.landmarks]
    low, brows = marks[:, 1].min(), marks[RIGHT_BROW, 1].max()
    high = brows + ABOVE_BROWS * (brows - low)
    inside = (model.mean_mm[:, 1] > low) & (model.mean_mm[:, 1] < high)
    inside &= (model.mean_mm[:, 0] > marks[:, 0].min()) & (model.mean_mm[:, 0] < marks[:, 0].max())
    inside &= vertex_normals(model.mean_mm, model.triangles)[:, 2] > FACING
    inside &= seen_from_ahead(model)
    area = np.zeros(len(model.mean_mm))
    corners = model.mean_mm[model.triangles].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    np.add.at(area, model.triangles, areas[:, None])
    share = np.where(inside, area, 0)
    drawn = generator.choice(len(share), min(count, int((share > 0).sum())), replace=False, p=share / share.sum())
    return np.sort(drawn).astype(np.int32)


def seen_from_ahead(model: FaceModel, size_px: int = 512, distance_mm: float = 1e5) -> Bool[np.ndarray, " n"]:
    """Which vertices of the mean face a frontal camera far away sees: not teeth nor sockets behind the skin."""
    flat, depth = model.mean_mm[:, :2] * (1, -1), distance_mm - model.mean_mm[:, 2]
    points_px = (flat - flat.min(0)) * (size_px - 2) / np.ptp(flat, axis=0).max() + 1
    return visible_vertices(points_px, depth, rasterise(points_px, depth, model.triangles, size_px, size_px))


def visible_sites(
    vertices_mm: Float32[np.ndarray, "n 3"],
    triangles: Int32[np.ndarray, "t 3"],
    camera: Camera,
    crop: Float32[np.ndarray, "2 3"],
    size_px: int,
    sites: Int32[np.ndarray, " s"],
) -> tuple[Float32[np.ndarray, "s 2"], Bool[np.ndarray, " s"]]:
    """Where one photo's crop has the sites of a fitted face, and which of them the z-buffer does not hide."""
    points = head_to_camera(camera, vertices_mm)
    in_crop = (camera_to_pixel(camera, points) @ crop[:, :2].T + crop[:, 2]).astype(np.float32)
    raster = rasterise(in_crop, points[:, 2], triangles, size_px, size_px)
    return in_crop[sites], visible_vertices(in_crop, points[:, 2], raster, HIDDEN_MM)[sites]


def features(
    image: UInt8[np.ndarray, "h w c"], sites_px: Float32[np.ndarray, "s 2"], visible: Bool[np.ndarray, " s"]
) -> tuple[Float32[np.ndarray, "c h w"], Float32[np.ndarray, "s c"]]:
    """A crop with its brightness and contrast taken out, and its values at the sites (zero if it shows too few).

    Colour by colour the mean of the visible sites is zero, and over all colours their mean square one.
    """
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), BLUR_PX)
    if visible.sum() < LEAST_SITES:
        return np.zeros_like(blurred.transpose(2, 0, 1)), np.zeros((len(sites_px), image.shape[2]), np.float32)
    map_x, map_y = np.ascontiguousarray((sites_px - np.float32(0.5)).T)[..., None]
    at = cv2.remap(blurred, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = at[visible, 0]
    middle = seen.mean(0)
    spread = max(float(np.sqrt(np.square(seen - middle).mean())), LEAST_SPREAD)
    normal = (blurred - middle) / spread
    return np.ascontiguousarray(normal.transpose(2, 0, 1)), ((at[:, 0] - middle) / spread).astype(np.float32)
