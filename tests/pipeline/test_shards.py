import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from pipeline.shards import LAYOUTS, layout_problem, read_shard, write_shard


def landmarks(rng, count=3):
    return {
        "id": [f"set/{i}.jpg" for i in range(count)],
        "landmarks_px": rng.normal(size=(count, 68, 2)).astype(np.float32),
        "source": ["file"] * count,
        "faces": np.ones(count, np.int32),
    }


def test_what_is_written_is_read(tmp_path, rng):
    arrays = landmarks(rng)
    digest = write_shard(tmp_path / "a.h5", "landmarks", arrays, {"stage": "test", "settings": {"a": [1, 2]}})
    shard = read_shard(tmp_path / "a.h5", "landmarks")
    assert shard.text("id") == arrays["id"]
    np.testing.assert_array_equal(shard["landmarks_px"], arrays["landmarks_px"])
    assert shard.attributes["content_digest"] == digest
    assert shard.attributes["settings"] == {"a": [1, 2]}
    assert not shard["landmarks_px"].flags.owndata and not shard["landmarks_px"].flags.writeable


def test_equal_inputs_give_equal_bytes(tmp_path, rng):
    arrays = landmarks(rng)
    write_shard(tmp_path / "a.h5", "landmarks", arrays, {"x": 1, "y": "z"})
    write_shard(tmp_path / "b.h5", "landmarks", dict(reversed(arrays.items())), {"y": "z", "x": 1})
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_an_empty_shard_is_a_shard(tmp_path, rng):
    write_shard(tmp_path / "a.h5", "landmarks", landmarks(rng, 0), {})
    assert len(read_shard(tmp_path / "a.h5", "landmarks")["id"]) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"faces": np.ones(3, np.int64)}, "'faces' has dtype <i8, expected i4"),
        ({"faces": np.ones(2, np.int32)}, "'item', expected 2|has 2 along 'item', expected 3"),
        ({"landmarks_px": np.zeros((3, 67, 2), np.float32)}, "67 along 'landmarks', expected 68"),
        ({"landmarks_px": np.zeros((3, 68), np.float32)}, "expected axes"),
        ({"extra": np.zeros(3)}, "extra"),
    ],
)
def test_a_shard_outside_its_layout_is_refused(tmp_path, rng, change, said):
    with pytest.raises(InputError, match=said):
        write_shard(tmp_path / "a.h5", "landmarks", {**landmarks(rng), **change}, {})
    assert not (tmp_path / "a.h5").exists()


def test_what_is_no_shard_is_refused(tmp_path, rng):
    path = tmp_path / "a.h5"
    write_shard(path, "landmarks", landmarks(rng), {})
    with pytest.raises(InputError, match="expected a shard of kind fits"):
        read_shard(path, "fits")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="run the workflow again"):
        read_shard(path, "landmarks")
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_shard(path, "landmarks")
    with h5py.File(path, "w") as file:
        file.attrs["kind"], file.attrs["schema_version"] = "landmarks", 1
    with pytest.raises(InputError, match="arrays \\[\\]"):
        read_shard(path, "landmarks")


def test_every_kind_has_ids_in_front():
    for kind, layout in LAYOUTS.items():
        assert layout["id"] == ("S", ("item",)), kind
        assert layout_problem(kind, {}) is not None
