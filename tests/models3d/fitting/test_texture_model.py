import numpy as np
import pytest

from models3d.fitting.texture_model import TextureModel, learn

PHOTOS, SITES, RANK, NOISE = 150, 60, 3, 0.1


@pytest.fixture
def world(rng):
    """A texture of known mean and components, photos of it, and which sites they show."""
    mean, components = rng.normal(size=(SITES, 3)), rng.normal(size=(RANK, SITES, 3)) * 0.5
    a = rng.normal(size=(PHOTOS, RANK))
    features = mean + np.einsum("nk,ksc->nsc", a, components) + rng.normal(size=(PHOTOS, SITES, 3)) * NOISE
    visible = rng.random((PHOTOS, SITES)) > 0.3
    return mean, components, features.astype(np.float32), visible


def missed(found: TextureModel, components: np.ndarray) -> float:
    """Share of the true components' energy outside the span of those found."""
    basis = np.linalg.qr(found.components.reshape(len(found.components), -1).T.astype(np.float64))[0]
    flat = components.reshape(len(components), -1).T
    return float(np.square(flat - basis @ (basis.T @ flat)).sum() / np.square(flat).sum())


def learnt(features, visible, rank=RANK) -> TextureModel:
    return learn(features, visible, np.arange(features.shape[1], dtype=np.int32), rank)


def test_recovers_texture_and_noise_from_what_is_visible(world):
    mean, components, features, visible = world
    hidden = np.where(visible[..., None], features, np.nan).astype(np.float32)
    found = learnt(hidden, visible)
    assert missed(found, components) < 0.01
    np.testing.assert_allclose(found.mean, mean, atol=0.25)
    assert found.noise == pytest.approx(NOISE, rel=0.25)
    spread = np.einsum("ksc,ksc->", found.components, found.components)
    assert spread == pytest.approx(np.square(components).sum(), rel=0.35), (
        "a coefficient of 1 is one standard deviation"
    )


def test_is_robust_to_occlusion(world, rng):
    _, components, features, visible = world
    covered = features.copy()
    for photo in range(0, PHOTOS, 3):
        start = rng.integers(0, SITES - 12)
        covered[photo, start : start + 12] = 6.0
    found = learnt(covered, visible)
    clean = learnt(features, visible)
    assert missed(found, components) < 0.05
    data = np.where(visible[..., None], covered, found.mean).reshape(PHOTOS, -1)
    plain = np.linalg.svd(data - data.mean(0), full_matrices=False)[2][:RANK].reshape(RANK, SITES, 3)
    by_pca = TextureModel(clean.vertices, clean.mean, plain, 0.1)
    assert missed(found, components) < 0.3 * missed(by_pca, components), "where plain PCA is led astray"


def test_without_missing_entries_it_is_pca(world):
    _, _, features, visible = world
    found = learnt(features, np.ones_like(visible))
    centred = (features - features.mean(0)).reshape(PHOTOS, -1)
    span = np.linalg.svd(centred, full_matrices=False)[2][:RANK].reshape(RANK, SITES, 3)
    assert missed(found, span) < 0.01


def test_sites_that_nobody_shows_and_photos_that_show_nothing(world):
    _, components, features, visible = world
    visible = visible.copy()
    visible[:, 5] = False
    visible[:4] = False
    found = learnt(features, visible)
    assert np.isfinite(found.components).all() and np.isfinite(found.mean).all()
    assert np.abs(found.components[:, 5]).max() < 1e-3
    kept = np.arange(SITES) != 5
    rest = TextureModel(found.vertices[kept], found.mean[kept], found.components[:, kept], found.noise)
    assert missed(rest, components[:, kept]) < 0.01


def test_same_numbers_again(world):
    first, second = (learnt(*world[2:]) for _ in range(2))
    np.testing.assert_array_equal(first.components, second.components)
