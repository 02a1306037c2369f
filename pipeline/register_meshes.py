"""Raw scans brought to the template's topology, into the same cache that registered meshes have."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from models3d.errors import UnusableDatum
from models3d.readers.meshes import Mesh, read_mesh
from models3d.readers.native import read_native
from models3d.readers.scan_landmarks import read_scan_landmarks
from models3d.registration import Registered, Template, register
from models3d.scans import Scan, at_closest
from pipeline.files import Paths, check_rejects, write_rejects, write_table
from pipeline.mesh_cache import Entry, write_cache
from pipeline.mesh_colours import vertex_colours
from pipeline.mesh_tables import read_mesh_rows
from pipeline.provenance import provenance
from pipeline.settings.meshes import RegisterMeshes

STAGE = "register_meshes"

QUALITY_COLUMNS = ("mesh", "mean_mm", "p90_mm", "landmark_mm", "matched", "used")
"""Distances of the matched vertices to the scan, of the landmarks to the scan's; the matched share of the outside."""


def run(inputs: Paths, outputs: Paths, settings: RegisterMeshes) -> None:
    """Register the scans of `inputs["listing"]`; write `outputs["cache"]`, `outputs["rejects"]`, `outputs["quality"]`.

    template  a native model: its topology, landmarks and mean, and its identities as a first guess at who is scanned

    A scan needs its 68 landmarks beside it. A registration that is farther from the scan than `max_mean_mm`, or whose
    landmarks are farther than `max_landmark_mm`, is a reject.
    Raises InputError if more than `max_reject_rate` of the files are rejects.
    """
    rows = read_mesh_rows(inputs["listing"])
    model = read_native(inputs["template"])
    template = Template(model, settings.coarse_triangles)
    attributes = provenance(STAGE, settings, inputs, template=model.name, model_digest=model.digest)
    quality: list[tuple[object, ...]] = []
    parse = partial(registered_scan, template=template, settings=settings, quality=quality)
    rejects = write_cache(outputs["cache"], rows, len(model.mean_mm), parse, attributes)
    check_rejects(rejects, len(rows), settings.max_reject_rate, inputs["listing"])
    write_rejects(outputs["rejects"], rejects)
    write_table(outputs["quality"], QUALITY_COLUMNS, quality)


def registered_scan(
    path: Path, template: Template, settings: RegisterMeshes, quality: list[tuple[object, ...]]
) -> Entry:
    """A scan on the template's topology; its figures are added to `quality` whether it is good enough or not.

    Raises UnusableDatum if the scan cannot be read or registered, or its registration is too far off.
    """
    mesh = read_mesh(path, settings.max_scan_vertices)
    if not len(mesh.triangles):
        raise UnusableDatum("a scan without triangles")
    unit = settings.unit_mm
    scan = Scan(mesh.vertices.astype(np.float64) * unit, mesh.triangles, read_scan_landmarks(path) * unit)
    registered = register(template, scan)
    problem = distance_problem(registered, settings)
    quality.append((str(path), *figures(registered, template), "no" if problem else "yes"))
    if problem:
        raise UnusableDatum(problem)
    return Entry(registered.vertices.astype(np.float32), partial(carried_colours, mesh, scan, registered, settings))


def figures(registered: Registered, template: Template) -> tuple[str, ...]:
    """The quality of a registration, as text of fixed precision."""
    mean, p90 = registered.distances_mm.mean(), np.percentile(registered.distances_mm, 90)
    share = registered.matched.sum() / template.outside.sum()
    return tuple(f"{figure:.3f}" for figure in (mean, p90, registered.landmark_mm, share))


def distance_problem(registered: Registered, settings: RegisterMeshes) -> str | None:
    """Why a registration is not good enough, or None."""
    mean = registered.distances_mm.mean()
    if mean > settings.max_mean_mm:
        return f"registered to {mean:.2f} mm from the scan in the mean, more than {settings.max_mean_mm} mm"
    if registered.landmark_mm > settings.max_landmark_mm:
        found, most = registered.landmark_mm, settings.max_landmark_mm
        return f"its landmarks end {found:.1f} mm from those of the scan, more than {most} mm"
    return None


def carried_colours(
    mesh: Mesh, scan: Scan, registered: Registered, settings: RegisterMeshes, texture: Path | None
) -> UInt8[np.ndarray, "n 3"]:
    """The scan's colours on the template's vertices. Raises UnusableDatum if it has none."""
    colours = vertex_colours(mesh, texture, settings.max_texture_pixels)
    return np.rint(at_closest(scan, registered.closest, colours.astype(np.float32))).astype(np.uint8)
