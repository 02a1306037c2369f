"""Mesh files: what each format gives, and what each kind of damage is called."""

import io

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings, strategies

from models3d.errors import UnusableDatum
from models3d.readers.meshes import read_mesh

LIMIT = 1000


@pytest.fixture(scope="module")
def ball() -> trimesh.Trimesh:
    sphere = trimesh.creation.icosphere(2, radius=80)
    sphere.visual.vertex_colors = np.random.default_rng(1).integers(0, 256, (len(sphere.vertices), 4), np.uint8)
    return sphere


def written(tmp_path, name: str, content: str | bytes):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "options"), [("a.ply", {}), ("a.PLY", {"encoding": "ascii"}), ("a.off", {}), ("a.obj", {})]
)
def test_what_trimesh_writes_is_read(tmp_path, ball, name, options):
    kind = name[-3:].lower()
    mesh = read_mesh(written(tmp_path, name, ball.export(file_type=kind, **options)), LIMIT)
    np.testing.assert_allclose(mesh.vertices, ball.vertices, atol=1e-5)
    np.testing.assert_array_equal(mesh.triangles, ball.faces)
    assert mesh.vertices.dtype == np.float32 and mesh.triangles.dtype == np.int32
    if kind == "ply":
        np.testing.assert_array_equal(mesh.colours, ball.visual.vertex_colors[:, :3])
    if kind == "obj":  # stored as numbers from 0 to 1 with 8 decimals
        np.testing.assert_array_equal(mesh.colours, ball.visual.vertex_colors[:, :3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npy_holds_vertices_alone(tmp_path, ball, dtype):
    mesh = read_mesh(written(tmp_path, "a.npy", as_npy(ball.vertices.astype(dtype))), LIMIT)
    np.testing.assert_array_equal(mesh.vertices, ball.vertices.astype(np.float32))
    assert mesh.triangles.shape == (0, 3) and mesh.colours is None


OBJ = """# quads, texture coordinates, a seam: vertex 2 has two of them
mtllib face.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0.5
v 2 0 0
vt 0.1 0.2
vt 0.3 0.4
vt 0.5 0.6
vt 0.7 0.8
vt 0.9 1.0
vn 0 0 1
usemtl skin
f 1/1/1 2/2/1 3/3/1 4/4/1
f 2/5/1 5/4/1 3/3/1
"""


def test_an_obj_keeps_its_vertices_at_a_seam(tmp_path):
    written(tmp_path, "face.mtl", "newmtl skin\nKd 1 1 1\nmap_Kd skin colour.png\n")
    mesh = read_mesh(written(tmp_path, "a.obj", OBJ.replace("\n", "\r\n")), LIMIT)
    assert len(mesh.vertices) == 5
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2], [0, 2, 3], [1, 4, 2]])
    np.testing.assert_allclose(mesh.uv, [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8], [0.7, 0.8]])
    assert mesh.images == (tmp_path / "skin colour.png",)


@pytest.mark.parametrize("face", ["f 1 2 3", "f 1//1 2//1 3//1", "f 1/1 2/2 3/3"])
def test_every_kind_of_corner(tmp_path, face):
    text = "\n".join(line for line in OBJ.splitlines() if not line.startswith("f")) + f"\n{face}\n"
    mesh = read_mesh(written(tmp_path, "a.obj", text), LIMIT)
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])
    assert (mesh.uv is not None) == (face == "f 1/1 2/2 3/3")
    assert mesh.images == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("f 2/5/1 5/4/1 3/3/1", "f 2/5/1 6/4/1 3/3/1"), "outside 1 to 5"),
        (("f 2/5/1 5/4/1 3/3/1", "f 2/5/1 -1/4/1 3/3/1"), "outside 1 to 5"),
        (("f 2/5/1 5/4/1 3/3/1", "f 2/5/1 5/9/1 3/3/1"), "texture coordinates that are not there"),
        (("f 2/5/1 5/4/1 3/3/1", "f 2 5 3"), "cannot be read as obj"),
        (("f 2/5/1 5/4/1 3/3/1", "f 2/5/1 5/4/1"), "fewer than 3 corners"),
        (("f 2/5/1 5/4/1 3/3/1", "f 2/5/1 5000000000/4/1 3/3/1"), "outside 1 to 5"),
        (("v 1 0 0", "v 1 0"), "cannot be read as obj"),
        (("v 1 0 0", "v 1 0 zero"), "cannot be read as obj"),
        (("v 1 0 0", "v 1 0 nan"), "1 of 5 vertices are not finite"),
        (("v 1 0 0", "v 1 0 1e300"), "1 of 5 vertices are not finite"),
        (("face.mtl", "../face.mtl"), "outside its folder"),
        (("face.mtl", "/etc/passwd"), "outside its folder"),
    ],
)
def test_a_damaged_obj(tmp_path, change, said):
    with pytest.raises(UnusableDatum, match=said):
        read_mesh(written(tmp_path, "a.obj", OBJ.replace(*change)), LIMIT)


def test_a_material_may_not_lead_out_of_the_folder(tmp_path):
    written(tmp_path, "face.mtl", "map_Kd ../../secret.png\n")
    with pytest.raises(UnusableDatum, match=r"'\.\./\.\./secret\.png', which is outside"):
        read_mesh(written(tmp_path, "a.obj", OBJ), LIMIT)


def test_damaged_files_have_reasons(tmp_path, ball):
    ply, text, off = (
        ball.export(file_type=k, **o) for k, o in (("ply", {}), ("ply", {"encoding": "ascii"}), ("off", {}))
    )
    nan = ball.vertices.astype(np.float32)
    nan[5, 1] = np.nan
    for name, content, said in [
        ("missing.ply", None, "missing mesh file"),
        ("a.stl", b"solid", "no mesh format that is read"),
        ("a.ply", b"", "cannot be read as ply"),
        ("b.ply", b"hello", "cannot be read as ply"),
        ("c.ply", ply[:-40], "cannot be read as ply"),
        ("d.ply", ply.replace(b"element vertex 162", b"element vertex 999999999999"), "cannot be read as ply"),
        ("e.ply", text[: len(text) // 3], "cut off"),
        ("f.ply", text[: -len(text) // 4], "cut off"),
        ("a.off", off[: len(off) // 2], "cut off|cannot be read as off"),
        ("b.off", off.replace("162", "161", 1), "a face names|cannot be read as off"),
        ("a.npy", as_npy(nan), "1 of 162 vertices are not finite"),
        ("b.npy", as_npy(ball.vertices[:, :2]), r"shape \(162, 2\)"),
        ("c.npy", as_npy(ball.faces), "not \\(n, 3\\) floats"),
        ("d.npy", as_npy(np.array([{"run": "code"}], object)), "cannot be read as npy"),
        ("e.npy", as_npy(ball.vertices)[:-8], "cannot be read as npy"),
        ("f.npy", as_npy(np.zeros((LIMIT + 1, 3))), f"{LIMIT + 1} vertices, where 1 to {LIMIT}"),
        ("g.npy", as_npy(np.zeros((0, 3))), "0 vertices"),
        ("a.obj", "# nothing\n", "cannot be read as obj|0 vertices"),
    ]:
        path = tmp_path / name if content is None else written(tmp_path, name, content)
        with pytest.raises(UnusableDatum, match=said):
            read_mesh(path, LIMIT)


def test_a_huge_file_is_not_opened(tmp_path):
    path = tmp_path / "a.ply"
    with path.open("wb") as stream:
        stream.truncate(2**33)
    with pytest.raises(UnusableDatum, match="8589934592 bytes, too large for a mesh of at most 1000"):
        read_mesh(path, LIMIT)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=strategies.sampled_from(["ply", "off", "obj", "npy"]),
    edits=strategies.lists(strategies.tuples(strategies.integers(0, 700), strategies.integers(0, 255)), max_size=6),
    kept=strategies.integers(0, 3000),
)
def test_no_damage_crashes(tmp_path, ball, kind, edits, kept):
    content = as_npy(ball.vertices) if kind == "npy" else ball.export(file_type=kind)
    data = bytearray(content.encode() if isinstance(content, str) else content)
    for place, value in edits:
        data[place] = value
    path = written(tmp_path, f"a.{kind}", bytes(data[: len(data) - kept]))
    try:
        mesh = read_mesh(path, LIMIT)
    except UnusableDatum as error:
        assert str(error)
    else:
        assert np.isfinite(mesh.vertices).all() and 0 < len(mesh.vertices) <= LIMIT
