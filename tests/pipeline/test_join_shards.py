import shutil
import time

import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from pipeline import join_shards
from pipeline.settings.dataset import JoinShards
from pipeline.shards import LAYOUTS, read_shard, write_shard

ATTRIBUTES = {"model_digest": "m", "component_names": ["x", "y"], "range": 3.0, "sigmas_mm": [1.0, 2.0]}


def write_pairs(path, rng, ids, variants=("original", "neutral", "random_00"), **attributes):
    sizes = {"item": len(ids), "variant": len(variants), "height": 4, "width": 4, "two": 2, "three": 3, "params": 2}
    sizes |= {"identity": 3, "camera": 9}
    arrays = {
        name: rng.integers(0, 200, [sizes[axis] for axis in axes]).astype(dtype)
        for name, (dtype, axes) in LAYOUTS["paired"].items()
        if dtype != "S"
    }
    texts = {"id": ids, "person": ["set/ann"] * len(ids), "variants": list(variants)}
    write_shard(path, "paired", {**arrays, **texts}, {**ATTRIBUTES, **attributes})


@pytest.fixture
def folder(tmp_path, rng):
    """Three shards, one of them empty, whose ids differ in length, and the file that joins them."""
    root = tmp_path / "shards/paired"
    write_pairs(root / "set/00001.h5", rng, ["set/a", "set/b"])
    write_pairs(root / "set/00002.h5", rng, [])
    write_pairs(root / "set/00003.h5", rng, ["set/a-much-longer-name"])
    join_shards.run({"shards": sorted(root.glob("set/*.h5"))}, {"joined": root / "set.h5"}, JoinShards("paired"))
    return tmp_path / "shards"


def check(folder):
    parts = [read_shard(path, "paired") for path in sorted((folder / "paired/set").glob("*.h5"))]
    with h5py.File(folder / "paired/set.h5") as joined:
        for name, (_, axes) in LAYOUTS["paired"].items():
            expected = np.concatenate([part[name] for part in parts]) if axes[0] == "item" else parts[0][name]
            np.testing.assert_array_equal(joined[name][:], expected)
            assert joined[name].is_virtual == (axes[0] == "item")
        np.testing.assert_array_equal(joined["images"][1:3, 2], np.concatenate([p["images"] for p in parts])[1:3, 2])
        assert joined.attrs["kind"] == "paired" and joined.attrs["range"] == 3.0


def test_it_reads_like_the_shards(folder):
    check(folder)
    assert (folder / "paired/set.h5").stat().st_size < 100_000


def test_a_folder_that_moved_still_reads(folder, tmp_path):
    shutil.move(folder, tmp_path / "elsewhere")
    check(tmp_path / "elsewhere")


def test_the_same_bytes_twice(folder):
    before = (folder / "paired/set.h5").read_bytes()
    time.sleep(1.1)  # HDF5 would note the second
    join_shards.run(
        {"shards": sorted((folder / "paired").glob("set/*.h5"))},
        {"joined": folder / "paired/set.h5"},
        JoinShards("paired"),
    )
    assert (folder / "paired/set.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"range": 2.0}, "has another range"),
        ({"component_names": ["x", "z"]}, "has another component_names"),
        ({"model_digest": "n"}, "has another model_digest"),
        ({"variants": ("original", "neutral", "smiling")}, "'variants' differs"),
        ({"variants": ("original", "neutral")}, "'draws' has items of shapes|'images' has items of shapes|differs"),
    ],
)
def test_shards_of_another_making_are_refused(folder, rng, other, said):
    write_pairs(folder / "paired/set/00004.h5", rng, ["set/z"], **other)
    (folder / "paired/set.h5").unlink()
    with pytest.raises(InputError, match=said):
        join_shards.run(
            {"shards": sorted((folder / "paired").glob("set/*.h5"))},
            {"joined": folder / "paired/set.h5"},
            JoinShards("paired"),
        )
    assert not (folder / "paired/set.h5").exists()


def test_nothing_to_join_is_a_mistake(tmp_path):
    with pytest.raises(InputError, match="no shards to join"):
        join_shards.run({"shards": []}, {"joined": tmp_path / "a.h5"}, JoinShards("paired"))
