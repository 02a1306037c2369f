"""The sparse components of Neumann et al. 2013 written as plainly as the paper states them: the yardstick.

Every array is dense and in float64, X stays whole, and the number of rounds is fixed, as in the paper. The
one deviation: ADMM minimises eq. 1 as printed, ||X - W C||^2 + Omega, and not half of its first term.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

SupportMap = Callable[[int], np.ndarray]
"""Centre to (n,): 0 where the component may move freely, 1 where it is penalised in full."""


class Decomposition(NamedTuple):
    weights: np.ndarray  # (m, h)
    components: np.ndarray  # (h, n, 3)
    centres: np.ndarray  # (h,)


def normalised(differences: np.ndarray) -> np.ndarray:
    """Difference vectors (m, n, 3) divided by their standard deviation, in float64."""
    return differences.astype(np.float64) / differences.std(dtype=np.float64)


def objective(x: np.ndarray, found: Decomposition, support: SupportMap, sparsity: float) -> float:
    """Eq. 1 on the whole data, each component penalised around its own centre."""
    residual = x - np.tensordot(found.weights, found.components, 1)
    sizes = np.linalg.norm(found.components, axis=2)
    penalties = sparsity * np.array([support(centre) for centre in found.centres])
    return float((residual**2).sum() + (penalties * sizes).sum())


def start(x: np.ndarray, count: int, one_sided: bool, support: SupportMap) -> Decomposition:
    """One component after another, at the vertex where most is left to explain."""
    residual = x.copy()
    weights, components, centres = [], [], []
    for _ in range(count):
        centre = int((residual**2).sum(axis=(0, 2)).argmax())
        u, s, _ = np.linalg.svd(residual[:, centre], full_matrices=False)
        weight = _better_sign(s[0] * u[:, 0], one_sided)
        keep = 1 - support(centre)
        component = np.tensordot(weight, residual, 1) * keep[:, None] / (weight @ weight)
        residual -= weight[:, None, None] * component
        weights.append(weight)
        components.append(component)
        centres.append(centre)
    return Decomposition(np.array(weights).T, np.array(components), np.array(centres))


def refine(
    x: np.ndarray,
    begin: Decomposition,
    one_sided: bool,
    support: SupportMap,
    sparsity: float,
    rounds: int = 10,
    admm_steps: int = 10,
    rho: float = 10.0,
) -> Decomposition:
    """Rounds of: weights one by one, centres at the largest displacement, ADMM on all components."""
    weights, components = begin.weights.copy(), begin.components.copy()
    count, flat = len(components), x.reshape(len(x), -1)
    residual = flat - weights @ components.reshape(count, -1)
    centres = begin.centres
    for _ in range(rounds):
        for k, component in enumerate(components.reshape(count, -1)):
            length = component @ component
            if length <= 1e-8:
                weights[:, k] = 0
                continue
            residual += np.outer(weights[:, k], component)
            weights[:, k] = _constrained(residual @ component / length, one_sided)
            residual -= np.outer(weights[:, k], component)
        centres = (components**2).sum(axis=2).argmax(axis=1)
        penalties = sparsity * np.array([support(int(centre)) for centre in centres])
        components = _admm(flat, weights, components, penalties, admm_steps, rho)
        residual = flat - weights @ components.reshape(count, -1)
    return Decomposition(weights, components, centres)


def _admm(flat, weights, components, penalties, steps, rho):
    shape = components.shape
    factor = cho_factor(2 * weights.T @ weights + rho * np.eye(len(components)))
    target = 2 * weights.T @ flat
    split, dual = components.copy(), np.zeros(shape)
    for _ in range(steps):
        free = cho_solve(factor, target + rho * (split - dual).reshape(target.shape)).reshape(shape)
        moved = free + dual
        sizes = np.linalg.norm(moved, axis=2)
        shrunk = np.maximum(0, 1 - penalties / (rho * np.maximum(sizes, 1e-300)))
        split = shrunk[:, :, None] * moved
        dual += free - split
    return split


def _better_sign(weight, one_sided):
    if not one_sided:
        return _constrained(weight, one_sided)
    return max((_constrained(sign * weight, one_sided) for sign in (1, -1)), key=np.linalg.norm)


def _constrained(weight, one_sided):
    """Scaled so that the largest weight is 1; one-sided weights lose their negative part first."""
    weight = np.maximum(weight, 0) if one_sided else weight
    largest = np.abs(weight).max()
    return weight / largest if largest > 0 else weight
