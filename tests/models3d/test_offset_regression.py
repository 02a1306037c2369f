import numpy as np
import pytest

from models3d.learnt_offsets import predict, predict_all
from models3d.offset_regression import (
    Examples,
    RidgeSums,
    shrunk_covariance,
    standard_errors,
    whitening,
    with_errors,
)

POINTS, FEATURES = 3, 12


def draw(rng: np.random.Generator, count: int) -> Examples:
    """Offsets that depend on features, with errors that are large where the last feature is, and go together."""
    features = rng.normal(size=(count, FEATURES)).astype(np.float32)
    features[:, 3] = features[:, 3] * 50 + 1000
    weights = np.random.default_rng(1).normal(size=(FEATURES, 2 * POINTS)) * 0.3
    plain = features.astype(np.float64)
    plain[:, 3] = (plain[:, 3] - 1000) / 50
    signal = plain @ weights
    common = rng.normal(size=(count, 1))
    noise = 0.3 * np.exp(0.7 * features[:, -1:]) * (0.8 * common + 0.6 * rng.normal(size=(count, 2 * POINTS)))
    return Examples(features, (signal + noise).reshape(count, POINTS, 2).astype(np.float32))


@pytest.fixture(scope="module")
def known():
    return draw(np.random.default_rng(2), 4000)


@pytest.fixture(scope="module")
def held_out():
    return draw(np.random.default_rng(3), 3000)


def sums(examples: Examples, batch: int) -> RidgeSums:
    total = RidgeSums(Examples(*(part[:500] for part in examples)))
    for start in range(0, len(examples.features), batch):
        total.add(Examples(*(part[start : start + batch] for part in examples)))
    return total


def test_ridge_is_least_squares_when_hardly_penalised(known):
    regressor = sums(known, 500).solved(1e-3)
    design = np.column_stack([known.features, np.ones(len(known.features))]).astype(np.float64)
    design[:, 3] -= 1000
    clipped = np.abs((known.features - regressor.centre) * regressor.scale).max(1) >= 6
    solution = np.linalg.lstsq(design[~clipped], known.targets[~clipped], rcond=None)[0]
    np.testing.assert_allclose(
        predict_all(regressor, known.features[~clipped])[0], design[~clipped] @ solution, atol=0.02
    )


def test_batches_add_up(known):
    whole, parts = (sums(known, batch).solved(10.0) for batch in (4000, 300))
    np.testing.assert_allclose(whole.offset, parts.offset, atol=1e-4)


def test_a_penalty_shrinks(known):
    loose, tight = (np.abs(sums(known, 500).solved(penalty).offset).sum() for penalty in (1.0, 1e5))
    assert tight < 0.2 * loose


def test_standard_errors_hold_and_depend_on_the_photo(known, held_out):
    regressor = with_errors(sums(known, 500).solved(10.0), held_out, 10.0)
    fresh = draw(np.random.default_rng(4), 3000)
    standard = standard_errors(regressor, fresh)
    assert np.sqrt(np.square(standard).mean()) == pytest.approx(1, abs=0.1)
    noisy = fresh.features[:, -1] > 0.8
    quiet = fresh.features[:, -1] < -0.8
    for rows in (noisy, quiet):
        assert np.sqrt(np.square(standard[rows]).mean()) == pytest.approx(1, abs=0.35)
    _, log_sigma = predict_all(regressor, fresh.features)
    assert log_sigma[noisy].mean() > log_sigma[quiet].mean() + 0.7


def test_whitening_makes_errors_independent(known, held_out):
    regressor = with_errors(sums(known, 500).solved(10.0), held_out, 10.0)
    factor = whitening(regressor, held_out)
    standard = standard_errors(regressor, draw(np.random.default_rng(5), 4000))
    before, after = np.corrcoef(standard.T), np.corrcoef((standard @ factor.T).T)
    off = ~np.eye(len(before), dtype=bool)
    assert before[off].mean() > 0.4
    assert np.abs(after[off]).max() < 0.1
    assert (np.triu(factor, 1) == 0).all()


def test_one_photo_as_many(known):
    regressor = sums(known, 500).solved(10.0)
    one = predict(regressor, known.features[7])
    many, log_sigma = predict_all(regressor, known.features)
    np.testing.assert_allclose(one.offset_mm.ravel(), many[7], atol=1e-5)
    np.testing.assert_allclose(one.sigma_mm, 1)
    assert not log_sigma.any()


def test_the_covariance_of_few_rows_is_drawn_to_a_sphere(rng):
    true = np.diag(np.linspace(1, 3, 40))
    few, many = (rng.normal(size=(count, 40)) @ np.sqrt(true) for count in (30, 20000))
    plain = few.T @ few / len(few)
    assert np.linalg.norm(shrunk_covariance(few) - true) < 0.5 * np.linalg.norm(plain - true)
    np.testing.assert_allclose(shrunk_covariance(many), many.T @ many / len(many), atol=0.05)
    assert np.linalg.eigvalsh(shrunk_covariance(few)).min() > 0
