import tracemalloc

import dask
import numpy as np
import pytest

from models3d import principal_components as pc
from models3d.errors import InputError


def low_rank(rng, rows, columns, rank, noise):
    """Singular values falling by a quarter, and noise."""
    left = np.linalg.qr(rng.normal(size=(rows, rank)))[0] * 0.75 ** np.arange(rank)
    x = left @ np.linalg.qr(rng.normal(size=(columns, rank)))[0].T * 100
    return (x + noise * rng.normal(size=x.shape)).astype(np.float32)


def on_disk(folder, x):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def test_equals_the_whole_decomposition(rng, tmp_path):
    x = low_rank(rng, 600, 18000, 12, 1e-3)  # several blocks either way
    data = pc.compress(on_disk(tmp_path, x), 8, np.random.default_rng(1))
    exact = x.astype(np.float64)
    squares, u = (part[..., ::-1] for part in np.linalg.eigh(exact @ exact.T))
    s, u = np.sqrt(np.maximum(squares, 0)), u[:, :8]
    np.testing.assert_allclose(data.singular_values, s[:8], rtol=1e-5)
    np.testing.assert_allclose(data.left @ data.right, u @ (u.T @ exact), atol=2e-4)
    np.testing.assert_allclose(data.left.T @ data.left, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(data.shares, s[:8] ** 2 / np.sum(s**2), rtol=1e-5)
    assert np.isclose(data.energy, np.sum(s**2), rtol=1e-6)


def test_drops_what_is_below_rounding(rng):
    x = low_rank(rng, 90, 300, 5, 0.0)
    assert len(pc.compress(x, 40, np.random.default_rng(1))) == 5


def test_the_same_bytes_on_one_core_and_two(rng, tmp_path):
    x = on_disk(tmp_path, low_rank(rng, 1100, 17000, 12, 1e-2))
    found = []
    for workers in (1, 2):
        with dask.config.set(num_workers=workers):
            found.append(pc.compress(x, 6, np.random.default_rng(1)))
    assert found[0].left.tobytes() == found[1].left.tobytes()
    assert found[0].right.tobytes() == found[1].right.tobytes()
    assert found[0].energy == found[1].energy


def test_never_holds_the_matrix(rng, tmp_path, monkeypatch):
    monkeypatch.setattr(pc, "CHUNKS", (64, 1024))
    x = on_disk(tmp_path, low_rank(rng, 1000, 6000, 6, 1e-2))
    tracemalloc.start()
    pc.compress(x, 4, np.random.default_rng(1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 3


def test_says_what_cannot_be_decomposed(rng):
    x = low_rank(rng, 20, 60, 3, 1e-3)
    x[7, 8] = np.nan
    with pytest.raises(InputError, match="not finite"):
        pc.compress(x, 3, rng)
    with pytest.raises(InputError, match="all zero"):
        pc.compress(np.zeros_like(x), 3, rng)


def test_principal_components_leave_the_neutral_at_zero(rng):
    x = low_rank(rng, 60, 90, 4, 1e-3) + np.float32(0.3)  # the mean is no direction apart
    data = pc.compress(x, 4, np.random.default_rng(1))
    basis = pc.principal_components(data, 3)
    flat = basis.components.reshape(3, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(3), atol=1e-5)
    eigenvalues = np.linalg.eigvalsh(x.T.astype(np.float64) @ x / len(x))[::-1]
    np.testing.assert_allclose(basis.sigmas_mm, np.sqrt(eigenvalues[:3]), rtol=1e-4)
    coefficients = x @ flat.T / basis.sigmas_mm
    np.testing.assert_allclose(np.mean(coefficients**2, axis=0), 1, rtol=1e-3)
    assert basis.names == ("pca_01", "pca_02", "pca_03") and np.all(basis.bounds == (-3, 3))


def test_no_more_components_than_directions(rng):
    data = pc.compress(low_rank(rng, 60, 90, 4, 0.0), 10, np.random.default_rng(1))
    with pytest.raises(InputError, match="5 asked, the data hold 4"):
        pc.principal_components(data, 5)
