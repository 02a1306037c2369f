"""ArcFace's network: an improved ResNet whose output is a face's identity as a direction.

Names of parameters are those of the checkpoints that InsightFace's arcface_torch releases (r18, r50, r100), so that
such a file loads as it is. `width` and `input_px` make smaller ones.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from models3d.errors import InputError
from models3d.readers.fields import BROKEN_FILE
from models3d.rigid import matrix, similarity
from pipeline.gan.checkpoints import as_stated, check_fit, load_weights, read_state
from pipeline.provenance import file_digest

BLOCKS: Mapping[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
}
"""Depth -> residual blocks of each of the four stages; 10 is not ArcFace's, but for those without a GPU."""
CHANNELS = (64, 128, 256, 512)
HALVINGS = 4
EPSILON = 1e-5

TEMPLATE_PX = 112
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where ArcFace's crops of 112 pixels have the eyes, the tip of the nose and the corners of the mouth."""


class IdentityShape(NamedTuple):
    """What decides the shapes of all weights."""

    depth: int
    width: float
    """Channels, as a share of ArcFace's."""
    input_px: int
    embedding: int


class Block(nn.Module):
    """Norm, convolution, norm, PReLU, convolution of the stage's stride, norm; added to what comes in."""

    def __init__(self, incoming: int, outgoing: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(incoming, eps=EPSILON)
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outgoing, eps=EPSILON)
        self.prelu = nn.PReLU(outgoing)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outgoing, eps=EPSILON)
        self.downsample: nn.Module | None = None
        if stride != 1 or incoming != outgoing:
            shortcut = nn.Conv2d(incoming, outgoing, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outgoing, eps=EPSILON))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        made = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return made + (x if self.downsample is None else self.downsample(x))


class IdentityNetwork(nn.Module):
    """A picture in [-1, 1] to its embedding, of any length; only its direction means something."""

    def __init__(self, shape: IdentityShape) -> None:
        super().__init__()
        channels = [max(1, round(count * shape.width)) for count in CHANNELS]
        self.conv1 = nn.Conv2d(3, channels[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0], eps=EPSILON)
        self.prelu = nn.PReLU(channels[0])
        incoming = channels[0]
        for stage, (count, outgoing) in enumerate(zip(BLOCKS[shape.depth], channels, strict=True), start=1):
            blocks = [Block(incoming if first else outgoing, outgoing, 2 if first else 1) for first in firsts(count)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            incoming = outgoing
        side = -(-shape.input_px // 2**HALVINGS)
        self.bn2 = nn.BatchNorm2d(incoming, eps=EPSILON)
        self.fc = nn.Linear(incoming * side**2, shape.embedding)
        self.features = nn.BatchNorm1d(shape.embedding, eps=EPSILON)
        nn.init.ones_(self.features.weight)
        self.features.weight.requires_grad = False

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        x = self.prelu(self.bn1(self.conv1(images)))
        for stage in range(1, len(CHANNELS) + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.features(self.fc(torch.flatten(self.bn2(x), 1)))


class Embedder(nn.Module):
    """F of eq. 11: pictures of this pipeline, brought to ArcFace's template, then the frozen network."""

    def __init__(self, network: IdentityNetwork, shape: IdentityShape, to_template: np.ndarray) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self._input_px = shape.input_px
        self.to_template: Tensor
        self.register_buffer("to_template", torch.from_numpy(to_template.astype(np.float32)), persistent=False)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        """Embeddings; differentiable in the pictures."""
        return self.network(self.aligned(images))

    def aligned(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 s s"]:
        """The pictures as the network expects them."""
        size = [len(images), 3, self._input_px, self._input_px]
        maps = self.to_template.to(images.dtype).expand(len(images), -1, -1)
        grid = affine_grid(maps, size, align_corners=False)
        return grid_sample(images, grid, padding_mode="border", align_corners=False)


def firsts(count: int) -> list[bool]:
    """Which of a stage's blocks is its first."""
    return [number == 0 for number in range(count)]


def grid_for(canonical_px: Sequence[Sequence[float]], stored_px: int) -> Float[np.ndarray, "2 3"]:
    """The map from the template to our pictures, both with sides from -1 to 1, as torch's `affine_grid` wants it.

    canonical_px  where pictures of `stored_px` a side have the 68 landmarks; if nobody says, pictures stay as they are
    """
    if not len(canonical_px):
        return np.eye(2, 3)
    points = np.asarray(canonical_px, np.float64)
    ours = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
    return matrix(similarity(2 * TEMPLATE / TEMPLATE_PX - 1, 2 * ours / stored_px - 1)).astype(np.float64)


def read_identity(path: Path) -> tuple[IdentityNetwork, IdentityShape, str]:
    """A network from this pipeline's own file or from released weights, its shape, and what a report says of it.

    Raises InputError if it is neither, or its weights have other shapes than their depth asks for.
    """
    state = read_state(path)
    own = "description" in state
    try:
        if own:
            weights, shape = state["identity"], as_stated(IdentityShape, json.loads(state["description"])["shape"])
        else:
            weights, shape = state, shape_of(state)
        with torch.device("meta"):
            check_fit(path, IdentityNetwork(shape), weights)
    except InputError:
        raise
    except BROKEN_FILE as error:
        remedy = "name the backbone.pth of ArcFace's r18, r50 or r100, or leave identity_weights null to train one"
        raise InputError(path, f"does not hold an ArcFace network ({error})", remedy) from error
    network = IdentityNetwork(shape)
    load_weights(path, network, weights)
    network.eval().requires_grad_(False)
    origin = "trained here on rendered identities" if own else "weights of the user's"
    return network, shape, f"ArcFace IResNet-{shape.depth}, width {shape.width:g}, {origin}, {file_digest(path)[:16]}"


def shape_of(weights: Mapping[str, Tensor]) -> IdentityShape:
    """Depth, width, input size and embedding of released weights, from their names and shapes."""
    counts = tuple(
        len({name.split(".")[1] for name in weights if name.startswith(f"layer{stage}.")}) for stage in range(1, 5)
    )
    depth = next((depth for depth, blocks in BLOCKS.items() if blocks == counts), None)
    if depth is None:
        raise ValueError(f"stages of {counts} blocks")
    width = weights["conv1.weight"].shape[0] / CHANNELS[0]
    embedding, inputs = weights["fc.weight"].shape
    side = round((inputs / weights["bn2.weight"].shape[0]) ** 0.5)
    return IdentityShape(depth, width, side * 2**HALVINGS, embedding)
