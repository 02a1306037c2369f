import io
import json
import tarfile

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from pipeline.export_shard import run
from pipeline.settings.dataset import ExportShard
from pipeline.shards import LAYOUTS, read_shard
from tests.pipeline.gan.made_shards import VARIANTS, write_annotated, write_meshes, write_paired

WRITE = {"annotated": write_annotated, "paired": write_paired, "meshes": write_meshes}


def export(folder, kind, form):
    shard = WRITE[kind](folder / "shard.h5")
    path = folder / f"out.{form}"
    run({"shard": shard}, {"exported": path}, ExportShard(form, kind))
    return read_shard(shard, kind), path


def decoded(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("kind", WRITE)
def test_parquet_holds_what_the_shard_holds(tmp_path, kind):
    shard, path = export(tmp_path, kind, "huggingface")
    rows = pyarrow.parquet.read_table(path).to_pylist()
    flat = shard["images"].reshape(-1, *shard["images"].shape[-3:])
    assert len(rows) == len(flat)
    params = shard["params"].reshape(len(rows), -1)
    for row, image, values in zip(rows, flat, params, strict=True):
        np.testing.assert_array_equal(decoded(row["image"]["bytes"]), image)
        np.testing.assert_array_equal(np.float32(row["params"]), values)
    assert set(rows[0]) == ({"image"} | set(LAYOUTS[kind]) - {"images", "variants"}) | (
        {"variant"} if kind == "paired" else set()
    )


def test_a_variant_keeps_its_faces_values(tmp_path):
    shard, path = export(tmp_path, "paired", "huggingface")
    rows = pyarrow.parquet.read_table(path).to_pylist()
    assert [row["variant"] for row in rows[:VARIANTS]] == shard.text("variants")
    assert {row["id"] for row in rows[VARIANTS : 2 * VARIANTS]} == {shard.text("id")[1]}
    assert rows[0]["draws"] == 1 and len(rows[0]["camera"]) == 9


def test_parquet_says_which_column_is_a_picture(tmp_path):
    _, path = export(tmp_path, "annotated", "huggingface")
    features = json.loads(pyarrow.parquet.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["params"] == {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "Sequence"}
    assert features["id"] == {"dtype": "string", "_type": "Value"}


def test_a_tar_holds_samples_without_times(tmp_path):
    shard, path = export(tmp_path, "meshes", "webdataset")
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        assert [member.name for member in members[:2]] == ["00000000.png", "00000000.json"]
        assert {(member.mtime, member.uid, member.uname) for member in members} == {(0, 0, "")}
        said = json.load(tar.extractfile("00000003.json"))
        np.testing.assert_array_equal(decoded(tar.extractfile("00000003.png").read()), shard["images"][3])
    np.testing.assert_array_equal(np.float32(said["params"]), shard["params"][3])
    assert said["id"] == shard.text("id")[3] and said["split"] == shard.text("split")[3]


@pytest.mark.parametrize("form", ["huggingface", "webdataset"])
def test_the_same_bytes_twice(tmp_path, form):
    first = export(tmp_path, "paired", form)[1].read_bytes()
    assert export(tmp_path, "paired", form)[1].read_bytes() == first
