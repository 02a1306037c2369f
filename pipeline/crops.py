"""Crops of one size with the face upright in the middle: where they lie in a photo, and their pixels."""

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from models3d.face_model import FaceModel
from models3d.rigid import matrix, similarity

SUPERSAMPLING = 2


def canonical_landmarks_px(model: FaceModel, size_px: int, face_scale: float) -> Float64[np.ndarray, "68 2"]:
    """The mean face's landmarks in a crop: seen straight on in parallel projection, upright.

    The middle of their box is the crop's; the longer side of the box is `face_scale` of the crop's side.
    """
    seen = model.mean_mm[model.landmarks, :2].astype(np.float64) * (1, -1)
    low, high = seen.min(0), seen.max(0)
    return (seen - (low + high) / 2) * face_scale * size_px / (high - low).max() + size_px / 2


def crop_matrix(
    landmarks_px: Float[np.ndarray, "68 2"], canonical_px: Float64[np.ndarray, "68 2"]
) -> Float32[np.ndarray, "2 3"]:
    """The similarity that brings the landmarks closest to the canonical ones: crop_px = matrix (x_px, y_px, 1)."""
    return matrix(similarity(landmarks_px, canonical_px)).astype(np.float32)


def to_crop(crop: Float32[np.ndarray, "2 3"], points_px: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Points of the photo in the pixels of the crop."""
    return points_px @ crop[:, :2].T + crop[:, 2]


def cut(
    photo: UInt8[np.ndarray, "h w 3"], crop: Float32[np.ndarray, "2 3"], size_px: int
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """The pixels of a crop. What lies beyond the photo repeats its nearest edge.

    A photo that shrinks is first averaged over whole blocks, then sampled (bilinearly) more finely than the crop and
    averaged again, so that fine texture turns grey instead of into moire.
    """
    block = max(1, int(1 / np.sqrt(abs(np.linalg.det(crop[:, :2])))))
    corner, part = _part(photo, crop, size_px, margin=2 * block)
    reduced = _mean_of_blocks(part, block)
    fine = SUPERSAMPLING * crop.astype(np.float64)
    linear = fine[:, :2] * block
    # OpenCV counts pixels from the centre of the top-left one, this project from its corner
    shift = fine[:, :2] @ corner + fine[:, 2] + linear @ (0.5, 0.5) - 0.5
    warped = cv2.warpAffine(
        reduced,
        np.column_stack([linear, shift]),
        (size_px * SUPERSAMPLING, size_px * SUPERSAMPLING),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.rint(cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA)).astype(np.uint8)


def _part(
    photo: UInt8[np.ndarray, "h w 3"], crop: Float32[np.ndarray, "2 3"], size_px: int, margin: int
) -> tuple[Float64[np.ndarray, "2"], UInt8[np.ndarray, "y x 3"]]:
    """The part of the photo that a crop needs, at least a pixel, and its top left corner."""
    height, width = photo.shape[:2]
    corners = np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]])
    covered = np.linalg.solve(crop[:, :2].astype(np.float64), (corners - crop[:, 2]).T).T
    left, top = np.clip(np.floor(covered.min(0)) - margin, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(covered.max(0)) + margin, (left + 1, top + 1), (width, height)).astype(int)
    return np.array([left, top], np.float64), photo[top:bottom, left:right]


def _mean_of_blocks(photo: UInt8[np.ndarray, "h w 3"], block: int) -> Float32[np.ndarray, "y x 3"]:
    """Means over block x block pixels; the last row and column are repeated to fill the last blocks."""
    height, width = photo.shape[:2]
    filled = np.pad(photo, ((0, -height % block), (0, -width % block), (0, 0)), mode="edge")
    size = filled.shape[1] // block, filled.shape[0] // block
    return cv2.resize(filled.astype(np.float32), size, interpolation=cv2.INTER_AREA)
