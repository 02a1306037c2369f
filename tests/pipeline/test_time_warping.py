"""Warping: a worked example, a slow reference, and what it must undo."""

import numpy as np
import pytest

from pipeline.time_warping import SKIP_COST, second_at, warp


def slow_cost(first: np.ndarray, second: np.ndarray) -> float:
    """The recurrence without band, ends fixed."""
    n, m = len(first), len(second)
    distance = np.sqrt(((first[:, None] - second) ** 2).mean(2))
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d = distance[i - 1, j - 1]
            total[i, j] = min(total[i - 1, j - 1] + 2 * d, total[i - 1, j] + d, total[i, j - 1] + d)
    return total[-1, -1] / (n + m)


def bumps(times: np.ndarray) -> np.ndarray:
    """Four features that tell every moment of [0, 1]."""
    return np.stack([3 * np.sin(5 * times), 3 * np.cos(5 * times), 6 * times, 2 * np.cos(14 * times)], 1).astype("f4")


def test_worked_example():
    first, second = np.array([[0.0], [9.0]], np.float32), np.array([[0.0], [9.0], [9.0]], np.float32)
    found = warp(first, second, band_share=1.0)
    assert found.cost == 0
    assert found.path.tolist() == [[0, 0], [1, 1], [1, 2]]


def test_never_costs_more_than_the_slow_reference(rng):
    for n, m in ((30, 30), (22, 35), (40, 25)):
        first, second = (rng.normal(size=(k, 5)).astype(np.float32) for k in (n, m))
        free = warp(first, second, band_share=2.0).cost
        assert free <= slow_cost(first, second) + 1e-9
    far = 10 + np.arange(12, dtype=np.float32)[:, None] * 10
    assert warp(far, far, 2.0).cost == pytest.approx(slow_cost(far, far)) == 0


def test_the_band_can_only_raise_the_cost(rng):
    first, second = (rng.normal(size=(k, 5)).astype(np.float32) for k in (40, 31))
    costs = [warp(first, second, share).cost for share in (0.05, 0.2, 1.0)]
    assert costs[0] >= costs[1] >= costs[2]


def test_another_tempo_is_undone():
    time = np.linspace(0, 1, 60)
    warped_time = time**1.3
    found = warp(bumps(warped_time), bumps(np.linspace(0, 1, 45)))
    where = second_at(found, np.arange(60.0))
    assert np.abs(where / 44 - warped_time).max() < 1.5 / 44
    assert (np.diff(where) >= 0).all()


def test_what_only_one_of_them_says_is_skipped():
    said = bumps(np.linspace(0, 1, 50))
    noise = np.full((6, 4), 30, np.float32)
    found = warp(np.concatenate([noise, said]), said)
    assert found.path[0].tolist() == [6, 0]
    assert found.cost == pytest.approx(6 * SKIP_COST / 106)
    assert second_at(found, np.array([3.0]))[0] == pytest.approx(-3.0)


def test_words_of_very_different_lengths_have_a_path(rng):
    found = warp(rng.normal(size=(3, 4)).astype("f4"), rng.normal(size=(90, 4)).astype("f4"))
    assert np.isfinite(found.cost)
