"""The stage: what it reads and writes, with the identity network it was given."""

from dataclasses import replace

import pytest
import torch

from models3d.errors import InputError
from pipeline import train_identity, train_slidergan
from pipeline.gan.checkpoints import read_networks, read_state
from pipeline.train_slidergan import run
from tests.pipeline.gan.made_shards import IDENTITY, TRAIN, write_annotated, write_meshes, write_paired

torch.set_num_threads(1)  # as the workflow's rules have it


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train_slidergan")
    shards = [write_paired(folder / "p.h5"), write_annotated(folder / "a.h5"), write_meshes(folder / "m.h5")]
    outputs = {"identity": folder / "identity.pt", "report": folder / "identity.json"}
    train_identity.run({"shards": shards[:1]}, outputs, replace(IDENTITY, epochs=1))
    return {"shards": shards, "identity": outputs["identity"]}


def train(inputs, folder, settings):
    outputs = {name: folder / name for name in ("checkpoint", "history", "samples")}
    run(inputs, outputs, settings)
    return outputs["checkpoint"]


@pytest.mark.parametrize(
    ("variant", "changed"),
    [
        ("slidergan_rad", {"weight_id": 4.0}),
        ("slidergan_wgp", {"weight_id": 4.0, "adversarial": "wgan_gp"}),
        ("no_identity_no_pairs", {"weight_gen": 0.0}),
        (
            "ganimation",
            {"weight_gen": 0.0, "adversarial": "wgan_gp", "weight_smooth": 1e-4, "condition": "action_units"},
        ),
    ],
)
def test_every_variant_is_a_matter_of_settings(inputs, tmp_path, variant, changed):
    path = train(inputs, tmp_path, replace(TRAIN, variant=variant, changes=changed))
    description = read_networks(path)[2]
    assert description.variant == variant
    assert ("trained here" in description.identity_network) == ("weight_id" in changed)
    assert ("noise of 0.1" in description.condition_origin) == (variant == "ganimation")


def test_two_runs_give_the_same_weights(inputs, tmp_path):
    states = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        states.append(read_state(train(inputs, tmp_path / name, replace(TRAIN, weight_id=4.0))))
    for name, value in states[0]["generator"].items():
        assert torch.equal(value, states[1]["generator"][name]), name


def test_a_gpu_that_must_be_there_is_asked_for(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no GPU"):
        train(inputs, tmp_path, replace(TRAIN, gpu="required"))


def test_as_many_processes_as_gpus_are_launched(inputs, tmp_path, monkeypatch):
    launched = []
    monkeypatch.setattr(train_slidergan, "choose_device", lambda *_: torch.device("cuda", 0))
    monkeypatch.setattr(train_slidergan, "launch", lambda *given: launched.append(given[2:]))
    train(inputs, tmp_path, replace(TRAIN, gpu="auto", gpus=4, batch=16))
    assert launched == [(4, 16)]


def test_pictures_smaller_than_the_networks_are_refused(inputs, tmp_path):
    with pytest.raises(InputError, match="128 does not divide the shards' 64 pixels"):
        train(inputs, tmp_path, replace(TRAIN, size_px=128))
