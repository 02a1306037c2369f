"""What the benchmarks of the synthesis share: one person of the sample, expressions, and time on a core."""

import time
from collections.abc import Callable

import numpy as np

from tests.warped_people import crowd

FRAMES = 60
ROUNDS = 5


def expressions(count: int = FRAMES) -> np.ndarray:
    """Random ones, as `render_pairs` draws them."""
    basis = crowd().model.expression
    drawn = np.random.default_rng(0).standard_normal((count, len(basis)))
    return np.clip(drawn, *basis.bounds.T).astype(np.float32)


def core_seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Least time on a core of a few rounds, after one that warms up."""
    work()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)
