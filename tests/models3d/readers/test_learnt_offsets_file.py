import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import LANDMARK_COUNT
from models3d.learnt_offsets import DetectorHabits, LearntLandmarks, LearntOffsets, Regressor
from models3d.readers.learnt_offsets_file import read_learnt_landmarks, write_learnt_landmarks

POINTS, WIDTH = 4, 7


@pytest.fixture
def learnt(rng) -> LearntLandmarks:
    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    def offsets() -> LearntOffsets:
        outputs = 2 * POINTS
        shapes = (WIDTH,), (WIDTH,), (WIDTH, outputs), (outputs,), (WIDTH, outputs), (outputs,)
        regressor = Regressor(*(draw(*shape) for shape in shapes))
        return LearntOffsets("0123456789abcdef", np.arange(POINTS, dtype=np.int32), regressor, draw(outputs, outputs))

    points = LANDMARK_COUNT
    habits = DetectorHabits(draw(points, 3), draw(points, 3, 5), draw(2 * points, 2 * points))
    return LearntLandmarks(habits, offsets(), offsets())


@pytest.fixture
def path(learnt, tmp_path):
    write_learnt_landmarks(tmp_path / "dense.h5", learnt, {"fit": "{}", "stage": "tests", "renders": 3})
    return tmp_path / "dense.h5"


def test_comes_back_as_it_was(path, learnt):
    found, texts = read_learnt_landmarks(path)
    for a, b in zip(found.habits, learnt.habits, strict=True):
        np.testing.assert_array_equal(a, b)
    for source in ("marked", "detected"):
        ours, theirs = getattr(found, source), getattr(learnt, source)
        assert ours.model_digest == theirs.model_digest
        for a, b in zip(
            (ours.vertices, ours.whitening, *ours.regressor),
            (theirs.vertices, theirs.whitening, *theirs.regressor),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    assert texts["fit"] == "{}" and texts["stage"] == "tests"


def test_same_bytes_again(path, learnt, tmp_path):
    write_learnt_landmarks(tmp_path / "again.h5", learnt, {"fit": "{}", "stage": "tests", "renders": 3})
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def changed(path, name, value) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = value


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("marked/whitening", np.ones((3, 3), np.float32), "shape"),
        ("detected/regressor/offset", np.ones((WIDTH, 2), np.float32), "shape"),
        ("detected/regressor/scale", np.full(WIDTH, np.nan, np.float32), "not finite"),
        ("habits/shift_mm", np.zeros((67, 3), np.float32), "shape"),
        ("habits/gains_mm", np.zeros((LANDMARK_COUNT, 3, 5), np.float32), "changed or damaged"),
        ("vertices", np.array([-1, 2, 3, 4]), "names vertex"),
        ("marked/regressor/offset_bias", np.zeros(2 * POINTS, np.float32), "changed or damaged"),
    ],
)
def test_what_does_not_fit_together_is_named(path, name, value, says):
    changed(path, name, value)
    with pytest.raises(InputError, match=says):
        read_learnt_landmarks(path)


def test_claimed_sizes_are_checked_before_anything_is_read(path):
    with h5py.File(path, "r+") as file:
        del file["marked/regressor/offset"]
        file.create_dataset("marked/regressor/offset", (2**20, 2**20), np.float32, chunks=(64, 64))
    with pytest.raises(InputError, match="claims"):
        read_learnt_landmarks(path)


def test_other_files_are_refused(tmp_path, path):
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError):
        read_learnt_landmarks(tmp_path / "text.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["kind"] = "face_model"
    with pytest.raises(InputError, match="kind"):
        read_learnt_landmarks(path)
