"""Which pictures make which batch: decided by the seed and the number of the step, by nothing else."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int

from models3d.errors import InputError
from pipeline.gan.pictures import Pictures
from pipeline.seeds import generator

STAGE = "train_slidergan"
PAIRED, UNPAIRED = "paired", "unpaired"


class Schedule(NamedTuple):
    """First epochs on pairs, then on photos without any; an epoch shows every picture of its phase once."""

    paired_epochs: int
    unpaired_epochs: int
    batch: int
    """Pictures a step, over all GPUs."""
    seed: int


class Step(NamedTuple):
    """One batch, as rows of the pictures."""

    phase: str
    originals: Int[np.ndarray, " b"]
    targets: Int[np.ndarray, " b"]
    """Whose parameters are to be generated; when paired, whose picture too."""
    mix: Float32[np.ndarray, " b"]
    """In [0, 1): where between real and generated the penalty looks."""


class Order:
    """The batches of a training, by step. Last pictures of an epoch that fill no batch wait for the next shuffle."""

    def __init__(self, pictures: Pictures, schedule: Schedule, training: Bool[np.ndarray, " n"]) -> None:
        """`training` says which pictures may be shown."""
        self.schedule = schedule
        groups = groups_of_pairs(pictures, training)
        sizes = np.array([len(rows) for rows in groups], np.int64)
        self._pairable = np.concatenate([np.empty(0, np.int64), *groups])
        self._size_of = np.repeat(sizes, sizes)
        self._first_of = np.repeat(np.cumsum(sizes) - sizes, sizes)
        self._photos = np.flatnonzero(training & pictures.photo)
        self._all = np.flatnonzero(training)
        self.paired_steps = self._steps(len(self._pairable), schedule.paired_epochs, "pictures with exact parameters")
        self.unpaired_steps = self._steps(len(self._photos), schedule.unpaired_epochs, "photos")
        self.steps = self.paired_steps + self.unpaired_steps
        self._shuffled = lru_cache(maxsize=2)(self._shuffle)

    def step(self, number: int) -> Step:
        """The batch of step `number`, counted from 0."""
        random = generator(self.schedule.seed, STAGE, "step", number)
        if number < self.paired_steps:
            places = self._places(PAIRED, len(self._pairable), number)
            originals, targets = self._pairable[places], self._pairable[self._partners(random, places)]
            phase = PAIRED
        else:
            places = self._places(UNPAIRED, len(self._photos), number - self.paired_steps)
            originals, targets = self._photos[places], random.choice(self._all, len(places))
            phase = UNPAIRED
        return Step(phase, originals, targets, random.random(len(places), np.float32))

    def _places(self, phase: str, count: int, number: int) -> Int[np.ndarray, " b"]:
        """What the batch `number` of a phase takes of its `count` pictures."""
        epoch, index = divmod(number, count // self.schedule.batch)
        return self._shuffled(phase, count, epoch)[index * self.schedule.batch :][: self.schedule.batch]

    def _shuffle(self, phase: str, count: int, epoch: int) -> Int[np.ndarray, " n"]:
        return generator(self.schedule.seed, STAGE, phase, epoch).permutation(count)

    def _partners(self, random: np.random.Generator, places: Int[np.ndarray, " b"]) -> Int[np.ndarray, " b"]:
        """The place of another picture of each one's face, all of them as likely."""
        first, size = self._first_of[places], self._size_of[places]
        return first + (places - first + random.integers(1, size)) % size

    def _steps(self, count: int, epochs: int, what: str) -> int:
        if epochs and count < self.schedule.batch:
            remedy = f"lower train_slidergan.batch, add shards, or set the epochs on {what} to 0"
            raise InputError("training", f"{count} {what} do not fill a batch of {self.schedule.batch}", remedy)
        return epochs * (count // self.schedule.batch)


def groups_of_pairs(pictures: Pictures, chosen: Bool[np.ndarray, " n"]) -> list[Int[np.ndarray, " g"]]:
    """The rows of each face and session with at least two chosen pictures whose parameters are exact, ascending."""
    return alike(np.flatnonzero(pictures.pairable & chosen), pictures.group)


def pictures_of_people(pictures: Pictures, chosen: Bool[np.ndarray, " n"]) -> list[Int[np.ndarray, " g"]]:
    """The same of each face, over all its sessions."""
    return alike(np.flatnonzero(pictures.pairable & chosen), pictures.person)


def alike(rows: Int[np.ndarray, " r"], labels: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " g"]]:
    """Rows of one label together, ascending; labels of a single row are left out."""
    sorted_rows = rows[np.argsort(labels[rows], kind="stable")]
    breaks = np.flatnonzero(np.diff(labels[sorted_rows])) + 1
    return [group for group in np.split(sorted_rows, breaks) if len(group) > 1]
