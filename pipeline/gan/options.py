"""The settings of a training, resolved for the device, as the records that its parts take."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace

import torch

from models3d.errors import InputError
from pipeline.gan.devices import COMPILE_MODES, Speed
from pipeline.gan.losses import MODES, Weights
from pipeline.gan.networks import NORMALISATIONS, Dimensions
from pipeline.gan.order import Schedule
from pipeline.gan.steps import Objective, Optimisation
from pipeline.settings.train import TrainSlidergan

DECIDED_ELSEWHERE = frozenset({"variant", "changes", "gpu", "on_cpu", "gpus"})
"""Settings that neither `on_cpu` nor a variant may change."""

NO_EFFECT = frozenset(
    {
        "gpu",
        "gpus",
        "on_cpu",
        "changes",
        "workers",
        "data",
        "checkpoint_minutes",
        "log_every_steps",
        "sample_every_steps",
    }
)
"""Settings that change no weight, so that a training goes on when they are changed."""


def resolve(settings: TrainSlidergan, device: torch.device) -> TrainSlidergan:
    """The settings on this device: the section's, changed by `on_cpu` if there is no GPU, then by the variant.

    Raises InputError if `on_cpu` or the variant names a setting that there is not, or a mode is unknown.
    """
    if device.type == "cpu":
        settings = changed(settings, settings.on_cpu, "train_slidergan.on_cpu")
    settings = changed(settings, settings.changes, f"slidergan_variants.{settings.variant}")
    for name, value, allowed in (
        ("adversarial", settings.adversarial, MODES),
        ("compile", settings.compile, COMPILE_MODES),
        ("precision", settings.precision, ("float32", "bf16")),
        ("normalisation", settings.normalisation, NORMALISATIONS),
    ):
        if value not in allowed:
            raise InputError(f"train_slidergan.{name}", f"got '{value}'", f"use one of {allowed}")
    return settings


def changed(settings: TrainSlidergan, changes: Mapping[str, object], item: str) -> TrainSlidergan:
    """The settings with some of them changed; raises InputError if one may not be, or does not exist."""
    possible = {field.name for field in fields(settings)} - DECIDED_ELSEWHERE
    unknown = sorted(set(changes) - possible)
    if unknown:
        raise InputError(item, f"there is no setting '{unknown[0]}'", f"use some of {sorted(possible)}")
    return replace(settings, **changes)  # type: ignore[arg-type]


def decisive(settings: TrainSlidergan) -> dict:
    """The settings that decide the weights: two trainings that agree in them are one."""
    return {name: value for name, value in asdict(settings).items() if name not in NO_EFFECT}


def dimensions(settings: TrainSlidergan, params: int) -> Dimensions:
    """Of the networks."""
    return Dimensions(
        params=params,
        size_px=settings.size_px,
        generator_channels=settings.generator_channels,
        critic_channels=settings.critic_channels,
        residual_blocks=settings.residual_blocks,
        normalisation=settings.normalisation,
        residual_image=settings.residual_image,
        coordinates=settings.coordinates,
    )


def objective(settings: TrainSlidergan) -> Objective:
    """The losses and their weights."""
    weights = Weights(**{name: getattr(settings, f"weight_{name}") for name in Weights._fields})
    return Objective(settings.adversarial, weights, settings.pair_softness)


def schedule(settings: TrainSlidergan) -> Schedule:
    """Which pictures when."""
    return Schedule(settings.paired_epochs, settings.unpaired_epochs, settings.batch, settings.seed)


def optimisation(settings: TrainSlidergan) -> Optimisation:
    """Adam's constants."""
    return Optimisation(settings.learning_rate, settings.betas)


def speed(settings: TrainSlidergan) -> Speed:
    """How the networks are run."""
    return Speed(settings.precision, settings.tf32, settings.channels_last, settings.compile, settings.fused)


def learning_rate(settings: TrainSlidergan, step: int, steps: int) -> float:
    """Constant for a share `decay_from` of all steps, then falling linearly to 0 at the end."""
    left = (steps - step) / steps
    return settings.learning_rate * min(1.0, left / max(1 - settings.decay_from, 1e-9))
