"""Meshes that are registered to a topology, parsed once into a cache, or the reason why not."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from models3d.errors import UnusableDatum
from models3d.face_model import FaceModel
from models3d.readers.meshes import Mesh, read_mesh
from models3d.readers.native import read_native
from pipeline.files import Paths, check_rejects, write_rejects
from pipeline.mesh_cache import Entry, write_cache
from pipeline.mesh_colours import vertex_colours
from pipeline.mesh_tables import read_mesh_rows
from pipeline.provenance import provenance
from pipeline.settings.meshes import IndexMeshes

STAGE = "index_meshes"

LARGEST_SIZE_RATIO = 2.0
"""Of a mesh's size to the template's; heads differ by less, units by ten or more."""


def run(inputs: Paths, outputs: Paths, settings: IndexMeshes) -> None:
    """Parse the meshes of `inputs["listing"]`; write `outputs["cache"]` (kind `mesh_cache`) and `outputs["rejects"]`.

    template  a native model of the topology that the meshes are registered to

    Raises InputError if more than `max_reject_rate` of the files are rejects.
    """
    rows = read_mesh_rows(inputs["listing"])
    template = read_native(inputs["template"])
    attributes = provenance(STAGE, settings, inputs, template=template.name, model_digest=template.digest)
    parse = partial(registered_mesh, template=template, settings=settings)
    rejects = write_cache(outputs["cache"], rows, len(template.mean_mm), parse, attributes)
    check_rejects(rejects, len(rows), settings.max_reject_rate, inputs["listing"])
    write_rejects(outputs["rejects"], rejects)


def registered_mesh(path: Path, template: FaceModel, settings: IndexMeshes) -> Entry:
    """A mesh in mm on the template's topology. Raises UnusableDatum for a broken one, or another topology."""
    mesh = read_mesh(path, max_vertices=len(template.mean_mm))
    check_topology(mesh, template)
    vertices_mm = (mesh.vertices * settings.unit_mm).astype(np.float32)
    check_size(vertices_mm, template)
    return Entry(vertices_mm, lambda texture: vertex_colours(mesh, texture, settings.max_texture_pixels))


def check_topology(mesh: Mesh, template: FaceModel) -> None:
    """Raise UnusableDatum unless the mesh has the template's vertices and, if it has any, triangles.

    Neither their order nor their winding counts, only which vertices they join.
    """
    found, expected = len(mesh.vertices), len(template.mean_mm)
    if found != expected:
        raise UnusableDatum(f"another topology: {found} vertices, '{template.name}' has {expected}")
    if not len(mesh.triangles) or np.array_equal(mesh.triangles, template.triangles):
        return
    if not np.array_equal(joined(mesh.triangles), joined(template.triangles)):
        raise UnusableDatum(f"another topology: its triangles are not those of '{template.name}'")


def joined(triangles: Int[np.ndarray, "t 3"]) -> Int[np.ndarray, "t 3"]:
    """Triangles in an order of their own: each by its vertices, all by their first, second and third."""
    within = np.sort(triangles, axis=1)
    return within[np.lexsort(within.T[::-1])]


def check_size(vertices_mm: Float[np.ndarray, "n 3"], template: FaceModel) -> None:
    """Raise UnusableDatum for a mesh that is far larger or smaller than the template: it is in another unit."""
    ratio = spread(vertices_mm) / spread(template.mean_mm)
    if not 1 / LARGEST_SIZE_RATIO < ratio < LARGEST_SIZE_RATIO:
        raise UnusableDatum(f"{ratio:.3g} times the template's size: is unit_mm the length of its unit?")


def spread(vertices: Float[np.ndarray, "n 3"]) -> float:
    """Root of the mean squared distance from the centre."""
    return float(np.sqrt(vertices.astype(np.float64).var(axis=0).sum()))
