"""Dynamic time warping: which moments of two sayings of a word are the same.

Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition", 1978: the symmetric form
without slope constraint, in which a diagonal step counts twice, so that every path has the weight n + m and costs of
words of different lengths can be compared.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numba import njit

BAND_SHARE = 0.2
"""How far a path may leave the diagonal, over the whole length."""
MOST_SKIPPED, SKIP_COST = 10, 0.8
"""Windows of either saying that may be left out at either end, where closures are silent and neighbours run over,
and what each costs: as much as windows of like words that are not quite alike."""


class Warping(NamedTuple):
    """The cheapest path between n and m windows."""

    cost: float
    """Mean distance between windows along it."""
    path: Int64[np.ndarray, "p 2"]
    """Windows that belong together, in order."""


def warp(
    first: Float32[np.ndarray, "n f"], second: Float32[np.ndarray, "m f"], band_share: float = BAND_SHARE
) -> Warping:
    """The cheapest path within the band from the beginnings to the ends, or near them. Distances are Euclidean."""
    totals, steps = _totals(_distances(first, second), band_share, MOST_SKIPPED, SKIP_COST)
    total, i, j = _end(totals, MOST_SKIPPED, SKIP_COST)
    return Warping(float(total) / (len(first) + len(second)), _walked_back(steps, i, j))


def _distances(first: Float32[np.ndarray, "n f"], second: Float32[np.ndarray, "m f"]) -> Float64[np.ndarray, "n m"]:
    """Root mean square difference of the features of every two windows."""
    one, two = first.astype(np.float64), second.astype(np.float64)
    squared = (one**2).sum(1)[:, None] + (two**2).sum(1) - 2 * one @ two.T
    return np.sqrt(np.maximum(squared, 0) / first.shape[1])


@njit(cache=True, nogil=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _totals(distances, band_share, most_skipped, skip_cost):
    """Cost of the cheapest path to every cell, and the step that leads there: 0 diagonal, 1 down, 2 right, 3 none."""
    n, m = distances.shape
    totals = np.full((n, m), np.inf)
    steps = np.zeros((n, m), np.int8)
    reach = band_share + 1 / min(n, m)  # wide enough for a path, however different the lengths
    for i in range(n):
        for j in range(m):
            if abs((i + 0.5) / n - (j + 0.5) / m) > reach:
                continue
            best, step = np.inf, 3
            if (i == 0 and j <= most_skipped) or (j == 0 and i <= most_skipped):
                best = skip_cost * (i + j) + 2 * distances[i, j]
            if i > 0 and j > 0 and totals[i - 1, j - 1] + 2 * distances[i, j] < best:
                best, step = totals[i - 1, j - 1] + 2 * distances[i, j], 0
            if i > 0 and totals[i - 1, j] + distances[i, j] < best:
                best, step = totals[i - 1, j] + distances[i, j], 1
            if j > 0 and totals[i, j - 1] + distances[i, j] < best:
                best, step = totals[i, j - 1] + distances[i, j], 2
            totals[i, j], steps[i, j] = best, step
    return totals, steps


@njit(cache=True, nogil=True)
@no_type_check
def _end(totals, most_skipped, skip_cost):
    """The cheapest end, the windows behind it skipped: its cost and its cell."""
    n, m = totals.shape
    best, row, column = totals[n - 1, m - 1], n - 1, m - 1
    for skipped in range(1, most_skipped + 1):
        if skipped < n and totals[n - 1 - skipped, m - 1] + skip_cost * skipped < best:
            best, row, column = totals[n - 1 - skipped, m - 1] + skip_cost * skipped, n - 1 - skipped, m - 1
        if skipped < m and totals[n - 1, m - 1 - skipped] + skip_cost * skipped < best:
            best, row, column = totals[n - 1, m - 1 - skipped] + skip_cost * skipped, n - 1, m - 1 - skipped
    return best, row, column


@njit(cache=True, nogil=True)
@no_type_check
def _walked_back(steps, i, j):
    """The path to a cell, from its beginning on."""
    path = np.empty((i + j + 1, 2), np.int64)
    place = len(path)
    while True:
        place -= 1
        path[place] = i, j
        step = steps[i, j]
        if step == 3:
            return path[place:]
        if step != 2:
            i -= 1
        if step != 1:
            j -= 1


def second_at(warping: Warping, windows: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Where in the second saying the moments of the first are, in windows: along the path's middle, never back.

    Before the path's beginning and behind its end time runs alike in both.
    """
    first = int(warping.path[0, 0])
    rows, columns = warping.path[:, 0] - first, warping.path[:, 1]
    middles = np.bincount(rows, columns) / np.bincount(rows)
    inside = np.clip(windows, first, first + len(middles) - 1)
    return np.interp(inside - first, np.arange(len(middles)), middles) + windows - inside
