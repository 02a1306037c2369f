import numpy as np
import pytest

from models3d.label_errors import AS_THEY_ARE, ONE_SIGMA, coverage, held, learn_calibration, quantile_line


def made_errors(rng, scale=0.6, slope=0.5, count=1500):
    """Errors that are scale (residual / 0.02)^slope times as large as their standard errors say; a third is held."""
    residuals = 0.02 * np.exp(rng.normal(0, 0.5, count))
    sigmas = rng.uniform(0.1, 2, (count, 5))
    errors = rng.normal(size=sigmas.shape) * sigmas * scale * (residuals[:, None] / 0.02) ** slope
    at_bound = rng.random(sigmas.shape) < 0.3
    errors[at_bound] = 0
    return errors, sigmas, residuals, at_bound


def test_it_finds_what_errors_are_like_and_ignores_what_is_held(rng):
    found = learn_calibration(*made_errors(rng))
    assert found.scale == pytest.approx(0.6, rel=0.05)
    assert found.slope == pytest.approx(0.5, abs=0.1)
    errors, sigmas, residuals, at_bound = made_errors(rng)
    mended = sigmas * found.factors(residuals)[:, None]
    for half in (residuals < 0.02, residuals > 0.02):
        inside = ~at_bound & half[:, None]
        assert coverage(errors[inside], mended[inside]) == pytest.approx(ONE_SIGMA, abs=0.03)
    assert coverage(errors[~at_bound], sigmas[~at_bound]) > 0.8, "the standard errors were too large"


def test_a_better_fit_is_never_less_sure(rng):
    found = learn_calibration(*made_errors(rng, slope=-0.5))
    assert found.slope == 0
    errors, sigmas, _, at_bound = made_errors(rng, slope=0)
    assert coverage(errors[~at_bound], found.scale * sigmas[~at_bound]) == pytest.approx(ONE_SIGMA, abs=0.06)


def test_beyond_what_was_seen_nothing_is_made_up(rng):
    found = learn_calibration(*made_errors(rng))
    low, high = found.factors(np.array([1e-6, 10.0]))
    assert low == found.factors(np.array([found.least])) and high == found.factors(np.array([found.most]))
    np.testing.assert_array_equal(AS_THEY_ARE.factors(np.array([0.0, 0.01, 5.0])), 1)


def test_few_wild_fits_do_not_widen_all(rng):
    errors, sigmas, residuals, at_bound = made_errors(rng)
    calm = learn_calibration(errors, sigmas, residuals, at_bound)
    errors[:15] *= 100
    assert learn_calibration(errors, sigmas, residuals, at_bound).scale == pytest.approx(calm.scale, rel=0.05)


def test_the_line_is_the_quantile_everywhere(rng):
    x = rng.uniform(-1, 1, 3000)
    y = 0.3 + 0.7 * x + rng.exponential(1, 3000)
    height, slope = quantile_line(x, y)
    assert slope == pytest.approx(0.7, abs=0.1)
    assert height == pytest.approx(0.3 - np.log(1 - ONE_SIGMA), abs=0.1)
    assert np.mean(y < height + slope * x) == pytest.approx(ONE_SIGMA, abs=1e-3)


def test_what_lies_at_a_bound_is_held():
    bounds = np.array([[0.0, 3.0], [-3.0, 3.0]])
    found = held(np.array([[0.0, 0.0], [1.0, -3.0], [3.0, 2.9]]), bounds)
    np.testing.assert_array_equal(found, [[True, False], [False, True], [True, False]])
