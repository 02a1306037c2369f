"""68 landmarks of one face a photo: from the file beside it, else from the largest face that is detected."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models3d.errors import UnusableDatum
from models3d.landmarks import LANDMARK_COUNT, LandmarkSource, face_size_px
from pipeline.face_detector import Face, FaceDetector
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.images import read_indexed
from pipeline.landmark_files import read_landmarks
from pipeline.photo_tables import Photo, read_index
from pipeline.provenance import provenance
from pipeline.settings.photos import DetectLandmarks
from pipeline.shards import write_shard

STAGE = "detect_landmarks"


def run(inputs: Paths, outputs: Paths, settings: DetectLandmarks) -> None:
    """Find the landmarks of the photos of `inputs["index"]`; write `outputs["landmarks"]` and `outputs["rejects"]`.

    Landmark files are read before any photo, so that a bad one stops the job at once.
    Raises InputError for such a file, and if more than `max_reject_rate` of the photos are rejects.
    """
    photos = read_index(inputs["index"])
    files = {photo.id: Path(photo.landmarks) for photo in photos if photo.landmarks and settings.use_files}
    marked = {name: read_landmarks(path) for name, path in files.items()}
    detector = cache(lambda: FaceDetector(settings.min_confidence))  # made at the first photo that needs it
    faces: dict[str, Face] = {}
    rejects = []
    for photo in tqdm(photos, desc=STAGE, unit="photo"):
        try:
            if photo.id in marked:
                face = Face(marked[photo.id], LandmarkSource.FILE, faces=1)
            else:
                face = detector().largest_face(read_indexed(photo))
            check_face(face, photo, settings.min_face_px)
            faces[photo.id] = face
        except UnusableDatum as error:
            rejects.append(Reject(photo.id, STAGE, str(error)))
    check_rejects(rejects, len(photos), settings.max_reject_rate, inputs["index"])
    write_rejects(outputs["rejects"], rejects)
    write_shard(outputs["landmarks"], "landmarks", arrays(faces), provenance(STAGE, settings, inputs))


def check_face(face: Face, photo: Photo, min_face_px: int) -> None:
    """Raise UnusableDatum if the face is smaller than `min_face_px`, or its landmarks belong to another picture."""
    across = face_size_px(face.landmarks_px)
    if across < min_face_px:
        raise UnusableDatum(f"the face is {across:.0f} px across, less than {min_face_px}")
    x, y = face.landmarks_px.mean(axis=0)
    if not (0 <= x <= photo.width and 0 <= y <= photo.height):
        size = f"{photo.width} x {photo.height} px"
        raise UnusableDatum(f"its landmarks lie around ({x:.0f}, {y:.0f}), outside a photo of {size}")


def arrays(faces: Mapping[str, Face]) -> dict[str, object]:
    """The arrays of a `landmarks` shard, by photo id."""
    points = [face.landmarks_px for face in faces.values()]
    return {
        "id": list(faces),
        "landmarks_px": np.array(points, np.float32).reshape(-1, LANDMARK_COUNT, 2),
        "source": [str(face.source) for face in faces.values()],
        "faces": np.array([face.faces for face in faces.values()], np.int32),
    }
