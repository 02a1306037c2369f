import numpy as np
import pytest

from models3d.warp.scattered_fill import LEVELS, fill_gaps


def filled(values, known):
    values, known = values.astype(np.float32), known.astype(np.float32)
    fill_gaps(values, known)
    return values


@pytest.mark.parametrize("shape", [(40, 40), (37, 21), (1, 9), (2, 2)])
def test_what_is_known_stays_and_gaps_lie_between(rng, shape):
    values, known = rng.uniform(3, 7, (*shape, 2)), rng.random(shape) < 0.3
    known[0, 0] = True
    result = filled(values, known)
    np.testing.assert_array_equal(result[known], values[known].astype(np.float32))
    if min(shape) > 1:
        low, high = values[known].min(0), values[known].max(0)
        assert (result >= low - 1e-4).all() and (result <= high + 1e-4).all()


def test_a_constant_is_continued():
    known = np.zeros((64, 48), bool)
    known[10:14, 20:22] = True
    np.testing.assert_allclose(filled(np.where(known[..., None], 5.0, -99.0), known), 5, rtol=1e-5)


def test_a_slope_is_bridged():
    ramp = np.tile(np.arange(32.0), (32, 1))[..., None]
    known = np.ones((32, 32), bool)
    known[12:20, 12:20] = False
    assert np.abs(filled(np.where(known[..., None], ramp, 0), known) - ramp).max() < 2.5


def test_where_nothing_is_known_there_is_nothing():
    assert not filled(np.full((16, 16, 2), 7.0), np.zeros((16, 16), bool)).any()
    far = np.zeros((4, 2 ** (LEVELS + 2)), bool)
    far[0, 0] = True
    assert np.isfinite(filled(np.ones((*far.shape, 1)), far)).all()
