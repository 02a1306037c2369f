"""The matrix of frames that share unknowns: an arrow whose shaft is a band, solved in time proportional to its length.

    | A_1  D_1  E_1            B_1 |      A_t  a frame's own unknowns: its pose, its expression
    | D_1  A_2  D_2  E_2       B_2 |      B_t  how they meet the shared ones: identity, perhaps the focal length
    | E_1  D_2  A_3  D_3  ...  B_3 |      C    the shared ones, summed over the frames
    |      ...                 ... |      D_t, E_t  second differences between frames tie each entry to itself
    | B_1' B_2' B_3'  ...      C   |                only, so they are diagonal

Two frames to a block make the shaft block tridiagonal, which takes one Cholesky factor and one triangular
solve a pair. In float64: the Schur complement C - B' A^-1 B is what is left of a sum over all frames once the
cameras have explained what they can, and float32 loses it beyond a few frames.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64
from torch import Tensor
from torch.linalg import vecdot
from torch.nn.functional import pad

PAIR = 2


class Arrow(NamedTuple):
    """g such matrices of f frames, m own unknowns a frame, k shared ones. A `bounded_step.System`.

    As a vector: frame after frame its own unknowns, then the shared ones; p = f m + k entries.
    """

    own: Float64[Tensor, "g f m m"]
    following: Float64[Tensor, "g f m"]
    """Diagonals of D_t, in the row of the earlier frame; zero in the last."""
    second_following: Float64[Tensor, "g f m"]
    """Diagonals of E_t, likewise."""
    border: Float64[Tensor, "g f m k"]
    shared: Float64[Tensor, "g k k"]

    def split(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Own (g, f, m) and shared (g, k) entries of a vector."""
        frames, own = self.own.shape[1:3]
        return vector[:, : frames * own].unflatten(1, (frames, own)), vector[:, frames * own :]

    def diagonal(self) -> Float64[Tensor, "g p"]:
        return joined(torch.diagonal(self.own, dim1=2, dim2=3), torch.diagonal(self.shared, dim1=1, dim2=2))

    def rows(self, index: Tensor) -> "Arrow":
        return Arrow(*(part[index] for part in self))

    def scaled(self, scale: Float64[Tensor, "g p"]) -> "Arrow":
        own, shared = self.split(scale)
        return Arrow(
            self.own * own[..., None] * own[..., None, :],
            self.following * own * _ahead(own, 1),
            self.second_following * own * _ahead(own, 2),
            self.border * own[..., None] * shared[:, None, None],
            self.shared * shared[:, :, None] * shared[:, None],
        )

    def product(self, vector: Float64[Tensor, "g p"]) -> Float64[Tensor, "g p"]:
        own, shared = self.split(vector)
        along = vecdot(self.own, own[..., None, :]) + vecdot(self.border, shared[:, None, None])
        for ties, step in ((self.following, 1), (self.second_following, 2)):
            along = along + ties * _ahead(own, step) + _behind(ties * own, step)
        across = torch.einsum("gfmk,gfm->gk", self.border, own) + vecdot(self.shared, shared[:, None])
        return joined(along, across)

    def solved(self, free: Bool[Tensor, "g p"], right: Float64[Tensor, "g p"]) -> Float64[Tensor, "g p"]:
        own, shared = self.split(right)
        factors = factorise(self.restricted(free))
        solution = joined(*factors.solve(own, shared))
        return torch.where(factors.sound[:, None], solution, torch.nan)

    def restricted(self, free: Bool[Tensor, "g p"]) -> "Arrow":
        """The rows and columns of entries that are not free replaced by the identity's."""
        kept = self.scaled(free.to(self.own.dtype))
        own, shared = self.split((~free).to(self.own.dtype))
        return kept._replace(own=kept.own + torch.diag_embed(own), shared=kept.shared + torch.diag_embed(shared))

    def dense(self) -> Float64[Tensor, "g p p"]:
        """The whole matrix: for small ones."""
        count = self.following[0].numel() + self.shared.shape[1]
        unit = torch.eye(count, dtype=self.own.dtype, device=self.own.device)
        return torch.stack([self.product(column.expand(len(self.own), -1)) for column in unit], dim=2)


def joined(own: Tensor, shared: Tensor) -> Tensor:
    """The vector of own (g, f, m) and shared (g, k) entries."""
    return torch.cat([own.flatten(1), shared], dim=1)


def _ahead(own: Tensor, step: int) -> Tensor:
    """In each frame's place the entries of the frame `step` later; zero beyond the last."""
    return pad(own, (0, 0, 0, step))[:, step:]


def _behind(own: Tensor, step: int) -> Tensor:
    """In each frame's place the entries of the frame `step` earlier; zero before the first."""
    return pad(own, (0, 0, step, 0))[:, :-step]


class Factors(NamedTuple):
    """A = L L' of the shaft by pairs of frames, and of the Schur complement C - B' A^-1 B."""

    diagonal: tuple[Float64[Tensor, "g n n"], ...]
    """L_jj, n = 2 m."""
    below: tuple[Float64[Tensor, "g n n"], ...]
    """L_(j+1)j; zero for the last."""
    border: tuple[Float64[Tensor, "g n k"], ...]
    """L^-1 B."""
    schur: Float64[Tensor, "g k k"]
    sound: Bool[Tensor, " g"]
    """False where the matrix is not positive definite."""
    frames: int

    def solve(self, own: Float64[Tensor, "g f m"], shared: Float64[Tensor, "g k"]) -> tuple[Tensor, Tensor]:
        """The solution's own and shared entries for a right-hand side."""
        right = list(_paired(own[..., None]).unbind(1))
        carried = torch.zeros_like(right[0])
        reached, rest = [], shared[..., None]
        for diagonal, below, border, piece in zip(self.diagonal, self.below, self.border, right, strict=True):
            reached.append(torch.linalg.solve_triangular(diagonal, piece - carried, upper=False))
            carried = below @ reached[-1]
            rest = rest - border.mT @ reached[-1]
        across = torch.cholesky_solve(rest, self.schur)
        pieces, later = [], torch.zeros_like(right[0])
        for diagonal, below, border, piece in reversed(
            list(zip(self.diagonal, self.below, self.border, reached, strict=True))
        ):
            later = torch.linalg.solve_triangular(diagonal.mT, piece - border @ across - below.mT @ later, upper=True)
            pieces.append(later)
        along = torch.stack(pieces[::-1], dim=1).flatten(1, 2).unflatten(1, (-1, own.shape[2]))
        return along[:, : self.frames], across[..., 0]

    def covariance(self) -> tuple[Float64[Tensor, "g f m m"], Float64[Tensor, "g k k"]]:
        """Of the matrix's inverse, each frame's own block and the shared one, in time proportional to the frames.

        From the last pair back: the inverse's blocks follow from the next pair's (Takahashi, Fagan and Chin,
        "Formation of a sparse bus impedance matrix and its application to short circuit study", 1973).
        """
        unit = torch.eye(self.diagonal[0].shape[1], dtype=self.schur.dtype, device=self.schur.device)
        shared = torch.cholesky_inverse(self.schur)
        blocks: list[Tensor] = []
        inverse, slope = torch.zeros_like(self.diagonal[0]), torch.zeros_like(self.border[0])
        for diagonal, below, border in reversed(list(zip(self.diagonal, self.below, self.border, strict=True))):
            inner = torch.linalg.solve_triangular(
                diagonal.mT, torch.cat([unit + below.mT @ inverse @ below, border - below.mT @ slope], 2), upper=True
            )
            whole, slope = inner[..., : len(unit)], inner[..., len(unit) :]
            inverse = torch.linalg.solve_triangular(diagonal, whole, upper=False, left=False)
            blocks.append(inverse + slope @ shared @ slope.mT)
        own = len(unit) // PAIR
        along = torch.stack(blocks[::-1], dim=1)
        frames = torch.stack([along[:, :, :own, :own], along[:, :, own:, own:]], dim=2).flatten(1, 2)
        return frames[:, : self.frames], shared


def factorise(arrow: Arrow) -> Factors:
    """Factors of an arrow; where it is not positive definite they mean nothing and are not `sound`."""
    frames, own = arrow.following.shape[1:]
    blocks, border = _pairs(arrow), _paired(arrow.border)
    ties = _ties(arrow)
    diagonals: list[Tensor] = []
    belows: list[Tensor] = []
    borders: list[Tensor] = []
    schur, sound = arrow.shared, torch.ones(len(arrow.own), dtype=torch.bool, device=arrow.own.device)
    below, before = torch.zeros_like(blocks[:, 0]), torch.zeros_like(border[:, 0])
    for block, tie, edge in zip(blocks.unbind(1), ties.unbind(1), border.unbind(1), strict=True):
        diagonal, failed = torch.linalg.cholesky_ex(block - below @ below.mT)
        solved = torch.linalg.solve_triangular(diagonal, torch.cat([tie, edge - below @ before], dim=2), upper=False)
        below, before = solved[..., : PAIR * own].mT, solved[..., PAIR * own :]
        schur = schur - before.mT @ before
        sound = sound & (failed == 0)
        for kept, piece in ((diagonals, diagonal), (belows, below), (borders, before)):
            kept.append(piece)
    factor, failed = torch.linalg.cholesky_ex(schur)
    return Factors(tuple(diagonals), tuple(belows), tuple(borders), factor, sound & (failed == 0), frames)


def _paired(along: Float64[Tensor, "g f m c"]) -> Float64[Tensor, "g pairs n c"]:
    """Frames two by two; an odd one gets a partner of zeros."""
    odd = along.shape[1] % PAIR
    return pad(along, (0, 0, 0, 0, 0, odd)).unflatten(1, (-1, PAIR)).flatten(2, 3)


def _pairs(arrow: Arrow) -> Float64[Tensor, "g pairs n n"]:
    """The shaft's diagonal blocks; the partner of an odd last frame is the identity."""
    frames, own = arrow.following.shape[1:]
    unit = torch.eye(own, dtype=arrow.own.dtype, device=arrow.own.device).expand(len(arrow.own), frames % PAIR, -1, -1)
    blocks = torch.cat([arrow.own, unit], dim=1).unflatten(1, (-1, PAIR))
    between = torch.diag_embed(_even(arrow.following)[:, ::PAIR])
    first, second = blocks.unbind(2)
    return torch.cat([torch.cat([first, between], 3), torch.cat([between, second], 3)], dim=2)


def _ties(arrow: Arrow) -> Float64[Tensor, "g pairs n n"]:
    """For each pair, its columns of the shaft's block row (pair, next pair), transposed tie of the next to it."""
    following, second = _even(arrow.following), _even(arrow.second_following)
    nothing = torch.zeros_like(following[:, 1::PAIR])
    upper = torch.cat([torch.diag_embed(second[:, ::PAIR]), torch.diag_embed(nothing)], dim=3)
    lower = torch.cat([torch.diag_embed(following[:, 1::PAIR]), torch.diag_embed(second[:, 1::PAIR])], dim=3)
    return torch.cat([upper, lower], dim=2)


def _even(ties: Float64[Tensor, "g f m"]) -> Float64[Tensor, "g even m"]:
    return pad(ties, (0, 0, 0, ties.shape[1] % PAIR))
