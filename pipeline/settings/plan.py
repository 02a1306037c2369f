"""The records of the stages of `workflow/rules/plan.smk`: what is to do, and what a shard comes from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """See `plan` in the configuration's schema; the last three are the run's own."""

    targets: tuple[str, ...]
    gpus: int
    cores: int
    snakefile: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Explain:
    """See `shard` in the configuration's schema; the last two are the run's own."""

    shard: str | None
    snakefile: str
    config: dict[str, Any]
