"""Meshes as photos with known parameters: what a session shares, what is left out, where the face lies."""

import numpy as np
import pytest
from PIL import Image

from models3d.camera import Camera, project, unpack
from models3d.errors import InputError
from models3d.readers.native import read_native
from pipeline.crops import canonical_landmarks_px, to_crop
from pipeline.files import read_rejects
from pipeline.index_meshes import run as index_meshes
from pipeline.list_meshes import run as list_meshes
from pipeline.render_meshes import closed, into_crop, run
from pipeline.settings.meshes import IndexMeshes, ListMeshes, RenderMeshes
from pipeline.shards import read_shard, write_shard
from tests.mesh_sequences import mask_model, write_sequences

SETTINGS = RenderMeshes(seed=0, images_per_session=5, size_px=48, face_scale=0.7, range_sigma=3.0)


@pytest.fixture
def inputs(tmp_path, rng):
    """Two subjects with two sessions of eight meshes each, with their true parameters."""
    sequences = write_sequences(tmp_path / "data", rng, subjects=2, sessions=2, sequences=2)
    paths = {name: tmp_path / name for name in ("listing.csv", "subjects", "cache", "rejects.csv", "projections")}
    listed = ListMeshes("set", str(sequences.manifest), shards=1, sessions_per_shard=4, test_share=0.5)
    list_meshes(
        {"manifest": sequences.manifest}, {"listings": [paths["listing.csv"]], "subjects": paths["subjects"]}, listed
    )
    index_meshes(
        {"listing": paths["listing.csv"], "template": sequences.template},
        {"cache": paths["cache"], "rejects": paths["rejects.csv"]},
        IndexMeshes(unit_mm=1.0, max_texture_pixels=10**6, max_reject_rate=0.5),
    )
    write_projections(paths, sequences.p_exp, sequences.model)
    return {"model": sequences.template, **{name: paths[name] for name in ("subjects", "cache", "projections")}}


def write_projections(paths, p_exp, model):
    cache = read_shard(paths["cache"], "mesh_cache")
    ids = cache.text("id")
    arrays = {
        "id": ids,
        "expression": np.array([p_exp[name.removeprefix("set/")] for name in ids], np.float32),
        "identity": np.zeros((len(ids), 0), np.float32),
        "residual": np.linspace(0, 1, len(ids), dtype=np.float32),
    }
    digests = {"cache_digest": cache.attributes["content_digest"], "model_digest": model.digest}
    write_shard(paths["projections"], "projections", arrays, digests)


def rewrite(inputs, change_cache, change_projections=lambda arrays: arrays):
    """Both shards with changed arrays, still of each other."""
    cache = read_shard(inputs["cache"], "mesh_cache")
    arrays = change_cache({name: np.array(cache[name]) for name in cache.arrays})
    digest = write_shard(inputs["cache"], "mesh_cache", arrays, dict(cache.attributes))
    projections = read_shard(inputs["projections"], "projections")
    arrays = change_projections({name: np.array(values) for name, values in projections.arrays.items()})
    write_shard(inputs["projections"], "projections", arrays, {**projections.attributes, "cache_digest": digest})


def render(inputs, tmp_path, settings=SETTINGS, name="out"):
    outputs = {kind: tmp_path / f"{name}.{kind}" for kind in ("shard", "rejects", "sheet")}
    run(inputs, outputs, settings)
    return read_shard(outputs["shard"], "meshes"), {r.id: r.reason for r in read_rejects(outputs["rejects"])}


def test_a_session_shares_all_but_the_expression(inputs, tmp_path):
    shard, reasons = render(inputs, tmp_path)
    assert not reasons and shard["images"].shape == (4 * 5, 48, 48, 3)
    np.testing.assert_array_equal(shard["group"], np.repeat(np.arange(4), 5))
    for group in range(4):
        rows = np.flatnonzero(shard["group"] == group)
        for name in ("subject", "session", "camera", "crop", "split"):
            assert len(np.unique(shard[name][rows], axis=0)) == 1, name
        images = shard["images"][rows].astype(int)
        background = np.ptp(images, axis=0).max(-1)[:4].max()
        assert background == 0, "the head rests, whatever its motion in the meshes was"
        assert len(set(shard.text("id"))) == 20
    assert len(np.unique(shard["camera"], axis=0)) == 4, "sessions differ"


def test_parameters_are_the_projections_over_the_range(inputs, tmp_path):
    shard, _ = render(inputs, tmp_path)
    projections = read_shard(inputs["projections"], "projections")
    row_of = {name: row for row, name in enumerate(projections.text("id"))}
    rows = [row_of[name] for name in shard.text("id")]
    np.testing.assert_array_equal(shard["params"], projections["expression"][rows] / np.float32(3))
    np.testing.assert_array_equal(shard["residual"], projections["residual"][rows])
    assert np.abs(shard["params"]).max() <= 1
    assert shard.attributes["range"] == 3 and len(shard.attributes["component_names"]) == 4


def test_images_follow_the_parameters(inputs, tmp_path):
    """Meshes of one session with nearly the same parameters look nearly the same, others do not."""
    shard, _ = render(inputs, tmp_path, RenderMeshes(0, 8, 48, 0.7, 3.0))
    images = shard["images"].astype(float).reshape(32, -1)
    for group in range(4):
        rows = np.flatnonzero(shard["group"] == group)
        unlike = np.abs(images[rows][:, None] - images[rows]).mean(2)
        apart = np.linalg.norm(shard["params"][rows][:, None] - shard["params"][rows], axis=2)
        pairs = np.triu_indices(8, 1)
        assert np.corrcoef(unlike[pairs], apart[pairs])[0, 1] > 0.6


def test_subjects_are_on_one_side_of_the_split(inputs, tmp_path):
    shard, _ = render(inputs, tmp_path)
    sides = {(subject, split) for subject, split in zip(shard.text("subject"), shard.text("split"), strict=True)}
    assert len(sides) == 2 and {split for _, split in sides} == {"train", "test"}


def test_equal_inputs_give_equal_bytes_and_sessions_do_not_depend_on_each_other(inputs, tmp_path):
    full, _ = render(inputs, tmp_path, name="a")
    render(inputs, tmp_path, name="b")
    for kind in ("shard", "rejects", "sheet"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()

    def only_the_second_day(arrays):
        items = ("id", "subject", "session", "sequence", "frame", "vertices", "neutral", "texture")
        return arrays | {name: arrays[name][arrays["session"] == b"day1"] for name in items}

    rewrite(inputs, only_the_second_day)
    part, _ = render(inputs, tmp_path, name="c")
    np.testing.assert_array_equal(part["images"], full["images"][np.asarray(full["session"]) == b"day1"])
    other, _ = render(inputs, tmp_path, RenderMeshes(1, 5, 48, 0.7, 3.0), name="d")
    assert not np.array_equal(other["images"], part["images"])


def test_the_face_lies_where_annotated_faces_lie(inputs, tmp_path):
    """The neutral face's landmarks, through camera and crop, on the canonical ones as well as a similarity can."""
    shard, _ = render(inputs, tmp_path)
    model, cache = read_native(inputs["model"]), read_shard(inputs["cache"], "mesh_cache")
    canonical = canonical_landmarks_px(model, 48, 0.7)
    for row in (0, 5, 10, 15):
        camera, crop = unpack(shard["camera"][row].astype(np.float64)), shard["crop"][row]
        marked = to_crop(crop, project(camera, model.mean_mm[model.landmarks].astype(np.float64)))
        assert np.linalg.norm(marked.mean(0) - canonical.mean(0)) < 2
        assert np.ptp(marked[:, 1]) == pytest.approx(np.ptp(canonical[:, 1]), rel=0.25)
        direct = project(into_crop(camera, crop), np.array(cache["vertices"][0], np.float64))
        np.testing.assert_allclose(
            direct, to_crop(crop, project(camera, cache["vertices"][0].astype(np.float64))), atol=1e-3
        )


def test_the_camera_of_a_crop_is_that_camera_seen_through_it(rng):
    camera = Camera(
        rng.normal(size=3) * 0.3, np.array([10.0, -20.0, 900.0]), np.float64(700.0), np.array([150.0, 140.0])
    )
    angle, scale = 0.4, 0.37
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    crop = np.column_stack([turn, [12.0, -7.0]]).astype(np.float32)
    points = rng.normal(scale=60, size=(50, 3))
    np.testing.assert_allclose(
        project(into_crop(camera, crop), points), to_crop(crop, project(camera, points)), atol=1e-3
    )


def test_what_cannot_be_drawn_is_a_reject(inputs, tmp_path):
    def without_a_texture(arrays):
        arrays["texture"][8:16] = -1
        return arrays

    def with_one_too_strong(arrays):
        arrays["expression"][3, 2] = -3.2
        return arrays

    rewrite(inputs, without_a_texture, with_one_too_strong)
    shard, reasons = render(inputs, tmp_path, RenderMeshes(0, 100, 48, 0.7, 3.0))
    assert reasons == {
        "set/meshes/s0/day1/0_0.ply": "session 'day1' of subject 's0' has no texture to draw it with",
        "set/meshes/s0/day0/0_3.ply": "corner_right at -3.2 standard deviations, beyond the range of 3",
    }
    assert len(shard["id"]) == 7 + 8 + 8, "no more images than meshes"


def test_projections_of_other_meshes_are_refused(inputs, tmp_path):
    for stated in ("model_digest", "cache_digest"):
        projections = read_shard(inputs["projections"], "projections")
        arrays = {name: np.array(values) for name, values in projections.arrays.items()}
        write_shard(tmp_path / stated, "projections", arrays, {**projections.attributes, stated: "0" * 16})
        with pytest.raises(InputError, match="of other meshes or another model"):
            render(inputs | {"projections": tmp_path / stated}, tmp_path)


def test_the_sheet_has_a_row_a_session(inputs, tmp_path):
    render(inputs, tmp_path)
    assert Image.open(tmp_path / "out.sheet").size == (10 * 52 + 4, 4 * 52 + 4)


def test_nothing_to_draw_is_an_empty_shard(inputs, tmp_path):
    rewrite(inputs, lambda arrays: arrays | {"texture": np.full_like(arrays["texture"], -1)})
    shard, reasons = render(inputs, tmp_path)
    assert len(shard["id"]) == 0 and len(reasons) == 4


def test_the_hole_of_a_mouth_is_closed():
    """Border edges of the closed mesh: those around it, none around the hole; the old vertices stay as they are."""
    model = mask_model()
    mouth = np.abs(model.mean_mm[:, :2] - [0, -40]).max(axis=1) < 12
    triangles = model.triangles[~mouth[model.triangles].any(axis=1)]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    border = edges[~(edges[:, None] == edges[None, :, ::-1]).all(2).any(1)]
    around = np.abs(model.mean_mm[border, :2] - [0, -40]).max(axis=(1, 2)) < 30
    vertices, more = closed(model.mean_mm, triangles, border[around])
    np.testing.assert_array_equal(vertices[:918], model.mean_mm)
    np.testing.assert_array_equal(more[: len(triangles)], triangles)
    lid = more[len(triangles) :]
    assert lid.min() >= 918 and len(vertices) == 918 + around.sum() + 1
    ring = {tuple(vertex) for vertex in vertices[918:-1]}
    assert ring == {tuple(vertex) for vertex in model.mean_mm[border[around, 0]]}
    assert vertices[-1, 2] < model.mean_mm[border[around, 0], 2].mean(), "the lid lies behind"
    normals = np.cross(vertices[lid[:, 1]] - vertices[lid[:, 0]], vertices[lid[:, 2]] - vertices[lid[:, 0]])
    assert (normals[:, 2] > 0).all(), "and is seen from the front"
