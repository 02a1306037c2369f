import numpy as np
import pytest
from PIL import Image

from models3d.errors import InputError
from pipeline.draw_statistics import measured, run
from pipeline.plots import panels
from pipeline.settings.dataset import DrawStatistics
from pipeline.shards import read_shard
from tests.pipeline.gan.made_shards import PARAMS, write_annotated, write_meshes, write_paired


def draw(shards, folder, kind):
    run({"shards": shards}, {"figure": folder / f"{kind}.png"}, DrawStatistics(kind))
    return folder / f"{kind}.png"


@pytest.mark.parametrize(
    ("kind", "write"), [("annotated", write_annotated), ("paired", write_paired), ("meshes", write_meshes)]
)
def test_every_kind_is_drawn_the_same_twice(tmp_path, kind, write):
    shard = write(tmp_path / "a.h5")
    first = draw([shard], tmp_path, kind).read_bytes()
    assert draw([shard], tmp_path, kind).read_bytes() == first
    with Image.open(tmp_path / f"{kind}.png") as picture:
        assert not picture.info.get("Software") and np.asarray(picture.convert("L")).std() > 5


def test_a_measure_of_every_item_is_drawn(tmp_path):
    shards = [read_shard(write_paired(tmp_path / f"{n}.h5", first=n), "paired") for n in (0, 50)]
    values = {title: len(found) for found, title, _ in measured(shards)}
    assert values == {"invented": 2 * 8 * 6, "draws": 2 * 8 * 6}


def test_a_panel_a_component(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("pipeline.draw_statistics.panels", lambda count: asked.append(count) or panels(count))
    draw([write_meshes(tmp_path / "m.h5")], tmp_path, "meshes")
    assert asked == [1 + PARAMS]


def test_labels_of_neutral_faces_alone_are_drawn(tmp_path):
    assert draw([write_annotated(tmp_path / "a.h5", params=np.zeros((4, PARAMS), np.float32))], tmp_path, "annotated")


def test_shards_with_other_components_are_refused(tmp_path):
    shards = [write_annotated(tmp_path / "a.h5"), write_annotated(tmp_path / "b.h5", component_names=["x", "y", "z"])]
    with pytest.raises(InputError, match="has another component_names"):
        draw(shards, tmp_path, "annotated")
    with pytest.raises(InputError, match="no shards"):
        draw([], tmp_path, "annotated")
