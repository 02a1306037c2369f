"""ArcFace's network, its alignment, its loss, and the weights of others."""

import json
import math

import numpy as np
import pytest
import torch

from models3d.errors import InputError
from pipeline.gan.checkpoints import write_state
from pipeline.gan.identity_network import (
    TEMPLATE,
    TEMPLATE_PX,
    Embedder,
    IdentityNetwork,
    IdentityShape,
    grid_for,
    read_identity,
)
from pipeline.gan.identity_training import best_accuracy, margin_loss, mirrored, warmed

SMALL = IdentityShape(depth=18, width=1 / 16, input_px=32, embedding=8)


@pytest.mark.parametrize(
    ("depth", "millions", "names"),
    [(18, 24.0, 2 + 2 + 2 + 2), (50, 43.6, 3 + 4 + 14 + 3), (100, 65.2, 3 + 13 + 30 + 3)],
)
def test_depths_are_arcfaces(depth, millions, names):
    with torch.device("meta"):
        network = IdentityNetwork(IdentityShape(depth, 1.0, 112, 512))
    weights = network.state_dict()
    assert sum(w.numel() for w in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)
    assert len({".".join(name.split(".")[:2]) for name in weights if name.startswith("layer")}) == names
    assert tuple(weights["fc.weight"].shape) == (512, 512 * 7 * 7)
    for name in ("conv1.weight", "bn1.running_mean", "prelu.weight", "layer1.0.bn1.weight", "layer1.0.conv2.weight",
                 "layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn3.bias",
                 "bn2.weight", "fc.bias", "features.weight"):  # fmt: skip
        assert name in weights


def test_an_embedding_is_differentiable_in_the_picture_and_frozen_otherwise():
    torch.manual_seed(0)
    embed = Embedder(IdentityNetwork(SMALL), SMALL, np.eye(2, 3))
    images = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_(True)
    embed(images).square().sum().backward()
    assert images.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in embed.parameters())


def canonical() -> np.ndarray:
    """68 points whose eyes, nose and mouth corners lie where ArcFace's template has them, turned and scaled."""
    points = np.zeros((68, 2))
    turn = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    places = TEMPLATE @ (0.8 * turn).T + (20, 12)
    points[36:42], points[42:48], points[30], points[48], points[54] = places
    return points


def test_pictures_are_brought_to_arcfaces_template():
    side = 128
    points = canonical()
    image = torch.full((1, 3, side, side), -1.0)
    y, x = np.mgrid[:side, :side] + 0.5
    for number, (px, py) in enumerate(points[[36, 42, 30, 48, 54]]):
        image[0, number % 3] = torch.maximum(
            image[0, number % 3], torch.from_numpy(2 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) - 1).float()
        )
    shape = SMALL._replace(input_px=TEMPLATE_PX)
    aligned = Embedder(IdentityNetwork(shape), shape, grid_for(points.tolist(), side)).aligned(image)[0].numpy()
    for number, (px, py) in enumerate(TEMPLATE):
        there = aligned[number % 3, int(py), int(px)]
        assert there > 0.5, f"point {number}"
    assert aligned[:, 5, 5].max() < -0.99


def test_the_size_of_the_pictures_does_not_matter_to_the_alignment():
    points = canonical()
    np.testing.assert_allclose(grid_for(points.tolist(), 128), grid_for((points / 2).tolist(), 64), atol=1e-12)
    np.testing.assert_array_equal(grid_for((), 128), np.eye(2, 3))


def literal_margin(cosines, people, margin, scale):
    total = 0.0
    for row, own in zip(cosines.tolist(), people.tolist(), strict=True):
        logits = [scale * c for c in row]
        logits[own] = scale * math.cos(math.acos(row[own]) + margin)
        total -= logits[own] - math.log(sum(math.exp(x) for x in logits))
    return total / len(people)


def test_the_margin_is_added_to_the_own_angle():
    cosines = torch.tensor([[0.9, 0.1, -0.3], [0.2, 0.5, 0.4]])
    people = torch.tensor([0, 2])
    found = float(margin_loss(cosines, people, 0.5, 8.0))
    assert found == pytest.approx(literal_margin(cosines, people, 0.5, 8.0), abs=1e-5)
    assert found > float(margin_loss(cosines, people, 0.0, 8.0))


def test_beyond_half_a_turn_the_margin_still_costs():
    own = torch.tensor([[-0.999]], requires_grad=True)
    loss = margin_loss(torch.cat([own, torch.zeros(1, 1)], 1), torch.tensor([0]), 0.5, 8.0)
    loss.backward()
    assert own.grad < 0, "a higher cosine still lowers the loss"


def test_accuracy_is_that_of_the_best_threshold():
    assert best_accuracy(np.array([0.9, 0.8, 0.7]), np.array([0.1, 0.2, 0.3])) == 1.0
    assert best_accuracy(np.array([0.5, 0.1]), np.array([0.5, 0.1])) == 0.5


def test_the_rate_warms_up_and_cools_down():
    rates = [warmed(step, 100) for step in range(100)]
    assert rates[0] < rates[5] < rates[10] == 1 and rates[99] < 0.01


def test_half_of_the_pictures_are_mirrored():
    images = torch.arange(8.0).reshape(1, 1, 1, 8).expand(64, 3, 1, 8)
    flipped = mirrored(images, 0, 0)[:, 0, 0, 0] == 7
    assert 16 < int(flipped.sum()) < 48
    assert torch.equal(mirrored(images, 3, 0), mirrored(images, 3, 0))


def test_released_weights_load_by_their_names(tmp_path):
    torch.manual_seed(1)
    network = IdentityNetwork(SMALL)
    torch.save(network.state_dict(), tmp_path / "backbone.pth")
    loaded, shape, origin = read_identity(tmp_path / "backbone.pth")
    assert shape == SMALL and "weights of the user's" in origin and "IResNet-18" in origin
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(loaded.eval()(images), network.eval()(images))


def test_own_weights_say_so(tmp_path):
    description = json.dumps({"shape": SMALL._asdict()})
    write_state(tmp_path / "own.pt", {"identity": IdentityNetwork(SMALL).state_dict(), "description": description})
    assert "trained here on rendered identities" in read_identity(tmp_path / "own.pt")[2]


def test_files_that_are_no_identity_network_are_refused(tmp_path):
    weights = IdentityNetwork(SMALL).state_dict()
    for name, state, message in (
        ("other", {"weight": torch.zeros(2)}, "does not hold an ArcFace network"),
        ("depth", {**weights, "layer1.7.conv1.weight": torch.zeros(1)}, "does not hold an ArcFace network"),
        ("shape", {**weights, "layer1.0.conv1.weight": torch.zeros(1)}, r"'layer1.0.conv1.weight' has shape \(1,\)"),
        ("lacks", {k: v for k, v in weights.items() if k != "features.bias"}, r"lacks 'features.bias'"),
        ("huge", {**weights, "fc.weight": torch.zeros(1).expand(8, 10**9)}, "claims .* bytes of weights in a file of"),
    ):
        write_state(tmp_path / name, state)
        with pytest.raises(InputError, match=message):
            read_identity(tmp_path / name)
