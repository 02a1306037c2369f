"""The coefficients of cached meshes in a face model, with what the model leaves of each mesh."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int
from tqdm import tqdm

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.projection import Projector, components, joint, literal, neutral, project
from models3d.readers.native import read_native
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.mesh_cache import NONE, read_ahead
from pipeline.provenance import provenance
from pipeline.settings.meshes import ProjectMeshes
from pipeline.shards import Shard, read_shard, write_shard

STAGE = "project_meshes"


class Coefficients(NamedTuple):
    """Of every mesh of a cache; NaN where it has no neutral face and the method asks for one."""

    identity: Float32[np.ndarray, "m k_id"]
    expression: Float32[np.ndarray, "m k_exp"]
    residual_mm: Float32[np.ndarray, " m"]


def run(inputs: Paths, outputs: Paths, settings: ProjectMeshes) -> None:
    """Project the meshes of `inputs["cache"]`; write `outputs["projections"]` and `outputs["rejects"]`.

    model  whose mean and bases are on the topology of the cache

    A mesh farther from its projection than `max_residual_mm`, and under `neutral` one without a neutral face, is a
    reject. Raises InputError if the topology is another, the method does not suit the model, or more than
    `max_reject_rate` of the meshes are rejects.
    """
    model, cache = read_native(inputs["model"]), read_shard(inputs["cache"], "mesh_cache")
    check_model(model, cache, settings.method, inputs["model"])
    found = coefficients(model, cache, settings)
    ids = cache.text("id")
    reasons = [reason(residual, settings) for residual in found.residual_mm.tolist()]
    rejects = [Reject(name, STAGE, why) for name, why in zip(ids, reasons, strict=True) if why]
    check_rejects(rejects, len(ids), settings.max_reject_rate, inputs["cache"])
    kept = np.array([why is None for why in reasons], bool)
    arrays = {
        "id": [name for name, keep in zip(ids, kept, strict=True) if keep],
        "expression": found.expression[kept],
        "identity": found.identity[kept],
        "residual": found.residual_mm[kept],
    }
    attributes = provenance(
        STAGE,
        settings,
        inputs,
        model=model.name,
        model_digest=model.digest,
        cache_digest=cache.attributes["content_digest"],
        component_names=list(model.expression.names),
    )
    write_shard(outputs["projections"], "projections", arrays, attributes)
    write_rejects(outputs["rejects"], rejects)


def check_model(model: FaceModel, cache: Shard, method: str, item: object) -> None:
    """Raise InputError unless the model has the cache's topology, expressions, and for `joint` identities."""
    found, expected = cache["vertices"].shape[1], len(model.mean_mm)
    if found != expected:
        problem = f"has {expected} vertices, the meshes have {found}"
        raise InputError(item, problem, "name the model whose topology the meshes were indexed with")
    if not len(model.expression):
        raise InputError(item, "has no expression basis", "build one with build_expression_model, and combine them")
    if method == "joint" and not len(model.identity):
        remedy = "combine it with an identity basis, or set project_meshes.method to neutral"
        raise InputError(item, "has no identity basis, which 'joint' solves for together with the expression", remedy)


def reason(residual_mm: float, settings: ProjectMeshes) -> str | None:
    """Why a mesh is not used, or None."""
    if np.isnan(residual_mm):
        return "no neutral face of its sequence (project_meshes.method 'joint' needs none)"
    if residual_mm > settings.max_residual_mm:
        return f"{residual_mm:.2f} mm from the model in the mean, more than {settings.max_residual_mm} mm"
    return None


def coefficients(model: FaceModel, cache: Shard, settings: ProjectMeshes) -> Coefficients:
    """Batch by batch through the mapped cache, which is read once."""
    count, identities = len(cache["id"]), len(model.identity) if settings.method == "joint" else 0
    found = np.full((count, identities + len(model.expression)), np.nan, np.float32)
    residual_mm = np.full(count, np.nan, np.float32)
    projector_of = projectors(model, cache, settings)
    wanted = np.asarray(cache["neutral"]) if settings.method == "neutral" else np.zeros(count, np.int32)
    progress = tqdm(desc=STAGE, unit="mesh", total=count)
    for run, meshes in read_ahead(cache["vertices"], runs(wanted, settings.batch)):
        projected = project(projector_of(int(wanted[run.start])), meshes)
        found[run.start : run.stop] = projected.coefficients
        residual_mm[run.start : run.stop] = projected.residual_mm
        progress.update(len(run))
    progress.close()
    return Coefficients(found[:, :identities], found[:, identities:], residual_mm)


def projectors(model: FaceModel, meshes: Shard, settings: ProjectMeshes):
    """From the number of a neutral face to its projector; the other methods have one for all meshes."""

    expression = lru_cache(lambda: components(model.expression))  # made where it is asked for

    @lru_cache(maxsize=1)  # neutral faces come in runs; a projector is as large as the basis
    def projector(number: int) -> Projector:
        if settings.method == "literal":
            return literal(model.mean_mm, model.expression, settings.scaled)
        if settings.method == "joint":
            return joint(model.mean_mm, model.identity, model.expression, settings.scaled)
        return neutral(model.mean_mm, expression(), np.array(meshes["neutrals"][number]), settings.scaled)

    return projector


def runs(wanted: Int[np.ndarray, " m"], batch: int) -> Iterator[range]:
    """Consecutive meshes with one projector, `batch` at most; those without a neutral face are left out."""
    for number, group in groupby(range(len(wanted)), key=wanted.__getitem__):
        places = list(group)
        if number != NONE:
            for start in range(places[0], places[-1] + 1, batch):
                yield range(start, min(start + batch, places[-1] + 1))
