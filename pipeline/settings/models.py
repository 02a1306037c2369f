"""The records of the stages of `workflow/rules/models.smk`: face models and expression bases."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BuildModels:
    """See `models` in the configuration's schema: where one face model comes from."""

    identity: dict
    expression: dict | None
    speech: dict | None
    landmarks: str | None
    identity_components: int
    expression_components: int
    speech_components: int


@dataclass(frozen=True)
class BuildExpressionModel:
    """See `build_expression_model` in the configuration's schema."""

    seed: int
    method: str
    components: int
    one_sided: bool
    sparsity: float
    support: tuple[float, float]
    sigma_over: str
    rank: int
    tolerance: float
    max_rounds: int


@dataclass(frozen=True)
class DrawComponents:
    """See `draw_components` in the configuration's schema."""

    steps: int
    tile_px: int
