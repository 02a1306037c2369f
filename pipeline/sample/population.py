"""The people of the sample: one head, who they can be, what they can do, and how they can look."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from models3d.face_model import FaceModel, empty_basis
from pipeline.sample.actions import expression_basis
from pipeline.sample.heads import Head, load_head
from pipeline.sample.identity import identity_basis
from pipeline.sample.regions import Regions, find_regions
from pipeline.seeds import generator

SEEDED_AS = "make_sample"
"""The stage in whose name the sample's generators are made."""

KERNEL_SAMPLES = 320
"""Vertices of the identity basis's Nystroem approximation."""
IDENTITY_RANGE = 2.5
"""Nobody is drawn farther from the mean, in standard deviations."""


@runtime_checkable
class PeopleSettings(Protocol):
    """What decides who there is: the settings that all stages of the sample share."""

    @property
    def seed(self) -> int: ...
    @property
    def identity_components(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Population:
    """What every person of the sample is made from."""

    head: Head
    regions: Regions
    model: FaceModel


def random_for(settings: PeopleSettings, *item: object) -> np.random.Generator:
    """The generator of one item of the sample."""
    return generator(settings.seed, SEEDED_AS, *item)


def make_population(settings: PeopleSettings) -> Population:
    """The population of a seed, which draws its identity basis and noise; topology and actions are always the same."""
    head = load_head()
    count = len(head.vertices)
    model = FaceModel(
        name="sample",
        mean_mm=head.vertices,
        triangles=head.triangles,
        landmarks=head.landmarks,
        identity=identity_basis(
            head.vertices, settings.identity_components, KERNEL_SAMPLES, random_for(settings, "identity")
        ),
        expression=expression_basis(head),
        speech=empty_basis(count),
        source="made on menpo3d's packaged template (make_sample)",
        licence="as menpo3d's template: BSD-3-Clause",
    )
    return Population(head, find_regions(head, random_for(settings, "noise")), model)


def draw_identity(random: np.random.Generator, model: FaceModel) -> Float32[np.ndarray, " k"]:
    """Coefficients of one person."""
    drawn = random.standard_normal(len(model.identity))
    return np.clip(drawn, -IDENTITY_RANGE, IDENTITY_RANGE).astype(np.float32)
