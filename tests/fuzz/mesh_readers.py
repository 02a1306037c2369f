"""Meshes, their textures and manifests."""

from pathlib import Path

import numpy as np
import trimesh

from models3d.readers.meshes import read_mesh
from pipeline.mesh_colours import vertex_colours
from pipeline.mesh_tables import MANIFEST_COLUMNS, read_manifest
from tests.fuzz.model_readers import FACE, Starts
from tests.fuzz.packing import npy
from tests.fuzz.photo_readers import encoded
from tests.fuzz.subject import Subject, Valid

MOST_VERTICES = 100_000
MOST_PIXELS = 1_000_000


def ball() -> trimesh.Trimesh:
    sphere = trimesh.creation.icosphere(1, radius=80)
    sphere.visual.vertex_colors = np.random.default_rng(1).integers(0, 256, (len(sphere.vertices), 4), np.uint8)
    return sphere


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def make_ply(made: Path, secret: Path) -> list[Valid]:
    plain = ball()
    plain.visual = trimesh.visual.ColorVisuals()
    forms = ({"encoding": "ascii"}, {"encoding": "binary"})
    contents = [as_bytes(mesh.export(file_type="ply", **form)) for mesh in (ball(), plain) for form in forms]
    swapped = contents[1].replace(b"binary_little_endian", b"binary_big_endian")
    return [*(Valid("a.ply", content) for content in contents), Valid("a.ply", swapped, hostile=True)]


def make_off(made: Path, secret: Path) -> list[Valid]:
    whole = as_bytes(ball().export(file_type="off"))
    return [
        Valid("a.off", whole),
        Valid("a.off", b"COFF\n# said\n3 1 3\n0 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 3\n3 0 1 2\n"),
    ]


def make_obj(made: Path, secret: Path) -> list[Valid]:
    """With and without texture coordinates; materials that name an image inside, and ones that lead outside."""
    rows = ["mtllib a.mtl", *("v {} {} {}".format(*v) for v in FACE.mean_mm), "vt 0.5 0.5", "vt 0.25 1"]
    text = "\n".join([*rows, "usemtl skin", *(f"f {a + 1}/1 {b + 1}/2 {c + 1}/1" for a, b, c in FACE.triangles), ""])
    beside = {"a.mtl": b"newmtl skin\nmap_Kd skin.png\n", "skin.png": encoded("RGB", "PNG")}
    beside["led_out.mtl"] = f"newmtl skin\nmap_Kd {secret}.png\n".encode()
    secret.with_suffix(".png").write_bytes(beside["skin.png"])
    untextured = as_bytes(ball().export(file_type="obj"))
    return [
        Valid("a.obj", text.encode(), beside=beside),
        Valid("a.obj", untextured),
        Valid("a.obj", text.replace("a.mtl", "led_out.mtl").encode(), beside=beside, hostile=True),
        Valid("a.obj", text.replace("a.mtl", "../../../outside/secret.mtl").encode(), beside=beside, hostile=True),
    ]


def read_coloured(path: Path) -> object:
    """A mesh and the colours of its vertices, where it has any."""
    mesh = read_mesh(path, MOST_VERTICES)
    return vertex_colours(mesh, None, MOST_PIXELS) if mesh.images or mesh.colours is not None else mesh


def make_npy(made: Path, secret: Path) -> list[Valid]:
    contents = [npy(FACE.mean_mm), npy(np.asfortranarray(FACE.mean_mm.astype(">f8")))]
    objects = npy(np.array([[Starts(str(secret))] * 3], object), allow_pickle=True)
    return [*(Valid("a.npy", content) for content in contents), Valid("a.npy", objects, hostile=True)]


def make_colour_table(made: Path, secret: Path) -> list[Valid]:
    """Beside a mesh that is as it should be."""
    mesh = {"mesh.npy": npy(FACE.mean_mm)}
    return [Valid("a.npy", npy(np.zeros(FACE.mean_mm.shape, np.uint8)), beside=mesh)]


def read_colour_table(path: Path) -> object:
    return vertex_colours(read_mesh(path.with_name("mesh.npy"), MOST_VERTICES), path, MOST_PIXELS)


def make_manifest(made: Path, secret: Path) -> list[Valid]:
    rows = [
        f"{s},{e},q{q},{f},{s}/{e}_{q}_{f}.ply,{s}/{e}.png,{s}/neutral.ply"
        for s in "ab" for e in "12" for q in "12" for f in range(2)
    ]  # fmt: skip
    header = ",".join(MANIFEST_COLUMNS)
    out = [header, f"a,1,q,0,../../outside/secret.h5,,{secret}.h5", ""]
    return [
        Valid("manifest.csv", "\n".join([header, *rows, ""]).encode()),
        Valid("manifest.csv", "\r\n".join([header, '"a","1","q",0,"a ""b"".ply",,', ""]).encode("utf-8-sig")),
        Valid("manifest.csv", "\n".join(out).encode(), hostile=True),
    ]


def read_below(path: Path) -> object:
    """A manifest whose paths all lie below its folder; AssertionError if one does not."""
    rows = read_manifest("mine", str(path))
    for row in rows:
        for named in (row.mesh, row.texture, row.neutral_mesh):
            assert not named or Path(named).resolve().is_relative_to(path.parent.resolve()), named
    return rows


SUBJECTS = {
    "mesh_ply": Subject(read_coloured, make_ply),
    "mesh_off": Subject(read_coloured, make_off),
    "mesh_obj": Subject(read_coloured, make_obj),
    "mesh_npy": Subject(read_coloured, make_npy),
    "texture_npy": Subject(read_colour_table, make_colour_table),
    "mesh_manifest": Subject(read_below, make_manifest),
}
