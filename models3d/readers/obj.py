"""Wavefront .obj as ICT-FaceKit writes it: `v x y z`, then polygons `f v/vt v/vt v/vt ...` under `usemtl` names."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int32

from models3d.errors import InputError

MAX_BYTES = 64 * 2**20


def obj_vertices(path: Path) -> Float64[np.ndarray, "n 3"]:
    """The vertices alone, in the file's unit; two thirds of a file are never looked at.

    Raises InputError for a file that is missing, too large, or whose vertices are not finite triples.
    """
    data = _read(path)
    start = data.find(b"\nv ") + 1
    end = data.find(b"\nvt ", start)
    try:
        numbers = np.array(data[start:end].replace(b"v", b"").split(), np.float64)
        vertices = numbers.reshape(-1, 3)
    except ValueError as error:
        raise InputError(path, f"has a vertex line that is not 'v x y z' ({error})", _REMEDY) from error
    if not len(vertices) or not np.isfinite(vertices).all():
        raise InputError(path, "has no vertices, or some that are not finite", _REMEDY)
    return vertices


def obj_triangles(path: Path) -> dict[str, Int32[np.ndarray, "t 3"]]:
    """The polygons cut into fans of triangles, 0-based, by material in the file's order; the range is the caller's
    to check.

    Raises InputError for a file that is missing, too large, or has faces that are not polygons of `v/vt`.
    """
    triangles: dict[str, Int32[np.ndarray, "t 3"]] = {}
    for section in _read(path).split(b"\nusemtl ")[1:]:
        material, _, body = section.partition(b"\n")
        try:
            triangles[material.decode(errors="replace").strip()] = _fans(body)
        except (ValueError, OverflowError) as error:
            problem = f"has faces that are not polygons 'v/vt v/vt v/vt ...' ({error})"
            raise InputError(path, problem, _REMEDY) from error
    if not triangles:
        raise InputError(path, "has no faces under a 'usemtl' line", _REMEDY)
    return triangles


def _fans(body: bytes) -> Int32[np.ndarray, "t 3"]:
    """Polygon (c0, c1, c2, ...) as (c0, c1, c2), (c0, c2, c3), ...; ValueError for what is not `v/vt`."""
    lines = [line for line in body.split(b"\n") if line.startswith(b"f ")]
    sizes = np.array([line.count(b"/") for line in lines], np.int64)
    numbers = np.array(b" ".join(lines).replace(b"f", b"").replace(b"/", b" ").split(), np.int32)
    corners = numbers.reshape(-1, 2)[:, 0] - 1
    if sizes.sum() != len(corners) or (sizes < 3).any():
        raise ValueError("corners without a texture index, or fewer than three")
    first = np.repeat(np.cumsum(sizes) - sizes, sizes - 2)  # each triangle's polygon: its first corner
    place = np.arange(len(first)) - np.repeat(np.cumsum(sizes - 2) - (sizes - 2), sizes - 2)
    return corners[np.stack([first, first + place + 1, first + place + 2], axis=1)]


_REMEDY = "give the file as ICT-FaceKit has it in FaceXModel, unchanged"


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(path, "is not there", "give the complete folder FaceXModel of ICT-FaceKit")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(path, f"is larger than {MAX_BYTES >> 20} MiB", _REMEDY)
    return path.read_bytes()
