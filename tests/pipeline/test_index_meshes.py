"""Meshes into the cache: what it holds, and what each unusable file is called."""

import numpy as np
import pytest
from PIL import Image

from models3d.errors import InputError, UnusableDatum
from models3d.readers.meshes import Mesh
from pipeline.files import read_rejects
from pipeline.index_meshes import check_topology, run
from pipeline.list_meshes import run as list_meshes
from pipeline.mesh_cache import NONE
from pipeline.mesh_colours import sampled, vertex_colours
from pipeline.settings.meshes import IndexMeshes, ListMeshes
from pipeline.shards import read_shard
from tests.mesh_sequences import edit_manifest, mask_model, write_ply, write_sequences

SETTINGS = IndexMeshes(unit_mm=1.0, max_texture_pixels=10**6, max_reject_rate=0.5)


@pytest.fixture
def sequences(tmp_path, rng):
    return write_sequences(tmp_path / "data", rng, subjects=2, sessions=1, sequences=2)


def index(sequences, tmp_path, settings=SETTINGS, name="cache"):
    """The cache and the reasons by id."""
    listing, subjects = tmp_path / "00001.csv", tmp_path / "subjects.csv"
    listed = ListMeshes("set", str(sequences.manifest), shards=1, sessions_per_shard=4, test_share=0.5)
    list_meshes({"manifest": sequences.manifest}, {"listings": [listing], "subjects": subjects}, listed)
    outputs = {"cache": tmp_path / f"{name}.h5", "rejects": tmp_path / f"{name}.csv"}
    run({"listing": listing, "template": sequences.template}, outputs, settings)
    return read_shard(outputs["cache"], "mesh_cache"), {r.id: r.reason for r in read_rejects(outputs["rejects"])}


def test_the_cache_holds_every_mesh_its_neutral_and_its_texture(sequences, tmp_path):
    cache, reasons = index(sequences, tmp_path)
    assert not reasons
    ids = cache.text("id")
    assert len(ids) == 2 * 2 * 4 and ids[5] == "set/meshes/s0/day0/1_1.ply"
    assert cache["vertices"].shape == (16, 918, 3) and not cache["vertices"].flags.owndata
    assert cache["neutrals"].shape == (4, 918, 3)
    for item in range(16):
        first = item - item % 4
        np.testing.assert_array_equal(cache["neutrals"][cache["neutral"][item]], cache["vertices"][first])
    np.testing.assert_array_equal(cache["texture"], [0] * 8 + [1] * 8)
    texture = np.load(sequences.manifest.parent / "textures/s1_day0.npy")
    np.testing.assert_array_equal(cache["textures"][1], texture)
    assert cache.text("subject")[8] == "s1" and cache.text("session")[8] == "day0" and cache["frame"][7] == 3
    assert cache.attributes["model_digest"] == sequences.model.digest


def test_the_same_meshes_give_the_same_bytes(sequences, tmp_path):
    index(sequences, tmp_path, name="a")
    (sequences.manifest.parent / "meshes/s0/day0/1_1.ply").touch()
    index(sequences, tmp_path, name="b")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_unusable_files_are_rejects_with_reasons(sequences, tmp_path):
    model, data = sequences.model, sequences.manifest.parent
    first = data / "meshes/s0/day0"
    broken = {
        "0_1": b"ply and nothing more",
        "0_2": None,
        "0_3": (np.where(np.arange(918)[:, None] == 7, np.nan, model.mean_mm), model.triangles),
        "1_1": (model.mean_mm[:900], model.triangles[(model.triangles < 900).all(1)]),
        "1_2": (model.mean_mm, model.triangles[:, ::-1][:-1]),
        "1_3": (model.mean_mm / 10, model.triangles),
    }
    for name, content in broken.items():
        path = first / f"{name}.ply"
        path.unlink()
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            write_ply(path, *content)
    cache, reasons = index(sequences, tmp_path)
    said = {name: reasons[f"set/meshes/s0/day0/{name}.ply"] for name in broken}
    assert (
        said
        == {
            "0_1": "cannot be read as ply (not enough values to unpack (expected 2, got 1))",
            "0_2": "missing mesh file",
            "0_3": "1 of 918 vertices are not finite",
            "1_1": "another topology: 900 vertices, 'mask' has 918",
            "1_2": "another topology: its triangles are not those of 'mask'",
            "1_3": "0.1 times the template's size: is unit_mm the length of its unit?",
        }
        or "cannot be read as ply" in said["0_1"]
    )
    assert len(reasons) == 6 and len(cache["id"]) == 10
    assert cache["vertices"].shape == (10, 918, 3) and np.isfinite(cache["vertices"]).all()


def test_a_session_without_its_neutral_keeps_its_meshes(sequences, tmp_path):
    def change(row):
        if row["subject"] == "s0" and row["sequence"] == "q0":
            return row | {"neutral_mesh": ""}
        return row | {"neutral_mesh": "meshes/gone.ply"} if row["subject"] == "s1" else row

    edit_manifest(sequences, change)
    cache, reasons = index(sequences, tmp_path)
    assert reasons == {"set/meshes/gone.ply": "as a neutral face: missing mesh file"}
    np.testing.assert_array_equal(cache["neutral"], [NONE] * 4 + [0] * 4 + [NONE] * 8)
    assert cache["neutrals"].shape == (1, 918, 3)


def test_a_session_without_its_texture_keeps_its_meshes(sequences, tmp_path):
    (sequences.manifest.parent / "textures/s0_day0.npy").unlink()
    np.save(sequences.manifest.parent / "textures/s1_day0.npy", np.zeros((917, 3), np.uint8))
    cache, reasons = index(sequences, tmp_path)
    assert reasons == {
        "set/textures/s0_day0.npy": "as a texture: missing file",
        "set/textures/s1_day0.npy": "as a texture: colours of shape (917, 3) and type uint8, not (918, 3) uint8",
    }
    np.testing.assert_array_equal(cache["texture"], [NONE] * 16)
    assert cache["textures"].shape == (0, 918, 3)


def test_a_mesh_may_bring_its_colours(sequences, tmp_path, rng):
    colours = rng.integers(0, 256, (918, 4), np.uint8)
    write_ply(
        sequences.manifest.parent / "meshes/s0/day0/0_0.ply",
        sequences.model.mean_mm,
        sequences.model.triangles,
        colours,
    )
    edit_manifest(sequences, lambda row: row | {"texture": ""})
    cache, reasons = index(sequences, tmp_path)
    np.testing.assert_array_equal(cache["textures"], colours[None, :, :3])
    assert reasons == {"set/meshes/s1/day0/0_0.ply": "as a texture: no texture is named, and the mesh has no colours"}


def test_other_units_are_turned_into_mm(sequences, tmp_path):
    for path in (sequences.manifest.parent / "meshes").rglob("*.ply"):
        write_ply(path, sequences.model.mean_mm / 1000, sequences.model.triangles)
    cache, reasons = index(sequences, tmp_path, IndexMeshes(1000.0, 10**6, 0.5))
    assert not reasons
    np.testing.assert_allclose(cache["vertices"][3], sequences.model.mean_mm, atol=1e-4)
    with pytest.raises(InputError, match=r"most|were rejected.*0\.001 times the template's size"):
        index(sequences, tmp_path)


def test_triangles_count_not_their_order_or_winding(rng):
    model = mask_model()
    shuffled = rng.permuted(model.triangles[rng.permutation(len(model.triangles))], axis=1)
    check_topology(Mesh(model.mean_mm, shuffled), model)
    check_topology(Mesh(model.mean_mm, np.empty((0, 3), np.int32)), model)
    shuffled[0, 0] = (shuffled[0, 0] + 400) % 918
    with pytest.raises(UnusableDatum, match="its triangles"):
        check_topology(Mesh(model.mean_mm, shuffled), model)


def test_an_image_is_sampled_where_the_texture_coordinates_say(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[0, 5], image[3, 0] = (200, 100, 50), (20, 40, 60)
    places = np.array([[5.5 / 6, 3.5 / 4], [0.5 / 6, 0.5 / 4], [1, 1], [np.nan, np.nan], [5 / 6, 3.5 / 4]], np.float32)
    colours = sampled(image, places)
    np.testing.assert_array_equal(colours[[0, 2]], [[200, 100, 50]] * 2)
    np.testing.assert_array_equal(colours[1], [20, 40, 60])
    np.testing.assert_array_equal(colours[3], np.rint(image.mean((0, 1))))
    np.testing.assert_array_equal(colours[4], [100, 50, 25])

    Image.fromarray(image).save(tmp_path / "a.png")
    triangles = np.array([[0, 1, 2]], np.int32)
    mesh = Mesh(np.zeros((5, 3), np.float32), triangles, uv=places, images=(tmp_path / "a.png",))
    np.testing.assert_array_equal(vertex_colours(mesh, None, 100), colours)
    for other, texture, said in [
        (mesh, tmp_path / "none.png", "missing file"),
        (Mesh(mesh.vertices, triangles), tmp_path / "a.png", "no texture coordinates"),
        (Mesh(mesh.vertices, triangles, uv=places, images=(tmp_path / "a.png", tmp_path / "b.png")), None, "2 images"),
    ]:
        with pytest.raises(UnusableDatum, match=said):
            vertex_colours(other, texture, 100)
    with pytest.raises(UnusableDatum, match="24|pixels"):
        vertex_colours(mesh, None, 20)
