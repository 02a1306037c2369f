"""One mesh file: ply, obj with texture, off, npy. Whatever is wrong with it is a reason, never a crash.

ply and off are parsed by trimesh. An obj is parsed here, as trimesh splits vertices where the texture has a seam,
which would lose their correspondence. An npy holds the vertices alone, (n, 3).
"""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32, UInt8
from trimesh.exchange.off import load_off
from trimesh.exchange.ply import load_ply

from models3d.errors import UnusableDatum

HEADER_BYTES = 2**20
BYTES_A_VERTEX = 1000
"""Generous: a vertex of a text file with texture coordinates and two faces takes some 200."""
MAX_MATERIAL_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh in its file's own unit and frame.

    triangles  polygons are cut into fans; none if the file holds only vertices
    uv         a vertex's first texture coordinates, from the image's bottom left; NaN where it has none
    images     the texture images that an obj's materials name, inside the mesh's own folder
    """

    vertices: Float32[np.ndarray, "n 3"]
    triangles: Int32[np.ndarray, "t 3"]
    colours: UInt8[np.ndarray, "n 3"] | None = None
    uv: Float32[np.ndarray, "n 2"] | None = None
    images: tuple[Path, ...] = ()


def read_mesh(path: Path, max_vertices: int) -> Mesh:
    """The mesh of a file, its kind told by the name's ending.

    A file too large for `max_vertices` is not opened. Raises UnusableDatum with the reason if the file is missing,
    damaged or too large, has no vertices, a number that is not finite, or a face that names no vertex.
    """
    parse = PARSERS.get(path.suffix.lower())
    if parse is None:
        raise UnusableDatum(f"'{path.suffix}' is no mesh format that is read ({', '.join(PARSERS)})")
    if not path.is_file():
        raise UnusableDatum("missing mesh file")
    size = path.stat().st_size
    if size > HEADER_BYTES + BYTES_A_VERTEX * max_vertices:
        raise UnusableDatum(f"{size} bytes, too large for a mesh of at most {max_vertices} vertices")
    try:
        mesh = parse(path)
    except UnusableDatum:
        raise
    except Exception as error:  # broken bytes lead parsers to KeyError, TypeError, UnicodeDecodeError, ...
        raise UnusableDatum(f"cannot be read as {path.suffix[1:]} ({error or type(error).__name__})") from error
    _check(mesh, max_vertices)
    return mesh


def _check(mesh: Mesh, max_vertices: int) -> None:
    count = len(mesh.vertices)
    if not 0 < count <= max_vertices:
        raise UnusableDatum(f"{count} vertices, where 1 to {max_vertices} are taken")
    bad = count - int(np.isfinite(mesh.vertices).all(axis=1).sum())
    if bad:
        raise UnusableDatum(f"{bad} of {count} vertices are not finite")
    if mesh.triangles.size and not (mesh.triangles.min() >= 0 and mesh.triangles.max() < count):
        raise UnusableDatum(f"a face names a vertex outside 0 to {count - 1}")


def _ply(path: Path) -> Mesh:
    data = path.read_bytes()
    stated = {name: int(n) for name, n in re.findall(rb"^element (\w+) (\d+)\s*$", data[:HEADER_BYTES], re.MULTILINE)}
    loaded = load_ply(io.BytesIO(data))
    mesh = _from_trimesh(loaded)
    # trimesh takes a text file that ends early
    if len(mesh.vertices) != stated.get(b"vertex", 0) or len(mesh.triangles) < stated.get(b"face", 0):
        raise UnusableDatum("fewer vertices or faces than the header states: the file was cut off")
    colours = loaded.get("vertex_colors")
    if colours is None:
        return mesh
    if colours.dtype != np.uint8 or colours.ndim != 2 or len(colours) != len(mesh.vertices):
        raise UnusableDatum("colours that are not 8-bit RGB, one a vertex")
    return Mesh(mesh.vertices, mesh.triangles, np.ascontiguousarray(colours[:, :3]))


def _off(path: Path) -> Mesh:
    with path.open("rb") as stream:
        return _from_trimesh(load_off(stream))


def _from_trimesh(loaded: Mapping[str, object]) -> Mesh:
    triangles = loaded.get("faces")
    triangles = np.asarray(() if triangles is None else triangles, np.int64).reshape(-1, 3)
    return Mesh(_float32(loaded["vertices"]), _int32(triangles))


def _npy(path: Path) -> Mesh:
    vertices = np.load(path, mmap_mode="r", allow_pickle=False)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind != "f":
        raise UnusableDatum(f"an array of shape {vertices.shape} and type {vertices.dtype}, not (n, 3) floats")
    return Mesh(_float32(vertices), np.empty((0, 3), np.int32))


def _obj(path: Path) -> Mesh:
    lines = path.read_bytes().split(b"\n")
    vertices = _table([line[2:] for line in lines if line.startswith(b"v ")])
    coordinates = _table([line[3:] for line in lines if line.startswith(b"vt ")])
    triangles, corners, texture_ids = _faces([line[2:] for line in lines if line.startswith(b"f ")], len(vertices))
    uv = None
    if texture_ids is not None and len(coordinates):
        if texture_ids.min() < 0 or texture_ids.max() >= len(coordinates):
            raise UnusableDatum("a face names texture coordinates that are not there")
        uv = np.full((len(vertices), 2), np.nan, np.float32)
        used, first = np.unique(corners, return_index=True)
        uv[used] = coordinates[texture_ids[first], :2]
    colours = None
    if vertices.shape[1] == 6:  # x y z r g b, a common extension
        colours = np.round(255 * np.clip(vertices[:, 3:], 0, 1)).astype(np.uint8)
    return Mesh(_float32(vertices[:, :3]), triangles, colours, uv, _images(path, lines))


def _table(lines: list[bytes]) -> Float64[np.ndarray, "rows columns"]:
    """Lines of equally many numbers."""
    columns = len(lines[0].split()) if lines else 0
    return np.array(b" ".join(lines).split(), np.float64).reshape(len(lines), columns)


def _faces(
    lines: list[bytes], vertex_count: int
) -> tuple[Int32[np.ndarray, "t 3"], Int32[np.ndarray, " c"], Int32[np.ndarray, " c"] | None]:
    """Triangles; and for every corner its vertex and, where there are any, its texture coordinates, 0-based.

    Corners are `v`, `v/vt`, `v//vn` or `v/vt/vn`, one kind in the whole file, counted from 1.
    """
    if not lines:
        return np.empty((0, 3), np.int32), np.empty(0, np.int32), None
    sizes = np.array([len(line.split()) for line in lines])
    first = lines[0].split()[0]
    fields = first.count(b"/") + 1
    text = b" ".join(lines).replace(b"//", b"/1/").replace(b"/", b" ")
    numbers = np.array(text.split(), np.int64).reshape(sizes.sum(), fields) - 1
    if sizes.min() < 3 or numbers.min() < 0 or numbers[:, 0].max() >= vertex_count:
        raise UnusableDatum(f"a face with fewer than 3 corners, or with a vertex outside 1 to {vertex_count}")
    corners = _int32(numbers[:, 0])
    textured = fields > 1 and b"//" not in first
    return corners[_fans(sizes)], corners, _int32(numbers[:, 1]) if textured else None


def _fans(sizes: Int[np.ndarray, " f"]) -> Int[np.ndarray, "t 3"]:
    """Places (t, 3) among all corners of the triangles (0, 1, 2), (0, 2, 3), ... of polygons of these sizes."""
    starts, counts = np.cumsum(sizes) - sizes, sizes - 2
    first = np.repeat(starts, counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([first, first + step + 1, first + step + 2], axis=1)


def _images(path: Path, lines: list[bytes]) -> tuple[Path, ...]:
    """The images (`map_Kd`) of the material files (`mtllib`), in their order, each once."""
    images: dict[Path, None] = {}
    for library in _named(lines, b"mtllib"):
        material = inside(path.parent, library)
        if not material.is_file():
            continue  # a mesh is a mesh without its material; whoever needs its colours finds none and says so
        if material.stat().st_size > MAX_MATERIAL_BYTES:
            raise UnusableDatum(f"its material file has more than {MAX_MATERIAL_BYTES} bytes")
        for name in _named(material.read_bytes().split(b"\n"), b"map_Kd"):
            images[inside(path.parent, name)] = None
    return tuple(images)


def _named(lines: list[bytes], keyword: bytes) -> list[str]:
    return [line.split(maxsplit=1)[1].decode().strip() for line in lines if line.startswith(keyword + b" ")]


def inside(folder: Path, name: str) -> Path:
    """The path of a file that another file names. Raises UnusableDatum if it leads out of the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnusableDatum(f"names the file '{name}', which is outside its folder")
    return path


def _float32(numbers: object) -> Float32[np.ndarray, "..."]:
    with np.errstate(over="ignore"):  # too large becomes infinite, which is refused
        return np.ascontiguousarray(numbers, np.float32)


def _int32(numbers: Int[np.ndarray, "..."]) -> Int32[np.ndarray, "..."]:
    if numbers.size and not -(2**31) <= numbers.min() <= numbers.max() < 2**31:
        raise UnusableDatum("a face with a vertex number beyond 32 bits")
    return np.ascontiguousarray(numbers, np.int32)


PARSERS: Mapping[str, Callable[[Path], Mesh]] = {".ply": _ply, ".obj": _obj, ".off": _off, ".npy": _npy}
