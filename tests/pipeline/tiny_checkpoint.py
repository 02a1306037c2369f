"""A checkpoint of seconds: networks of a few channels, untrained, aligned as `annotate_faces` aligns."""

from pathlib import Path

import numpy as np
import torch

from pipeline.gan.checkpoints import Description, describe, write_state
from pipeline.gan.networks import Critic, Dimensions, Generator
from pipeline.gan.pictures import Condition

NAMES = ("jaw_open", "smile_left", "smile_right", "jaw_left")
BOUNDS = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
PICTURE_PX = 128


def mean_landmarks() -> np.ndarray:
    """Where a face seen from the front has the 68 landmarks, roughly; its box is in the middle of the picture."""
    jaw = [(np.cos(a) * 45, np.sin(a) * 50 + 5) for a in np.linspace(np.pi, 0, 17)]
    brows = [
        (x, -28 - 4 * np.sin(np.pi * i / 4)) for side in (-24, 24) for i, x in enumerate(side + np.linspace(-12, 12, 5))
    ]
    nose = [(0, y) for y in np.linspace(-18, 5, 4)] + [(x, 10) for x in np.linspace(-8, 8, 5)]
    ring = np.array([(-1, 0), (-0.4, -1), (0.4, -1), (1, 0), (0.4, 1), (-0.4, 1)])
    eyes = [tuple(point * (8, 3) + (side, -18)) for side in (-22, 22) for point in ring]
    lips = [(np.cos(a) * 18, np.sin(a) * 8 + 26) for a in np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)]
    lips += [(np.cos(a) * 14, np.sin(a) * 3 + 26) for a in np.linspace(np.pi, 3 * np.pi, 8, endpoint=False)]
    points = np.array([*jaw, *brows, *nose, *eyes, *lips])
    return points - (points.min(0) + points.max(0)) / 2 + PICTURE_PX / 2


def write_checkpoint(
    path: Path, names: tuple[str, ...] = NAMES, bounds=BOUNDS, model_digest: str = "m", size_px: int = 64,
    dimensions: Dimensions | None = None,
) -> Path:  # fmt: skip
    """Untrained weights from a seed, but the heads' are enlarged: every slider changes the picture visibly."""
    dimensions = dimensions or Dimensions(len(names), size_px, 8, 4, 1, "none", True, True)
    torch.manual_seed(4)
    generator, critic = Generator(dimensions), Critic(dimensions)
    with torch.no_grad():
        generator.heads.weight *= 3
        generator.first.weight[:, -len(names) :] *= 10
    points = mean_landmarks()
    condition = Condition(
        names,
        (1.0,) * len(names),
        3.0,
        model_digest,
        tuple(map(tuple, points.tolist())),
        PICTURE_PX,
        bounds,
    )
    description = Description(
        "slidergan_rad", 1, dimensions, condition, names, "params", "parameters of the shards", "d", 0.1, "none", {}
    )
    weights = {"generator": generator.state_dict(), "critic": critic.state_dict()}
    write_state(path, {**weights, "description": describe(description)})
    return path
