"""An identity network from rendered faces: that it tells held-out faces apart, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from pipeline.gan.identity_network import read_identity
from pipeline.train_identity import run
from tests.pipeline.gan.made_shards import IDENTITY, write_annotated, write_paired

torch.set_num_threads(1)  # as the workflow's rules have it


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    return write_paired(tmp_path_factory.mktemp("identity") / "paired.h5", faces=20)


def train(shards, folder, settings=IDENTITY):
    outputs = {"identity": folder / "identity.pt", "report": folder / "identity.json"}
    run({"shards": shards}, outputs, settings)
    return outputs


def test_held_out_faces_are_told_apart(shard, tmp_path):
    outputs = train([shard], tmp_path, replace(IDENTITY, epochs=12))
    report = json.loads(outputs["report"].read_text())
    assert report["depth"] == 10 and report["stage"] == "train_identity"
    found = report["verification"]
    assert found["faces"] >= 3 and found["accuracy"] > 0.9 and found["same_cosine"] > found["other_cosine"] + 0.2
    network, shape, origin = read_identity(outputs["identity"])
    assert shape.input_px == 32 and "trained here on rendered identities" in origin
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 16)


def test_equal_seeds_give_equal_weights(shard, tmp_path):
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(train([shard], tmp_path / name, replace(IDENTITY, epochs=1))["identity"])
    one, two = (read_identity(file)[0].state_dict() for file in files)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_on_cpu_makes_it_small(shard, tmp_path):
    outputs = train([shard], tmp_path, replace(IDENTITY, depth=100, epochs=99, on_cpu={"depth": 10, "epochs": 1}))
    assert json.loads(outputs["report"].read_text())["depth"] == 10
    with pytest.raises(InputError, match="there is no setting 'deep'"):
        train([shard], tmp_path, replace(IDENTITY, on_cpu={"deep": 1}))


def test_faces_without_several_pictures_teach_nothing(tmp_path):
    photos = write_annotated(tmp_path / "annotated.h5", params=np.zeros((4, 3), np.float32))
    with pytest.raises(InputError, match="0 faces have several pictures"):
        train([photos], tmp_path)
    with pytest.raises(InputError, match="train_identity.depth: got 34"):
        train([photos], tmp_path, replace(IDENTITY, depth=34))
