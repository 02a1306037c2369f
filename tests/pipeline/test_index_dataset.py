import json

import numpy as np
import pytest

from pipeline.files import Reject, write_rejects
from pipeline.index_dataset import describe_dataset, run
from pipeline.settings.dataset import IndexDataset
from pipeline.shards import LAYOUTS, SIZES, write_shard


def annotated(path, ids, params, names):
    """A shard with these labels and zeros elsewhere."""
    sizes = {**SIZES, "item": len(ids), "height": 4, "width": 4, "params": params.shape[1], "identity": 2}
    arrays = {
        name: np.zeros([sizes[axis] for axis in axes], dtype)
        for name, (dtype, axes) in LAYOUTS["annotated"].items()
        if dtype != "S"
    }
    texts = {name: ["ok"] * len(ids) for name, (dtype, _) in LAYOUTS["annotated"].items() if dtype == "S"}
    attributes = {"component_names": list(names), "model_digest": "m"}
    write_shard(path, "annotated", {**arrays, **texts, "id": ids, "params": params.astype(np.float32)}, attributes)


@pytest.fixture
def outputs(tmp_path, rng):
    folder = tmp_path / "shards/annotated"
    params = rng.normal(size=(5, 3))
    annotated(folder / "a/00001.h5", ["a/0", "a/1"], params[:2], "xyz")
    annotated(folder / "a/00002.h5", ["a/2", "a/3", "a/4"], params[2:], "xyz")
    annotated(folder / "b/00001.h5", [], np.zeros((0, 1)), "w")
    write_rejects(tmp_path / "one.csv", [Reject("b/9", "index_images", "empty file")])
    write_rejects(tmp_path / "two.csv", [Reject("a/7", "fit_faces", "odd")])
    made = {"dataset": tmp_path / "shards/dataset.json", "rejects": tmp_path / "shards/rejects.csv"}
    run(
        {"shards": sorted(folder.glob("*/*.h5")), "rejects": [tmp_path / "one.csv", tmp_path / "two.csv"]},
        made,
        IndexDataset(),
    )
    return made, params


def test_counts_and_statistics(outputs):
    made, params = outputs
    described = json.loads(made["dataset"].read_text())
    assert [(s["dataset"], s["shard"], s["items"]) for s in described["shards"]] == [
        ("a", "00001", 2), ("a", "00002", 3), ("b", "00001", 0),
    ]  # fmt: skip
    (row,) = described["statistics"]["annotated"]
    assert row["components"] == ["x", "y", "z"] and row["items"] == 5
    np.testing.assert_allclose(row["mean"], params.mean(0), atol=1e-5)
    np.testing.assert_allclose(row["std"], params.std(0), atol=1e-5)
    assert described["rejects"] == {"fit_faces": 1, "index_images": 1}


def test_rejects_are_merged_in_order(outputs):
    made, _ = outputs
    assert made["rejects"].read_text() == "id,stage,reason\na/7,fit_faces,odd\nb/9,index_images,empty file\n"


def test_people_are_told_what_there_is(outputs):
    text = describe_dataset(outputs[0]["dataset"])
    assert "annotated  a                   5 items" in text
    assert "1 by fit_faces, 1 by index_images" in text
