"""Watching a training: losses that stop being numbers, a mask that saturates, time lost to data; TensorBoard."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from models3d.errors import InputError

logger = logging.getLogger(__name__)

SATURATED = (0.02, 0.98)
"""Means of a mask beyond which the generator copies its input, or no longer uses it."""

MASK_ADVICE = {
    "low": "the generator copies its input: lower weight_att (or learning_rate), or raise weight_exp",
    "high": "the generator paints the whole picture anew: raise weight_att or weight_rec",
}
NAN_REMEDY = "lower learning_rate, or set precision to float32; running again goes on from the last checkpoint"

HISTORY = (
    "step", "paired", "learning_rate", "critic_adv", "critic_gp", "critic_exp", "generator_adv", "generator_exp",
    "generator_rec", "generator_att", "generator_gen", "generator_id", "generator_smooth", "mask", "images_per_s",
    "waiting_share",
)  # fmt: skip
"""Columns of a training's history; a term that a step did not have is not a number there."""


def check_numbers(step: int, values: Mapping[str, float]) -> None:
    """Raise InputError if a loss is no longer a number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"training step {step}", f"the loss '{name}' is {value}", NAN_REMEDY)


def check_weights(step: int, *networks: nn.Module) -> None:
    """Raise InputError if a weight is no longer a number: such a network must not replace a sound checkpoint."""
    for network in networks:
        for name, weight in network.named_parameters():
            if not math.isfinite(float(weight.detach().float().abs().sum())):
                raise InputError(f"training step {step}", f"the weights '{name}' are no longer numbers", NAN_REMEDY)


class MaskWatch:
    """Warns when the mean of the mask leaves its range, once each time it does."""

    def __init__(self) -> None:
        self._state = ""

    def look(self, step: int, mean: float) -> str:
        """`low`, `high` or nothing."""
        low, high = SATURATED
        state = "low" if mean < low else "high" if mean > high else ""
        if state and state != self._state:
            logger.warning("step %d: the mask's mean is %.3f: %s", step, mean, MASK_ADVICE[state])
        self._state = state
        return state


class Pace:
    """Images a second, and the share of time spent waiting for data, between one look and the next."""

    def __init__(self, step: int) -> None:
        self._step, self._waited_s, self._clock = step, 0.0, time.perf_counter()

    def read(self, step: int, batch: int, waited_s: float) -> dict[str, float]:
        """Both, by the names of the history's columns."""
        now = time.perf_counter()
        taken = now - self._clock
        pace = {
            "images_per_s": (step - self._step) * batch / taken,
            "waiting_share": (waited_s - self._waited_s) / taken,
        }
        self._step, self._waited_s, self._clock = step, waited_s, now
        return pace


class Board:
    """TensorBoard's files, for the process that writes them; what came after `step` in an earlier run is dropped."""

    def __init__(self, folder: Path, step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step)

    def row(self, row: Mapping[str, float]) -> None:
        """One row of the history."""
        for name, value in row.items():
            if name != "step" and math.isfinite(value):
                self._writer.add_scalar(name.replace("_", "/", 1), value, int(row["step"]))

    def picture(self, step: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """A grid of samples."""
        self._writer.add_image("samples", image, step, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()
