"""The face model: a mean and linear bases over one topology, and its synthesis (eq. 2, 3)."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Int32

from models3d.errors import InputError

LANDMARK_COUNT = 68
TWO_SIDED = (-3.0, 3.0)
"""Bounds, in standard deviations, of a coefficient whose file states none."""


@dataclass(frozen=True, eq=False)
class Basis:
    """k directions of variation over n vertices.

    components  unit norm over all 3n numbers; not necessarily orthogonal (sparse blendshapes are not)
    sigmas_mm   the standard deviation of each coefficient, as the norm of the displacement
    bounds      lowest and highest coefficient, in standard deviations; one-sided units start at 0
    names       one a component
    """

    components: Float32[np.ndarray, "k n 3"]
    sigmas_mm: Float32[np.ndarray, " k"]
    bounds: Float32[np.ndarray, "k 2"]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sigmas_mm)

    @cached_property
    def displacements_mm(self) -> Float32[np.ndarray, "k n 3"]:
        """What a coefficient of one standard deviation adds to the vertices."""
        return self.components * self.sigmas_mm[:, None, None]

    def first(self, count: int) -> "Basis":
        """The `count` most significant components."""
        return Basis(self.components[:count], self.sigmas_mm[:count], self.bounds[:count], self.names[:count])

    def at(self, vertices: Int32[np.ndarray, " m"]) -> "Basis":
        """The same directions on some of the vertices; they no longer have unit norm there."""
        return replace(self, components=self.components[:, vertices])


def empty_basis(vertex_count: int) -> Basis:
    """The basis of a part the model lacks: no components, on the same topology."""
    return basis_from_displacements(np.zeros((0, vertex_count, 3), np.float32), ())


def basis_from_displacements(
    displacements_mm: Float[np.ndarray, "k n 3"],
    names: tuple[str, ...],
    bounds: Float[np.ndarray, "k 2"] | None = None,
) -> Basis:
    """Basis whose coefficient 1 adds each displacement: sigma is its norm, the component its direction.

    Raises InputError for a displacement that is zero everywhere, which has no direction.
    """
    sigmas = np.sqrt(np.square(displacements_mm, dtype=np.float64).sum(axis=(1, 2)))
    if not np.all(sigmas > 0):
        dead = [name for name, sigma in zip(names, sigmas, strict=True) if not sigma > 0]
        raise InputError(f"components {dead}", "move no vertex", "leave them out of the basis")
    if bounds is None:
        bounds = np.tile(np.asarray(TWO_SIDED), (len(sigmas), 1))
    components = (displacements_mm / sigmas[:, None, None]).astype(np.float32)
    return Basis(components, sigmas.astype(np.float32), np.asarray(bounds, np.float32), names)


@dataclass(frozen=True, eq=False)
class FaceModel:
    """S = mean + identity(p_id) + expression(p_exp) + speech(p_speech), on one topology (eq. 2)."""

    name: str
    mean_mm: Float32[np.ndarray, "n 3"]
    triangles: Int32[np.ndarray, "t 3"]
    landmarks: Int32[np.ndarray, "68"]
    identity: Basis
    expression: Basis
    speech: Basis
    source: str
    licence: str

    def __post_init__(self) -> None:
        count = len(self.mean_mm)
        for part in ("identity", "expression", "speech"):
            found = getattr(self, part).components.shape[1]
            if found != count:
                raise InputError(
                    f"model {self.name}",
                    f"its {part} basis has {found} vertices, its mean has {count}",
                    "combine files that share one topology",
                )
        for part in ("triangles", "landmarks"):
            indices = getattr(self, part)
            if indices.min() < 0 or indices.max() >= count:
                raise InputError(
                    f"model {self.name}",
                    f"its {part} name vertices outside 0..{count - 1}",
                    "check whether the file counts from 1",
                )

    @cached_property
    def motion(self) -> Basis:
        """Expression and speech as one basis: what moves while the person stays the same."""
        if not len(self.speech):
            return self.expression
        first, then = self.expression, self.speech
        return Basis(
            np.concatenate([first.components, then.components]),
            np.concatenate([first.sigmas_mm, then.sigmas_mm]),
            np.concatenate([first.bounds, then.bounds]),
            first.names + then.names,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every array and name that changes a result; the first 16 hex digits."""
        sha = hashlib.sha256()
        for array in (self.mean_mm, self.triangles, self.landmarks):
            sha.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        for basis in (self.identity, self.expression, self.speech):
            sha.update(repr(basis.names).encode())
            for array in (basis.components, basis.sigmas_mm, basis.bounds):
                sha.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()[:16]


def synthesize(
    model: FaceModel,
    p_id: Float[np.ndarray, "*batch k_id"],
    p_motion: Float[np.ndarray, "*batch k_motion"],
) -> Float32[np.ndarray, "*batch n 3"]:
    """Vertices in mm of S = mean + U_id p_id + U_exp p_exp (+ U_speech p_speech), eq. 2.

    p_id, p_motion  coefficients in standard deviations; fewer than the model has stand for zeros
                    behind; `p_motion` is expression, then speech.
    """
    flat = model.mean_mm.reshape(-1) + _offset(model.identity, p_id) + _offset(model.motion, p_motion)
    return flat.reshape(*flat.shape[:-1], -1, 3)


def _offset(basis: Basis, coefficients: Float[np.ndarray, "*batch k"]) -> Float32[np.ndarray, "*batch m"]:
    count = coefficients.shape[-1]
    if count > len(basis):
        raise InputError("coefficients", f"{count} given, the basis has {len(basis)}", "pass at most that many")
    scaled = (coefficients * basis.sigmas_mm[:count]).astype(np.float32)
    return scaled @ basis.components[:count].reshape(count, 3 * basis.components.shape[1])


def combine(
    name: str, identity: FaceModel, expression: FaceModel | None = None, speech: FaceModel | None = None
) -> FaceModel:
    """Identity and mean of one model with the expression and speech bases of others.

    The case of the paper: LSFM's identity with 4DFAB's expression on LSFM's topology. The topologies
    must be equal, triangle by triangle; InputError otherwise.
    """
    model = replace(identity, name=name)
    for part, donor in (("expression", expression), ("speech", speech)):
        if donor is None:
            continue
        if not np.array_equal(_smallest_first(donor.triangles), _smallest_first(identity.triangles)):
            raise InputError(
                f"model {name}",
                f"the {part} of '{donor.name}' ({len(donor.mean_mm)} vertices, {len(donor.triangles)} triangles) is on "
                f"another topology than the identity of '{identity.name}' ({len(identity.mean_mm)} vertices, "
                f"{len(identity.triangles)} triangles)",
                "bring both to one topology first (register_meshes), or choose files that share one",
            )
        model = replace(model, **{part: getattr(donor, part)})
    sources = [m.source for m in (identity, expression, speech) if m is not None]
    licences = [m.licence for m in (identity, expression, speech) if m is not None]
    return replace(model, source="; ".join(dict.fromkeys(sources)), licence="; ".join(dict.fromkeys(licences)))


def _smallest_first(triangles: Int32[np.ndarray, "t 3"]) -> Int32[np.ndarray, "t 3"]:
    """Each triangle turned, not flipped, to start at its smallest index: files begin them at different corners."""
    turns = (triangles.argmin(axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(triangles, turns, axis=1)
