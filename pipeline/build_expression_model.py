"""An expression basis from mesh sequences: sparse localised components (eq. 1) or principal ones, in a native file."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32
from tqdm import tqdm

from models3d.errors import InputError
from models3d.face_model import Basis, FaceModel, empty_basis
from models3d.geodesics import edge_graph
from models3d.principal_components import LowRank, compress, principal_components
from models3d.readers.native import read_native, write_model
from models3d.regions import region_of
from models3d.rigid import apply, similarity
from models3d.sparse_components import SparseBasis, Sparsity, sparse_components
from models3d.stable_alignment import stable_motion
from pipeline.files import Paths, Reject, write_rejects, write_table
from pipeline.mesh_cache import NONE
from pipeline.seeds import generator
from pipeline.settings.models import BuildExpressionModel
from pipeline.shards import Shard, read_shard

STAGE = "build_expression_model"

ACTIVE = 0.1
ACTS = 0.01
"""A component acts on a vertex that it moves by more than this share of its largest displacement."""
COLUMNS = ("component", "share_of_variance", "share_of_face", "sigma_mm", "largest_mm")
"""Of the table: the share of the variance that each adds, the share of vertices that it acts on, and how far a
standard deviation moves all vertices together (root of the sum of squares) and the one that it moves most."""


class Components(NamedTuple):
    """What was learnt, the most significant first."""

    basis: Basis
    shares: Float[np.ndarray, " k"]
    """Of the variance."""
    how: str
    """In words, for the model's source."""


def run(inputs: Paths, outputs: Paths, settings: BuildExpressionModel) -> None:
    """Learn components from the meshes of all `inputs["caches"]`, each minus its sequence's neutral face.

    template  a native model on the same topology, which gives the mean, the triangles and the landmarks

    Writes `outputs["model"]`, whose identity is empty; `outputs["components"]`, a table; and `outputs["rejects"]`: the
    meshes without a neutral face. The differences lie in a scratch file beside the model: memory holds a few at a time.
    Raises InputError if a cache is of another topology, no mesh has a neutral face, or the meshes hold fewer directions
    than `components`.
    """
    template = read_native(inputs["template"])
    caches = [read_shard(path, "mesh_cache") for path in inputs["caches"]]
    check_topology(caches, inputs["caches"], template)
    usable = [np.asarray(cache["neutral"]) != NONE for cache in caches]
    count = int(sum(np.count_nonzero(part) for part in usable))
    if not count:
        raise InputError(inputs["caches"][0], "has no mesh with a neutral face", "fill the manifest's neutral_mesh")
    outputs["model"].parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{outputs['model'].name}.", dir=outputs["model"].parent) as scratch:
        rows = np.memmap(Path(scratch) / "differences", np.float32, "w+", shape=(count, template.mean_mm.size))
        for row, difference in zip(rows, tqdm(differences(caches, template), STAGE, count, unit="mesh"), strict=True):
            row[:] = difference.reshape(-1)
        rows.flush()
        data = compress(rows, settings.rank, generator(settings.seed, STAGE))
        del rows
    learnt = learn(data, template, settings)
    model = as_model(learnt, template, outputs["model"].stem, count)
    write_model(outputs["model"], model)
    write_table(outputs["components"], COLUMNS, table(model.expression, learnt.shares))
    write_rejects(outputs["rejects"], without_neutral(caches, usable))


def check_topology(caches: Sequence[Shard], paths: Sequence[Path], template: FaceModel) -> None:
    """Raise InputError unless every cache has the template's vertices."""
    for cache, path in zip(caches, paths, strict=True):
        found, expected = cache["vertices"].shape[1], len(template.mean_mm)
        if found != expected:
            problem = f"holds meshes of {found} vertices, '{template.name}' has {expected}"
            raise InputError(path, problem, "give the template that the meshes were indexed with")


def without_neutral(caches: Sequence[Shard], usable: Sequence[Bool[np.ndarray, " m"]]) -> list[Reject]:
    """The meshes of which no difference can be taken."""
    return [
        Reject(name, STAGE, "no neutral face of its sequence")
        for cache, part in zip(caches, usable, strict=True)
        for name, usable_one in zip(cache.text("id"), part, strict=True)
        if not usable_one
    ]


def differences(caches: Sequence[Shard], template: FaceModel) -> Iterator[Float32[np.ndarray, "n 3"]]:
    """Each mesh that has a neutral face, minus it, in mm: the head's motion undone, in the axes of the template."""
    for cache in caches:
        upright = [similarity(neutral, template.mean_mm, scaled=False).rotation for neutral in cache["neutrals"]]
        for vertices, neutral in zip(cache["vertices"], cache["neutral"], strict=True):
            if neutral != NONE:
                rest = cache["neutrals"][neutral]
                moved = apply(stable_motion(vertices, rest), vertices) - rest
                yield (moved @ upright[neutral].T).astype(np.float32)


def learn(data: LowRank, template: FaceModel, settings: BuildExpressionModel) -> Components:
    """The components by the method of the settings."""
    if settings.method == "pca":
        basis = principal_components(data, settings.components)
        return Components(basis, data.shares[: len(basis)], "principal components")
    extent = float(np.ptp(template.mean_mm, axis=0).max())
    graph = edge_graph(template.mean_mm, template.triangles)
    sparsity = Sparsity(
        settings.one_sided, settings.sparsity, settings.support, settings.tolerance, settings.max_rounds
    )
    learnt = sparse_components(data, extent, graph, settings.components, sparsity)
    rounds, end = len(learnt.fit.objectives), learnt.fit.objectives[-1]
    if not learnt.fit.converged:
        logging.warning("eq. 1 still fell after %d rounds: raise build_expression_model.max_rounds", rounds)
    if len(learnt.basis) < settings.components:
        logging.warning(
            "%d of %d components explain too little", settings.components - len(learnt.basis), settings.components
        )
    state = "converged" if learnt.fit.converged else "stopped"
    basis = over_active_frames(learnt) if settings.sigma_over == "active" else learnt.basis
    return Components(basis, learnt.shares, f"sparse components ({state} after {rounds} rounds at {end:.6g})")


def over_active_frames(learnt: SparseBasis) -> Basis:
    """The basis with sigmas over the frames that show a component, instead of over all.

    An action that one clip in twenty shows has a standard deviation of a tenth of its full strength: three of them are
    a hint of it. Over the frames where its weight is above ACTIVE of the largest, three cover it.
    """
    weights = np.abs(learnt.weights)
    active = weights > ACTIVE * weights.max(axis=0)
    ratios = np.sqrt((weights**2 * active).sum(axis=0) / active.sum(axis=0)).astype(np.float32)
    one_sided = learnt.basis.bounds[:, :1] == 0  # of the others, the bounds are three sigmas whatever those are
    bounds = np.where(one_sided, learnt.basis.bounds / ratios[:, None], learnt.basis.bounds)
    return replace(learnt.basis, sigmas_mm=learnt.basis.sigmas_mm * ratios, bounds=bounds)


def as_model(learnt: Components, template: FaceModel, name: str, meshes: int) -> FaceModel:
    """The components as the expressions of a model without identity; each is named after where it acts most."""
    peaks = np.square(learnt.basis.components).sum(axis=2).argmax(axis=1)
    regions = [region_of(template.mean_mm[peak], template.mean_mm[template.landmarks]) for peak in peaks]
    names = tuple(f"{old}_{region}" for old, region in zip(learnt.basis.names, regions, strict=True))
    nothing = empty_basis(len(template.mean_mm))
    return replace(
        template,
        name=name,
        identity=nothing,
        expression=replace(learnt.basis, names=names),
        speech=nothing,
        source=f"{learnt.how} of {meshes} meshes on the topology of {template.source}",
    )


def table(basis: Basis, shares: Float[np.ndarray, " k"]) -> Iterator[tuple[object, ...]]:
    """A row a component, of `COLUMNS`."""
    lengths = np.linalg.norm(basis.components, axis=2)
    for name, length, sigma, share in zip(basis.names, lengths, basis.sigmas_mm, shares, strict=True):
        acts = np.mean(length > ACTS * length.max())
        yield name, f"{share:.6f}", f"{acts:.6f}", f"{sigma:.6g}", f"{sigma * length.max():.6g}"
