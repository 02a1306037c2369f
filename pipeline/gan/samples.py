"""What a generator does, to look at: one slider over [-1, 1], other faces' expressions, neutral, and its mask."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from pipeline.gan.batches import gather, grey_levels, prepared, reduction
from pipeline.gan.conditions import Conditions
from pipeline.gan.networks import Generated
from pipeline.gan.pictures import Pictures
from pipeline.media import caption, tile
from pipeline.seeds import generator as seeded

SLIDER = (-1.0, -0.5, 0.0, 0.5, 1.0)
RANDOM = 3
FACES = 6
TILE_PX = 128
CAPTION_PX = 12

Run = Callable[[Tensor, Tensor], Generated]


class SamplePlan(NamedTuple):
    """Which faces are drawn with which parameters: the same at every step of a training."""

    rows: Int[np.ndarray, " f"]
    labels: tuple[str, ...]
    params: Float32[np.ndarray, "c p"]


def plan_samples(pictures: Pictures, conditions: Conditions, seed: int) -> SamplePlan:
    """Held-out faces, if there are any, the strongest slider, and the expressions of random pictures."""
    held_out = pictures.held_out & conditions.usable
    candidates = np.flatnonzero(held_out if held_out.any() else conditions.usable)
    _, firsts = np.unique(pictures.group[candidates], return_index=True)
    rows = candidates[np.sort(firsts)][:FACES]
    slider = strongest(pictures, conditions)
    params = np.zeros((len(SLIDER) + RANDOM + 1, conditions.values.shape[1]), np.float32)
    params[: len(SLIDER), slider] = SLIDER
    random = seeded(seed, "train_slidergan", "samples")
    params[len(SLIDER) : -1] = conditions.values[random.choice(np.flatnonzero(conditions.usable), RANDOM)]
    labels = [f"{conditions.names[slider]} {value:+g}" for value in SLIDER]
    return SamplePlan(rows, (*labels, *(f"random {n + 1}" for n in range(RANDOM)), "neutral"), params)


def strongest(pictures: Pictures, conditions: Conditions) -> int:
    """The slider that moves the training's faces most: by millimetres where the sliders are the model's components."""
    spread = conditions.values.std(axis=0)
    sigmas = np.array(pictures.condition.sigmas_mm)
    return int(np.argmax(spread * sigmas if len(sigmas) == len(spread) else spread))


def draw_samples(
    run: Run, plan: SamplePlan, pictures: Pictures, size_px: int, device: torch.device
) -> UInt8[np.ndarray, "h w 3"]:
    """A row a face: the picture, it with each of the plan's parameters, and the mask of the last (white: generated)."""
    originals = prepared(gather(pictures, plan.rows, pinned=False).to(device), reduction(pictures.size_px, size_px))
    params = torch.from_numpy(plan.params).to(device)
    tiles = []
    for original in originals:
        with torch.no_grad():
            made = run(original.expand(len(params), -1, -1, -1), params)
        mask = (2 * made.mask[-1:] - 1).expand(-1, 3, -1, -1)
        tiles += captioned(
            grey_levels(torch.cat([original[None], made.image, mask])), ("original", *plan.labels, "mask")
        )
    return tile(tiles, columns=len(plan.labels) + 2)


def captioned(images: UInt8[np.ndarray, "n h w 3"], labels: Sequence[str]) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Each picture with its label below, small ones enlarged by whole pixels."""
    times = max(1, TILE_PX // images.shape[1])
    large = images.repeat(times, axis=1).repeat(times, axis=2)
    return [caption(image, label, CAPTION_PX) for image, label in zip(large, labels, strict=True)]
