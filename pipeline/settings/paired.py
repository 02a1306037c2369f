"""The records of the stages of `workflow/rules/paired.smk`: fitted faces with other expressions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SelectFaces:
    """See `select_faces` in the configuration's schema."""

    faces: int


@dataclass(frozen=True)
class RenderPairs:
    """See `render_pairs` in the configuration's schema; the first three are those of `annotate_faces`."""

    size_px: int
    face_scale: float
    range_sigma: float
    seed: int
    expressions: int
    distribution: str
    spread: float
    max_invented: float
    max_invented_eye: float
    max_folded: float
    max_draws: int
    backend: str
    max_reject_rate: float


@dataclass(frozen=True)
class DrawExpressionSheet:
    """See `draw_expression_sheet` in the configuration's schema."""

    faces: int
    columns: int


@dataclass(frozen=True)
class DrawSliders:
    """See `draw_sliders` in the configuration's schema; `size_px` and `face_scale` are those of `annotate_faces`."""

    size_px: int
    face_scale: float
    faces: int
    sliders: int
    steps: int
