"""Learning offsets and their standard errors from renders, by ridge regression in bounded memory.

Only sums over renders are kept, so there may be as many as one likes; the order of the batches is part of the result.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy.linalg import cho_factor, cho_solve

from models3d.learnt_offsets import Regressor, predict_all, standardised

FARTHEST_MM = 8.0
"""Offsets are clipped to this: a fit that went astray teaches nothing more."""
LEAST_SPREAD = 0.02
"""Features that vary less than this are taken to vary by this."""
LEAST_ERROR = 0.1
"""Added to an error over its usual size before the logarithm, so that lucky hits do not count as certainty."""
OUTLIER = 4.0
"""Standardised errors beyond this count as that."""


class Examples(NamedTuple):
    """Rendered photos as the regressor sees them."""

    features: Float32[np.ndarray, "n d"]
    offsets_mm: Float32[np.ndarray, "n m 2"]

    @property
    def targets(self) -> Float32[np.ndarray, "n outputs"]:
        return np.clip(self.offsets_mm, -FARTHEST_MM, FARTHEST_MM).reshape(len(self.offsets_mm), -1)


class RidgeSums:
    """What ridge regression needs of the examples so far: x'x and x'y over standardised features."""

    def __init__(self, first: Examples) -> None:
        """`first` settles how features are standardised; it is not counted yet."""
        self.centre = first.features.mean(0)
        self.scale = (1 / np.maximum(first.features.std(0), LEAST_SPREAD)).astype(np.float32)
        width = len(self.centre) + 1
        self.gram = np.zeros((width, width))
        self.moments = np.zeros((width, first.targets.shape[1]))

    def add(self, batch: Examples) -> None:
        """Count a batch."""
        x = with_one(standardised(self.centre, self.scale, batch.features))
        self.gram += x.T @ x
        self.moments += x.T @ batch.targets

    def solved(self, penalty: float) -> Regressor:
        """argmin sum |x w + bias - y|^2 + penalty |w|^2; standard errors are left at 1 mm (`with_errors`)."""
        penalties = np.append(
            np.full(len(self.centre), penalty), 1e-6 * penalty
        )  # none on the bias, but keep it solvable
        solution = cho_solve(cho_factor(self.gram + np.diag(penalties)), self.moments).astype(np.float32)
        silent = np.zeros_like(solution[:-1])
        return Regressor(self.centre, self.scale, solution[:-1], solution[-1], silent, np.zeros_like(solution[-1]))


def with_one(x: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d+1"]:
    """With a column of ones behind."""
    return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)


def with_errors(regressor: Regressor, held_out: Examples, penalty: float) -> Regressor:
    """Learn from examples that the regressor does not know how large its errors are, photo by photo.

    The logarithm of an error over its usual size is regressed on the features, with a penalty, in the dual form since
    there are more features than examples; then each output is scaled so that squared standardised errors average 1.
    """
    error = predict_all(regressor, held_out.features)[0] - held_out.targets
    usual = np.sqrt(np.square(error).mean(0))
    size = np.log(np.abs(error) / usual + LEAST_ERROR)
    x = standardised(regressor.centre, regressor.scale, held_out.features).astype(np.float64)
    dual = cho_solve(cho_factor(x @ x.T + penalty * np.eye(len(x))), size - size.mean(0))
    learnt = regressor._replace(
        log_sigma=(x.T @ dual).astype(np.float32), log_sigma_bias=np.log(usual).astype(np.float32)
    )
    return rescaled(learnt, held_out)


def rescaled(regressor: Regressor, held_out: Examples) -> Regressor:
    """The regressor with standard errors that hold, output by output."""
    scale = np.sqrt(np.square(standard_errors(regressor, held_out)).mean(0))
    return regressor._replace(log_sigma_bias=(regressor.log_sigma_bias + np.log(scale)).astype(np.float32))


def whitening(regressor: Regressor, held_out: Examples) -> Float32[np.ndarray, "outputs outputs"]:
    """What makes standardised errors independent: the inverse Cholesky factor of their correlation.

    The correlation is drawn towards none, for want of examples (`shrunk_covariance`).
    """
    covariance = shrunk_covariance(standard_errors(regressor, held_out).astype(np.float64))
    deviation = np.sqrt(np.diag(covariance))
    return np.linalg.inv(np.linalg.cholesky(covariance / np.outer(deviation, deviation))).astype(np.float32)


def standard_errors(regressor: Regressor, examples: Examples) -> Float32[np.ndarray, "n outputs"]:
    """Errors over their standard errors, outliers clipped."""
    offset, log_sigma = predict_all(regressor, examples.features)
    return np.clip((offset - examples.targets) * np.exp(-log_sigma), -OUTLIER, OUTLIER)


def shrunk_covariance(rows: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "k k"]:
    """Covariance of rows of mean zero, drawn towards a multiple of the identity by as much as their number asks for
    (Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004)."""
    count, width = rows.shape
    found = rows.T @ rows / count
    level = np.trace(found) / width
    away = np.square(found).sum() - width * level**2
    noise = (np.square(np.square(rows).sum(1)).sum() - count * np.square(found).sum()) / count**2
    share = min(1.0, noise / away) if away > 0 else 1.0
    return (1 - share) * found + share * level * np.eye(width)


def rms(values: Float[np.ndarray, "..."]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))
