"""What stages that fit landmarks believe, from their settings."""

from typing import Protocol, runtime_checkable

import numpy as np

from models3d.fitting.landmark_fit import LandmarkFitOptions


@runtime_checkable
class FitSettings(Protocol):
    """The settings that `fit_faces` and whatever must fit in the same way share."""

    @property
    def iterations(self) -> int: ...
    @property
    def landmark_sigma(self) -> float: ...
    @property
    def identity_weight(self) -> float: ...
    @property
    def expression_weight(self) -> float: ...
    @property
    def focal(self) -> str: ...
    @property
    def focal_ratio(self) -> float: ...
    @property
    def focal_log_sigma(self) -> float: ...
    @property
    def max_turn_degrees(self) -> float: ...


def landmark_fit_options(settings: FitSettings) -> LandmarkFitOptions:
    """The settings as the fitter takes them."""
    return LandmarkFitOptions(
        landmark_sigma=settings.landmark_sigma,
        identity_weight=settings.identity_weight,
        expression_weight=settings.expression_weight,
        focal_ratio=settings.focal_ratio,
        focal_log_sigma=settings.focal_log_sigma if settings.focal == "solve" else 0.0,
        max_turn_rad=float(np.deg2rad(settings.max_turn_degrees)),
        iterations=settings.iterations,
    )
