"""A mesh as a matt sculpture: what it is shaped like, and nothing else."""

import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera, head_to_camera
from models3d.face_model import FaceModel
from models3d.render import draw, over, to_srgb, vertex_normals

YAW_RAD = -0.35
"""Of the head, so that what moves forward is seen to."""
FACE_SHARE = 0.78
"""Of a picture's side, the longer side of the box around the mean face's landmarks."""
FOCAL = 6.0
"""In picture sides: a long lens."""
LAMP, AMBIENT = np.array([-0.48, -0.6, -0.64], np.float32), 0.10
"""Unit vector to the lamp, in the camera's axes."""
CLAY = np.array([0.60, 0.62, 0.66], np.float32)
"""Linear RGB."""
PAPER = 1.0


def clay_picture(
    vertices_mm: Float32[np.ndarray, "n 3"],
    model: FaceModel,
    camera: Camera,
    albedo: Float32[np.ndarray, "n 3"],
    size_px: int,
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Matt, under one lamp and a little light from everywhere."""
    points = head_to_camera(camera, vertices_mm)
    light = AMBIENT + (1 - AMBIENT) * np.maximum(vertex_normals(points, model.triangles) @ LAMP, 0)
    picture = draw(points, model.triangles, albedo * light[:, None], camera, size_px, size_px)
    return to_srgb(over(picture, np.full((size_px, size_px, 3), PAPER)))


def portrait(model: FaceModel, size_px: int, yaw_rad: float = YAW_RAD, face_share: float = FACE_SHARE) -> Camera:
    """A camera that has the mean face's landmarks in the middle of a square picture, the head turned a little."""
    marked: Float[np.ndarray, "68 3"] = model.mean_mm[model.landmarks].astype(np.float64)
    low, high = marked.min(0), marked.max(0)
    distance = FOCAL * (high - low)[:2].max() / face_share
    turn = np.array([0.0, yaw_rad, 0.0])
    centre = FLIP @ Rotation.from_rotvec(turn).as_matrix() @ ((low + high) / 2)
    return Camera(turn, np.array([0.0, 0.0, distance]) - centre, np.asarray(FOCAL * size_px), np.full(2, size_px / 2))
