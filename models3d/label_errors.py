"""What standard errors of coefficients are worth, measured on faces whose truth is known, and how to mend them.

A fit says how far its coefficients may be from the truth under what it believes (`fitting.covariance`), and it
believes wrongly in ways that it cannot know: marks are better or worse than assumed, a detector errs in patterns, the
model lacks shapes. How well a photo's landmarks are met tells much of that, so standard errors are multiplied by

    scale (residual / typical)^slope

learnt by quantile regression, so that a few wild fits do not widen all intervals.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import sparse
from scipy.optimize import linprog

ONE_SIGMA = 0.6826894921370859
"""Share of a normal distribution within one standard deviation."""

AT_BOUND = 1e-4
"""A coefficient this close to a bound, in standard deviations, is held by it."""

EXTREMES = (0.02, 0.98)
"""Quantiles of the residuals that were learnt from; beyond them the nearer one counts."""

LEAST_ERROR = 1e-6
"""Errors are taken for at least this many standard errors, so that they have a logarithm."""


class Calibration(NamedTuple):
    """What standard errors must be multiplied by, given the residual of their photo."""

    scale: float
    """At the typical residual."""
    slope: float
    """At least 0: a photo whose landmarks are met better is not less sure."""
    typical: float
    least: float
    most: float
    """Residuals: the median of those that were learnt from, and the ends of their range."""

    def factors(self, residuals: Float[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
        """The factor of every photo."""
        within = np.clip(residuals, self.least, self.most) / self.typical
        return (self.scale * within**self.slope).astype(np.float32)


AS_THEY_ARE = Calibration(1.0, 0.0, 1.0, 1.0, 1.0)


def held(coefficients: Float[np.ndarray, "n k"], bounds: Float[np.ndarray, "k 2"]) -> Bool[np.ndarray, "n k"]:
    """Which coefficients lie at a bound."""
    return (coefficients < bounds[:, 0] + AT_BOUND) | (coefficients > bounds[:, 1] - AT_BOUND)


def learn_calibration(
    errors: Float[np.ndarray, "n k"],
    sigmas: Float[np.ndarray, "n k"],
    residuals: Float[np.ndarray, " n"],
    at_bound: Bool[np.ndarray, "n k"],
) -> Calibration:
    """The calibration after which one standard error holds the truth as often as a standard deviation does.

    errors    fitted minus true coefficients, of other faces than the result is judged on
    at_bound  these do not count: truths that lie at the same bound would be held by no width at all, and
              as many more would be missed elsewhere
    """
    photo, _ = np.nonzero(~at_bound)
    ratios = np.log(np.maximum(np.abs(errors)[~at_bound] / sigmas[~at_bound], LEAST_ERROR))
    typical, (least, most) = np.median(residuals), np.quantile(residuals, EXTREMES)
    place = np.log(np.clip(residuals, least, most) / typical)[photo]
    height, slope = quantile_line(place, ratios)
    if slope < 0:
        slope, height = 0.0, float(np.quantile(ratios, ONE_SIGMA))
    return Calibration(float(np.exp(height)), slope, float(typical), float(least), float(most))


def quantile_line(x: Float[np.ndarray, " m"], y: Float[np.ndarray, " m"]) -> tuple[float, float]:
    """Height and slope of the line that has the share ONE_SIGMA of the y below it, wherever x is.

    Koenker and Bassett, "Regression quantiles" (1978): the linear programme that weighs what lies above by the
    quantile, what lies below by the rest.
    """
    count = len(x)
    line = np.column_stack([np.ones(count), x])
    slack = sparse.eye_array(count)
    equal = sparse.hstack([line, -line, slack, -slack], format="csc")
    weights = np.repeat([0.0, ONE_SIGMA, 1 - ONE_SIGMA], [4, count, count])
    found = linprog(weights, A_eq=equal, b_eq=y, method="highs").x
    return float(found[0] - found[2]), float(found[1] - found[3])


def coverage(errors: Float[np.ndarray, "*shape"], sigmas: Float[np.ndarray, "*shape"]) -> float:
    """Share of errors within one standard error."""
    return float(np.mean(np.abs(errors) <= sigmas))
