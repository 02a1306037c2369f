"""68 landmarks of one face a photo: from the file beside it, else from the largest face that is detected."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from models3d.errors import InputError, UnusableDatum
from models3d.landmarks import LANDMARK_COUNT, LandmarkSource, face_size_px
from pipeline.face_detector import Face, FaceDetector
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo, read_index
from pipeline.provenance import provenance
from pipeline.settings.photos import DetectLandmarks
from pipeline.shards import write_shard

STAGE = "detect_landmarks"

LARGEST_FILE = 1_000_000
"""Bytes; 68 points take a hundredth of that."""

PIXEL_CENTRE = 0.5
"""menpo counts from the centre of the top-left pixel, `models3d` from its corner."""

REMEDY = (
    f"give it the {LANDMARK_COUNT} points of the iBUG order, take it away, or set detect_landmarks.use_files to false"
)


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
    write_shard(outputs["landmarks"], "landmarks", arrays(faces), provenance(STAGE, settings))


def read_landmarks(path: Path) -> Float32[np.ndarray, "68 2"]:
    """The points of a `.pts` (1-based pixels) or `.ljson` (0-based, y before x), in the pixels of `models3d`.

    An `.ljson` may hold other groups of points beside its 68.
    Raises InputError if the file does not hold 68 finite points, or holds two groups of them.
    """
    from menpo.io.input.landmark import ljson_importer, pts_importer  # a second; many datasets have no such files

    if not path.is_file():
        raise InputError(path, "there is no such landmark file", REMEDY)
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(path, f"larger than {LARGEST_FILE} bytes, so no landmark file", REMEDY)
    importer = pts_importer if path.suffix == ".pts" else ljson_importer
    try:
        groups = list(importer(path).values())
        points = [np.asarray(group.points, np.float32) for group in groups]
    except Exception as error:  # menpo does not check what it reads: IndexError, KeyError, TypeError, ValueError
        raise InputError(path, f"cannot be read as landmarks ({type(error).__name__}: {error})", REMEDY) from error
    whole = [group for group in points if group.shape == (LANDMARK_COUNT, 2)]
    if len(whole) != 1:
        found = " and ".join(_described(group) for group in points) or "no points"
        raise InputError(path, f"{found} where {LANDMARK_COUNT} are expected", REMEDY)
    if not np.isfinite(whole[0]).all():
        raise InputError(path, "points that are missing or not finite", REMEDY)
    return whole[0][:, ::-1] + np.float32(PIXEL_CENTRE)


def _described(points: np.ndarray) -> str:
    return f"{len(points)} points" + ("" if points.shape[1:] == (2,) else f" of shape {points.shape[1:]}")


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
