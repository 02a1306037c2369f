"""What faces look like at some of their vertices, learnt from photos: robust probabilistic PCA with missing entries.

A photo's features at s vertices, c channels each, are mean + components a + noise, a ~ N(0, 1). No light is modelled:
shading and shadow are directions like any other (Booth et al., "3D Reconstruction of 'In-the-Wild' Faces in Images
and Videos", 2018). Hidden vertices are missing; what is visible and yet not explained, hair or a hand, weighs less.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32

FREEDOM = 4.0
"""Degrees of freedom of the noise's Student t: weight (nu + 1) / (nu + squared standard errors)."""

ROUNDS = 20
LEAST_NOISE = 1e-3
"""Of features whose standard deviation is 1: below it, entries would be taken for exact."""


@dataclass(frozen=True, eq=False)
class TextureModel:
    """features = mean + sum_k a_k components_k + noise, with a ~ N(0, 1)."""

    vertices: Int32[np.ndarray, " s"]
    """Of the face model: where features are sampled."""
    mean: Float32[np.ndarray, "s c"]
    components: Float32[np.ndarray, "k s c"]
    """What one standard deviation adds; not of unit norm."""
    noise: float
    """Standard deviation of what the components leave."""


def learn(
    features: Float32[np.ndarray, "n s c"],
    visible: Bool[np.ndarray, "n s"],
    vertices: Int32[np.ndarray, " s"],
    components: int,
) -> TextureModel:
    """Expectation maximisation of the model (Tipping and Bishop, "Mixtures of probabilistic principal component
    analysers", 1999), entries weighted by visibility and by how well they are explained.

    features  anything where not visible
    Memory: n (4 s c + 4 (components + 1)^2) bytes and as much again while it runs.
    """
    data = np.where(visible[..., None], features, 0).astype(np.float32)
    weights = first_weights(data, visible)
    loadings, noise = first_guess(data, weights, components)
    for _ in range(ROUNDS):
        means, moments = expectation(data, weights, loadings, noise)
        loadings = in_standard_deviations(maximisation(data, weights, means, moments), moments)
        means, _ = expectation(data, weights, loadings, noise)
        squared = np.square(data - np.einsum("nk,ksc->nsc", means, loadings, optimize=True)).mean(2)
        noise = max(float(np.sqrt((weights * squared).sum() / max(visible.sum(), 1))), LEAST_NOISE)
        weights = visible * robust_weights(squared / noise**2)
    return TextureModel(vertices, loadings[-1], loadings[:-1], noise)


def robust_weights(squared_errors: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Of squared standard errors: one for small ones, falling with their inverse for large ones."""
    return ((FREEDOM + 1) / (FREEDOM + np.maximum(squared_errors, 1))).astype(np.float32)


def first_weights(data: Float32[np.ndarray, "n s c"], visible: Bool[np.ndarray, "n s"]) -> Float32[np.ndarray, "n s"]:
    """By the distance from each vertex's median, in standard deviations as median absolute deviations give them: who
    begins with plain PCA has the occluders among the components before the first weight is found."""
    shown = np.ma.masked_array(data, np.broadcast_to(~visible[..., None], data.shape))
    middle = np.ma.median(shown, axis=0).filled(0)
    deviation = 1.4826 * np.ma.median(abs(shown - middle), axis=0).filled(1)
    squared = np.square((data - middle) / np.maximum(deviation, LEAST_NOISE)).mean(2)
    return visible * robust_weights(squared.astype(np.float32))


def first_guess(
    data: Float32[np.ndarray, "n s c"], weights: Float32[np.ndarray, "n s"], components: int
) -> tuple[Float32[np.ndarray, "k1 s c"], float]:
    """Loadings, the mean as the last of them, and noise: plain PCA with missing entries at the mean."""
    count = len(data)
    mean = np.einsum("ns,nsc->sc", weights, data) / np.maximum(weights.sum(0), LEAST_NOISE)[:, None]
    centred = ((data - mean) * np.sqrt(weights)[..., None]).reshape(count, -1)
    values, turns = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    kept = turns[:, ::-1][:, :components]
    loadings = (kept.T.astype(np.float32) @ centred).reshape(components, *mean.shape) / np.float32(np.sqrt(count))
    left = values[::-1][components:].sum() / max(data.shape[2] * float(weights.sum()), 1)
    return np.concatenate([loadings, mean[None]]), max(float(np.sqrt(max(left, 0))), LEAST_NOISE)


def expectation(
    data: Float32[np.ndarray, "n s c"],
    weights: Float32[np.ndarray, "n s"],
    loadings: Float32[np.ndarray, "k1 s c"],
    noise: float,
) -> tuple[Float32[np.ndarray, "n k1"], Float32[np.ndarray, "n k1 k1"]]:
    """Means and second moments of every photo's coefficients, the mean's constant one as the last of them."""
    components, mean = loadings[:-1], loadings[-1]
    count, rank = len(data), len(components)
    products = np.einsum("ksc,lsc->skl", components, components, optimize=True).reshape(-1, rank * rank)
    precision = (weights @ products).reshape(count, rank, rank) / noise**2 + np.eye(rank, dtype=np.float32)
    pulled = np.einsum("ns,nsc,ksc->nk", weights, data - mean, components, optimize=True) / noise**2
    covariance = np.linalg.inv(precision).astype(np.float32)
    means = np.concatenate([np.einsum("nkl,nl->nk", covariance, pulled), np.ones((count, 1), np.float32)], axis=1)
    moments = means[:, :, None] * means[:, None]
    moments[:, :-1, :-1] += covariance
    return means.astype(np.float32), moments.astype(np.float32)


def maximisation(
    data: Float32[np.ndarray, "n s c"],
    weights: Float32[np.ndarray, "n s"],
    means: Float32[np.ndarray, "n k1"],
    moments: Float32[np.ndarray, "n k1 k1"],
) -> Float32[np.ndarray, "k1 s c"]:
    """Loadings of every vertex by weighted least squares; zero for one that no photo shows."""
    count, rank = means.shape
    normal = (weights.T @ moments.reshape(count, -1)).reshape(-1, rank, rank).astype(np.float64)
    right = np.einsum("ns,nk,nsc->skc", weights, means, data, optimize=True).astype(np.float64)
    normal += 1e-6 * (np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1) * np.eye(rank)
    return np.linalg.solve(normal, right).transpose(1, 0, 2).astype(np.float32)


def in_standard_deviations(
    loadings: Float32[np.ndarray, "k1 s c"], moments: Float32[np.ndarray, "n k1 k1"]
) -> Float32[np.ndarray, "k1 s c"]:
    """The same textures with coefficients of mean zero and unit covariance over the photos.

    Without it the scale creeps (Liu, Rubin and Wu, "Parameter expansion to accelerate EM", 1998).
    """
    average = moments.astype(np.float64).mean(0)
    middle = average[:-1, -1]
    spread = np.linalg.cholesky(average[:-1, :-1] - np.outer(middle, middle))
    components = np.einsum("lk,lsc->ksc", spread, loadings[:-1])
    mean = loadings[-1] + np.einsum("k,ksc->sc", middle, loadings[:-1])
    return np.concatenate([components, mean[None]]).astype(np.float32)
