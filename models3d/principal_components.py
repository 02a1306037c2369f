"""Principal components of more meshes than memory holds: randomised SVD, streamed by dask."""

from dataclasses import dataclass
from functools import cached_property

import dask
import dask.array as da
import numpy as np
from jaxtyping import Float, Float32

from models3d.errors import InputError
from models3d.face_model import Basis, basis_from_displacements

CHUNKS = (512, 16384)
"""Rows and columns of the block that is read at once, 32 MiB. They fix the order of the sums: the last bits
of a result depend on them, and not on the number of cores."""
POWER_ITERATIONS = 1
"""Rounds that sharpen the sketch, at two passes over the data each."""


@dataclass(frozen=True, eq=False)
class OnDisk:
    """A memory-mapped matrix as dask may slice it: `da.from_array` copies a bare memory map into memory, whole."""

    rows: Float32[np.ndarray, "m d"]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rows.shape

    @property
    def ndim(self) -> int:
        return self.rows.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.rows.dtype

    def __getitem__(self, block: tuple[slice, ...]) -> np.ndarray:
        return self.rows[block]


@dataclass(frozen=True, eq=False)
class LowRank:
    """X (m, d) = `left @ right` + what r directions cannot hold: its best approximation of rank r.

    left    orthonormal columns
    right   orthogonal rows, the longest first; their lengths are the singular values
    energy  ||X||_F^2 of the whole of X, so that what was left out is known
    """

    left: Float32[np.ndarray, "m r"]
    right: Float32[np.ndarray, "r d"]
    energy: float

    def __len__(self) -> int:
        return len(self.right)

    @cached_property
    def singular_values(self) -> Float[np.ndarray, " r"]:
        return np.linalg.norm(self.right.astype(np.float64), axis=1)

    @property
    def shares(self) -> Float[np.ndarray, " r"]:
        """Share of the energy along each direction; together they lack what was left out."""
        return self.singular_values**2 / self.energy


def compress(matrix: Float32[np.ndarray, "m d"], rank: int, generator: np.random.Generator) -> LowRank:
    """Randomised SVD (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1), in five passes over a file.

    matrix  a memory map where it is larger than memory: each block is read, used and let go
    rank    at most so many directions; fewer if the rest is below float32's rounding

    Raises InputError if the matrix holds numbers that are not finite, or only zeros.
    """
    blocks = da.from_array(OnDisk(matrix), chunks=CHUNKS, asarray=False)
    energy = float(blocks.map_blocks(_energy, chunks=(1, 1), dtype=np.float64).sum().compute())
    if not np.isfinite(energy):
        raise InputError("difference vectors", "hold numbers that are not finite", "reject meshes with such vertices")
    if energy == 0:
        raise InputError("difference vectors", "are all zero", "give expressive meshes, not only neutral ones")
    # `compute` runs pass after pass: one graph for all of them would keep the whole matrix in memory
    factors = da.linalg.svd_compressed(
        blocks,
        min(rank, *matrix.shape),
        iterator="QR",
        n_power_iter=POWER_ITERATIONS,
        seed=int(generator.integers(2**63)),
        compute=True,
    )
    left, singular_values, right = dask.compute(*factors)
    held = int(np.sum(singular_values > np.finfo(np.float32).eps * singular_values[0]))
    return LowRank(left[:, :held], singular_values[:held, None] * right[:held], energy)


def _energy(block: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->", block, block, dtype=np.float64).reshape(1, 1)


def principal_components(data: LowRank, count: int) -> Basis:
    """The `count` most significant directions of difference vectors (m, 3n) about the neutral face.

    No mean is subtracted, so that a coefficient of 0 stays the neutral; sigma is the root mean square of a
    direction's coefficients in the data, the square root of an eigenvalue of X'X / m.
    Raises InputError if the data hold fewer directions.
    """
    if count > len(data):
        raise InputError("principal components", f"{count} asked, the data hold {len(data)}", "ask for fewer")
    displacements = data.right[:count].reshape(count, -1, 3) / np.sqrt(np.float32(len(data.left)))
    return basis_from_displacements(displacements, tuple(f"pca_{k:02d}" for k in range(1, count + 1)))
