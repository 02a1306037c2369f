"""Training the identity network on rendered faces, by the additive angular margin of ArcFace."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize
from tqdm import tqdm

from models3d.errors import InputError
from pipeline.gan.batches import gather, prepared
from pipeline.gan.checkpoints import write_state
from pipeline.gan.identity_network import BLOCKS, Embedder, IdentityNetwork, IdentityShape, grid_for
from pipeline.gan.monitors import check_numbers
from pipeline.gan.order import pictures_of_people
from pipeline.gan.pictures import Pictures
from pipeline.seeds import generator
from pipeline.settings.train import TrainIdentity

STAGE = "train_identity"
MOMENTUM = 0.9
WARM_UP_SHARE = 0.1
MOST_PAIRS = 2000
"""Of the verification: enough for an accuracy to a per cent."""


class Verification(NamedTuple):
    """How well directions tell held-out faces apart."""

    faces: int
    accuracy: float
    """Of saying 'same face' above the best threshold; 0.5 is chance."""
    same_cosine: float
    other_cosine: float


class MarginHead(nn.Module):
    """A direction a person; the picture's own person must win by a margin (Deng et al., 2019, eq. 3)."""

    def __init__(self, people: int, embedding: int, margin_rad: float, scale: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(people, embedding) * 0.01)
        self._margin, self._scale = margin_rad, scale

    def forward(self, embeddings: Float[Tensor, "b e"], people: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Cross entropy of s cos(theta + m) for the own person against s cos(theta) for the others."""
        cosines = linear(normalize(embeddings), normalize(self.centres))
        return margin_loss(cosines, people, self._margin, self._scale)


def margin_loss(
    cosines: Float[Tensor, "b c"], people: Int[Tensor, " b"], margin_rad: float, scale: float
) -> Float[Tensor, ""]:
    """-log of the own person's share after exp(s cos(theta + m)), the margin on the own angle only."""
    own = cosines.gather(1, people[:, None])
    angle = own.clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    with_margin = torch.where(angle + margin_rad < torch.pi, (angle + margin_rad).cos(), own - 2)
    return cross_entropy(scale * cosines.scatter(1, people[:, None], with_margin), people)


def train_identity(pictures: Pictures, settings: TrainIdentity, device: torch.device) -> tuple[Embedder, IdentityShape]:
    """The network behind its alignment, trained on all faces but those held out.

    Raises InputError if the depth is unknown, or fewer than two people have pictures enough.
    """
    if settings.depth not in BLOCKS:
        raise InputError("train_identity.depth", f"got {settings.depth}", f"use one of {sorted(BLOCKS)}")
    groups = pictures_of_people(pictures, ~pictures.held_out)
    if len(groups) < 2:
        raise InputError("train_identity", f"{len(groups)} faces have several pictures", "add paired or meshes shards")
    rows, people = np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    shape = IdentityShape(settings.depth, settings.width, settings.input_px, settings.embedding)
    torch.manual_seed(settings.seed)
    network = IdentityNetwork(shape)
    head = MarginHead(len(groups), shape.embedding, settings.margin_rad, settings.scale)
    grid = grid_for(pictures.condition.canonical_landmarks_px, pictures.size_px)
    embedder = Embedder(network, shape, grid).to(device)
    network.train()
    weights = [*network.requires_grad_(True).parameters(), *head.to(device).parameters()]
    network.features.weight.requires_grad = False
    learning = torch.optim.SGD(
        weights, settings.learning_rate, momentum=MOMENTUM, weight_decay=settings.weight_decay, nesterov=True
    )
    batch = min(settings.batch, len(rows))
    steps = settings.epochs * (len(rows) // batch)
    for step in tqdm(range(steps), desc=STAGE, unit="step"):
        epoch, index = divmod(step, len(rows) // batch)
        order = generator(settings.seed, STAGE, epoch).permutation(len(rows))
        places = order[index * batch : (index + 1) * batch]
        for group in learning.param_groups:
            group["lr"] = settings.learning_rate * warmed(step, steps)
        images = prepared(gather(pictures, rows[places], pinned=False).to(device), 1)
        loss = head(embedder(mirrored(images, step, settings.seed)), torch.from_numpy(people[places]).to(device))
        learning.zero_grad(set_to_none=True)
        loss.backward()
        learning.step()
        check_numbers(step, {"angular margin": float(loss.detach())})
    embedder.eval().requires_grad_(False)
    return embedder, shape


def warmed(step: int, steps: int) -> float:
    """The learning rate's factor: up linearly, then down along a cosine."""
    warm = max(1, round(WARM_UP_SHARE * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + np.cos(np.pi * (step - warm) / max(1, steps - warm)))


def mirrored(images: Float[Tensor, "b 3 h w"], step: int, seed: int) -> Float[Tensor, "b 3 h w"]:
    """Half of the pictures mirrored: a person stays the person."""
    flip = torch.from_numpy(generator(seed, STAGE, "mirror", step).random(len(images)) < 0.5).to(images.device)
    return torch.where(flip[:, None, None, None], images.flip(3), images)


def verify(embed: Embedder, pictures: Pictures, seed: int, batch: int, device: torch.device) -> Verification:
    """Same face or another's, on pairs of held-out pictures; no numbers if fewer than two are held out."""
    groups = pictures_of_people(pictures, pictures.held_out)
    if len(groups) < 2:
        return Verification(len(groups), float("nan"), float("nan"), float("nan"))
    rows, people = np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    directions = normalize(embedded(embed, pictures, rows, batch, device)).numpy()
    random = generator(seed, STAGE, "verify")
    one = random.integers(0, len(rows), MOST_PAIRS)
    start = np.searchsorted(people, people[one])
    size = np.array([len(group) for group in groups])[people[one]]
    same = start + (one - start + random.integers(1, size)) % size
    other = (start + size + random.integers(0, len(rows) - size)) % len(rows)
    own = (directions[one] * directions[same]).sum(1)
    foreign = (directions[one] * directions[other]).sum(1)
    return Verification(len(groups), best_accuracy(own, foreign), float(own.mean()), float(foreign.mean()))


def embedded(
    embed: Embedder, pictures: Pictures, rows: Int[np.ndarray, " n"], batch: int, device: torch.device
) -> Float[Tensor, "n e"]:
    """Embeddings of some pictures, on the CPU."""
    parts = []
    for start in range(0, len(rows), batch):
        images = prepared(gather(pictures, rows[start : start + batch], pinned=False).to(device), 1)
        with torch.no_grad():
            parts.append(embed(images).float().cpu())
    return torch.cat(parts)


def best_accuracy(own: Float[np.ndarray, " n"], foreign: Float[np.ndarray, " n"]) -> float:
    """The share of right answers at the threshold where it is highest."""
    thresholds = np.unique(np.concatenate([own, foreign]))
    right = [(own >= t).mean() + (foreign < t).mean() for t in thresholds[:: max(1, len(thresholds) // 500)]]
    return float(max(right) / 2)


def write_identity(path: Path, network: IdentityNetwork, shape: IdentityShape, stated: dict[str, object]) -> None:
    """The weights and what they are of, as `identity_network.read_identity` takes them."""
    description = json.dumps({"shape": shape._asdict(), **stated}, sort_keys=True, indent=1)
    write_state(path, {"identity": network.state_dict(), "description": description})
