"""The perspective camera: head to camera frame, camera to pixel, and its nine numbers in a shard."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

FLIP = np.diag([1.0, -1.0, -1.0])
"""Head axes (y up, z out of the face) to camera axes (y down, z forward)."""

CAMERA_FIELDS = ("rx_rad", "ry_rad", "rz_rad", "tx_mm", "ty_mm", "tz_mm", "focal_px", "cx_px", "cy_px")
"""What the last axis of a packed camera holds."""


class Camera(NamedTuple):
    """x_camera = FLIP R x_head + t, x_pixel = focal x_camera / z_camera + centre."""

    rotation_rad: Float[np.ndarray, "*batch 3"]
    """Rotation vector of R, in the head's axes; zero looks straight at the camera."""
    translation_mm: Float[np.ndarray, "*batch 3"]
    focal_px: Float[np.ndarray, "*batch"]
    centre_px: Float[np.ndarray, "*batch 2"]


def pack(camera: Camera) -> Float[np.ndarray, "*batch 9"]:
    """The camera as the numbers of `CAMERA_FIELDS`."""
    focal = np.asarray(camera.focal_px)[..., None]
    return np.concatenate([camera.rotation_rad, camera.translation_mm, focal, camera.centre_px], axis=-1)


def unpack(numbers: Float[np.ndarray, "*batch 9"]) -> Camera:
    """Inverse of `pack`."""
    return Camera(numbers[..., :3], numbers[..., 3:6], numbers[..., 6], numbers[..., 7:])


def head_to_camera(camera: Camera, points_mm: Float[np.ndarray, "*batch n 3"]) -> Float[np.ndarray, "*batch n 3"]:
    """Points in the camera's frame, mm."""
    vectors = np.asarray(camera.rotation_rad, np.float64)
    rotation = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape[:-1], 3, 3)
    turned = points_mm @ np.swapaxes(FLIP @ rotation, -1, -2).astype(points_mm.dtype)
    return turned + np.asarray(camera.translation_mm, points_mm.dtype)[..., None, :]


def camera_to_pixel(camera: Camera, points_mm: Float[np.ndarray, "*batch n 3"]) -> Float[np.ndarray, "*batch n 2"]:
    """Pixels of points in the camera's frame; points must lie in front of it (z > 0)."""
    focal = np.asarray(camera.focal_px, points_mm.dtype)[..., None, None]
    centre = np.asarray(camera.centre_px, points_mm.dtype)[..., None, :]
    return focal * points_mm[..., :2] / points_mm[..., 2:] + centre


def project(camera: Camera, points_mm: Float[np.ndarray, "*batch n 3"]) -> Float[np.ndarray, "*batch n 2"]:
    """Pixels of points in the head's frame."""
    return camera_to_pixel(camera, head_to_camera(camera, points_mm))
