"""Pictures on their way to the device: read ahead by several threads, or all of them there from the start.

Threads do: reading copies from mapped memory, which holds neither HDF5's lock nor the interpreter's, so there is
nothing to fork and nothing to pickle.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models3d.errors import InputError
from pipeline.gan.order import PAIRED, Order, Step
from pipeline.gan.pictures import Pictures

MEMORY_SHARE = 0.5
"""Of the device's free memory, what the whole set may take."""

AHEAD = 2
"""Batches a thread prepares in advance."""


class Batch(NamedTuple):
    """What one step trains on, on the device."""

    images: Float[Tensor, "b 3 h w"]
    params: Float[Tensor, "b p"]
    target_params: Float[Tensor, "b p"]
    target_images: Float[Tensor, "b 3 h w"] | None
    """The same faces with the target's parameters, when paired."""
    mix: Float[Tensor, " b"]


class Share(NamedTuple):
    """Which part of every batch this process takes."""

    rank: int
    world: int


ALONE = Share(0, 1)


class Reader:
    """Batches by step. `conditions` are the parameters of all pictures as the networks take them."""

    def __init__(
        self,
        pictures: Pictures,
        conditions: Float[np.ndarray, "n p"],
        order: Order,
        size_px: int,
        device: torch.device,
        placement: str,
        workers: int,
        share: Share = ALONE,
    ) -> None:
        self._pictures, self._order, self._device, self._share = pictures, order, device, share
        self._reduction = reduction(pictures.size_px, size_px)
        self._conditions = torch.from_numpy(np.ascontiguousarray(conditions, np.float32)).to(device)
        self._resident = resident(pictures, device) if on_device(pictures, device, placement) else None
        self._workers = workers
        self.waited_s = 0.0
        """Time that training stood still for data."""

    def batches(self, first: int) -> Iterator[Batch]:
        """The batches from step `first` to the last; the same ones for any number of workers."""
        steps = range(first, self._order.steps)
        if self._resident is not None:
            yield from (self._timed(lambda number=number: self._whole(number)) for number in steps)  # type: ignore[misc]
            return
        with ThreadPoolExecutor(self._workers) as pool:
            pending: deque[Future] = deque()
            for number in steps:
                while len(pending) < AHEAD * self._workers and number + len(pending) < self._order.steps:
                    pending.append(pool.submit(self._fetch, number + len(pending)))
                step, pinned = self._timed(pending.popleft().result)
                images = [self._prepared(part.to(self._device, non_blocking=True)) for part in pinned]
                yield self._batch(step, images)

    def _timed(self, produce):
        started = time.perf_counter()
        result = produce()
        self.waited_s += time.perf_counter() - started
        return result

    def _whole(self, number: int) -> Batch:
        step = self._mine(number)
        assert self._resident is not None
        rows = [torch.from_numpy(part).to(self._device) for part in needed(step)]
        return self._batch(step, [self._prepared(self._resident[part]) for part in rows])

    def _fetch(self, number: int) -> tuple[Step, list[UInt8[Tensor, "b h w 3"]]]:
        step = self._mine(number)
        pinned = self._device.type == "cuda"
        return step, [gather(self._pictures, rows, pinned) for rows in needed(step)]

    def _mine(self, number: int) -> Step:
        step, (rank, world) = self._order.step(number), self._share
        return step._replace(
            originals=step.originals[rank::world], targets=step.targets[rank::world], mix=step.mix[rank::world]
        )

    def _prepared(self, images: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b 3 s s"]:
        return prepared(images, self._reduction)

    def _batch(self, step: Step, images: list[Tensor]) -> Batch:
        originals, targets, mix = (
            torch.from_numpy(part).to(self._device) for part in (step.originals, step.targets, step.mix)
        )
        goal = images[1] if step.phase == PAIRED else None
        return Batch(images[0], self._conditions[originals], self._conditions[targets], goal, mix)


def needed(step: Step) -> list[np.ndarray]:
    """The rows whose pixels a step needs."""
    return [step.originals, step.targets] if step.phase == PAIRED else [step.originals]


def gather(pictures: Pictures, rows: np.ndarray, pinned: bool) -> UInt8[Tensor, "b h w 3"]:
    """A copy of some pictures, in memory that a GPU can take them from by itself if `pinned`."""
    side = pictures.size_px
    images = torch.empty((len(rows), side, side, 3), dtype=torch.uint8, pin_memory=pinned)
    filled = images.numpy()
    for place, row in enumerate(rows.tolist()):
        filled[place] = pictures.image(row)
    return images


def prepared(images: UInt8[Tensor, "b h w 3"], factor: int) -> Float[Tensor, "b 3 s s"]:
    """Grey levels to [-1, 1], channels first in shape (last in memory, as they came), averaged over blocks."""
    scaled = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    return avg_pool2d(scaled, factor) if factor > 1 else scaled


def grey_levels(images: Float[Tensor, "b 3 h w"]) -> UInt8[np.ndarray, "b h w 3"]:
    """The way back from [-1, 1], rounded."""
    levels = ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def reduction(stored_px: int, size_px: int) -> int:
    """How many pixels of a stored picture make one of training; raises InputError if that is not a whole number."""
    if size_px > stored_px or stored_px % size_px:
        remedy = f"set size_px to {stored_px} or to a part of it that divides it"
        raise InputError("train_slidergan.size_px", f"{size_px} does not divide the shards' {stored_px} pixels", remedy)
    return stored_px // size_px


def on_device(pictures: Pictures, device: torch.device, placement: str) -> bool:
    """Whether the whole set goes to the device; `auto` asks a GPU's free memory.

    Raises InputError if it should, and does not fit.
    """
    if placement == "workers" or device.type == "cpu":
        return False
    taken = sum(source.nbytes for source in pictures.sources)
    free = torch.cuda.mem_get_info(device)[0]
    if placement == "device" and taken > free:
        problem = f"the set takes {taken / 1e9:.1f} GB of the device's free {free / 1e9:.1f}"
        raise InputError("train_slidergan.data", problem, "set it to auto or workers")
    return placement == "device" or taken <= MEMORY_SHARE * free


def resident(pictures: Pictures, device: torch.device) -> UInt8[Tensor, "n h w 3"]:
    """All pictures on the device, shard by shard."""
    side = pictures.size_px
    images = torch.empty((len(pictures.params), side, side, 3), dtype=torch.uint8, device=device)
    for start, source in zip(pictures.starts.tolist(), pictures.sources, strict=True):
        images[start : start + len(source)] = torch.from_numpy(np.array(source)).to(device)
    return images
