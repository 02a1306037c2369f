import hashlib
import json

import mlcroissant
import pytest

from models3d.errors import InputError
from pipeline.describe_croissant import run
from pipeline.files import Reject, write_rejects
from pipeline.settings.dataset import DescribeCroissant
from pipeline.shard_layouts import LAYOUTS
from pipeline.shard_meanings import MEANINGS, PRODUCTS, meaning
from tests.pipeline.gan.made_shards import NAMES, write_annotated, write_paired

SETTINGS = DescribeCroissant("faces", "Pictures of faces.", "CC0-1.0", "https://example.org/faces", ("nobody",))


@pytest.fixture
def folder(tmp_path):
    write_annotated(tmp_path / "annotated/set/00001.h5")
    write_paired(tmp_path / "paired/set/00001.h5")
    write_rejects(tmp_path / "rejects.csv", [Reject("set/9.png", "index_images", "empty file, 0 bytes")])
    (tmp_path / "dataset.json").write_text("{}")
    return tmp_path


def describe(folder, target=None):
    inputs = {"shards": sorted(folder.glob("*/*/*.h5")), "dataset": folder / "dataset.json"}
    target = target or folder / "croissant.json"
    run(inputs | {"rejects": folder / "rejects.csv"}, {"croissant": target}, SETTINGS)
    return target


def records(dataset, name):
    return [{key.split("/")[-1]: as_text(value) for key, value in row.items()} for row in dataset.records(name)]


def as_text(value):
    return value.decode() if isinstance(value, bytes) else value


def test_croissants_own_reader_finds_nothing_wrong(folder):
    dataset = mlcroissant.Dataset(describe(folder))
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.name == "faces" and len(dataset.metadata.distribution) == 4
    assert records(dataset, "rejects") == [
        {"id": "set/9.png", "stage": "index_images", "reason": "empty file, 0 bytes"}
    ]


def test_every_array_and_component_is_explained(folder):
    dataset = mlcroissant.Dataset(describe(folder))
    arrays = {(row["kind"], row["array"]) for row in records(dataset, "arrays")}
    assert arrays == {(kind, name) for kind in ("annotated", "paired") for name in LAYOUTS[kind]}
    named = [row["component"] for row in records(dataset, "components") if row["kind"] == "paired"]
    assert named == NAMES


def test_digests_are_of_the_files_bytes(folder):
    described = json.loads(describe(folder).read_text())
    for entry in described["distribution"]:
        content = (folder / entry["contentUrl"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["contentSize"] == f"{len(content)} B"


def test_the_same_bytes_twice(folder):
    before = describe(folder).read_bytes()
    assert describe(folder).read_bytes() == before


def test_files_elsewhere_are_refused(folder):
    with pytest.raises(InputError, match="does not lie below"):
        describe(folder, folder / "elsewhere/croissant.json")


def test_every_array_of_a_product_has_a_meaning_and_no_other():
    used = {(kind, name) for kind in PRODUCTS for name in LAYOUTS[kind]}
    assert all(meaning(kind, name) for kind, name in used)
    known = {f"{kind}.{name}" for kind, name in used} | {name for _, name in used}
    assert set(MEANINGS) <= known
