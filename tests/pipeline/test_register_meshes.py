"""Raw scans into the cache, with their colours; scans that are no good."""

import json

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import synthesize
from pipeline.files import read_rejects, read_table
from pipeline.list_meshes import run as list_meshes
from pipeline.register_meshes import run
from pipeline.settings.meshes import ListMeshes, RegisterMeshes
from pipeline.shards import read_shard
from tests.mesh_sequences import edit_manifest, raw_scan, write_sequences

SETTINGS = RegisterMeshes(
    unit_mm=10.0,
    coarse_triangles=500,
    max_scan_vertices=10_000,
    max_mean_mm=1.0,
    max_landmark_mm=8.0,
    max_texture_pixels=10**6,
    max_reject_rate=0.7,
)


@pytest.fixture
def scans(tmp_path, rng):
    """Three scans of one person in cm, coloured by where they are, with landmarks; the first is the neutral face."""
    sequences = write_sequences(tmp_path / "data", rng, subjects=1, sessions=1, sequences=1, motion=3.0)
    model, folder = sequences.model, sequences.manifest.parent
    for path, p_exp in list(sequences.p_exp.items())[:3]:
        vertices = synthesize(model, sequences.p_id["s0"], p_exp) / 10
        scan = raw_scan(vertices, model.triangles, rng, noise_mm=0.02)
        scan.visual.vertex_colors = np.where(scan.vertices[:, :1] < 0, (200, 40, 40, 255), (40, 40, 200, 255))
        scan.export(folder / path)
        landmarks = {"groups": {"face": {"landmarks": {"points": vertices[model.landmarks].tolist()}}}, "version": 3}
        (folder / path).with_suffix(".ljson").write_text(json.dumps(landmarks))
    edit_manifest(sequences, lambda row: row | {"texture": ""} if int(row["frame"]) < 3 else None)
    return sequences


def register(scans, tmp_path, settings=SETTINGS):
    listing, subjects = tmp_path / "00001.csv", tmp_path / "subjects.csv"
    listed = ListMeshes("raw", str(scans.manifest), shards=1, sessions_per_shard=1, test_share=0.5)
    list_meshes({"manifest": scans.manifest}, {"listings": [listing], "subjects": subjects}, listed)
    outputs = {name: tmp_path / f"out.{name}" for name in ("cache", "rejects", "quality")}
    run({"listing": listing, "template": scans.template}, outputs, settings)
    reasons = {reject.id: reject.reason for reject in read_rejects(outputs["rejects"])}
    return read_shard(outputs["cache"], "mesh_cache"), reasons, read_table(outputs["quality"])


def test_scans_become_meshes_of_the_topology(scans, tmp_path):
    cache, reasons, quality = register(scans, tmp_path)
    assert not reasons and cache["vertices"].shape == (3, 918, 3)
    for item, p_exp in enumerate(list(scans.p_exp.values())[:3]):
        truth = synthesize(scans.model, scans.p_id["s0"], p_exp)
        assert np.linalg.norm(cache["vertices"][item] - truth, axis=1).mean() < 1.5
    np.testing.assert_array_equal(cache["neutrals"][0], cache["vertices"][0])
    assert len(quality) == 3, "the neutral face is registered once"
    assert all(float(row["mean_mm"]) < 0.4 and row["used"] == "yes" for row in quality)
    left = scans.model.mean_mm[:, 0] < -8
    right = scans.model.mean_mm[:, 0] > 8
    assert np.abs(cache["textures"][0][left].astype(int) - (200, 40, 40)).max() < 5
    assert np.abs(cache["textures"][0][right].astype(int) - (40, 40, 200)).max() < 5


def test_bad_scans_are_rejects(scans, tmp_path):
    folder = scans.manifest.parent / "meshes/s0/day0"
    (folder / "0_1.ljson").unlink()
    np.save(folder / "x.npy", scans.model.mean_mm / 10)
    edit_manifest(scans, lambda row: row | {"mesh": "meshes/s0/day0/x.npy"} if row["frame"] == "2" else row)
    _, reasons, _ = register(scans, tmp_path)
    assert reasons == {
        "raw/meshes/s0/day0/0_1.ply": "no landmarks beside it (.ljson or .pts)",
        "raw/meshes/s0/day0/x.npy": "a scan without triangles",
    }


def test_a_registration_that_is_too_far_off_is_a_reject(scans, tmp_path):
    path = scans.manifest.parent / "meshes/s0/day0/0_2.ljson"
    marked = json.loads(path.read_text())
    for point in marked["groups"]["face"]["landmarks"]["points"]:
        point[0] *= 2  # of a face twice as wide
    path.write_text(json.dumps(marked))
    _, reasons, quality = register(scans, tmp_path)
    [reason] = reasons.values()
    assert "its landmarks end" in reason and [row["used"] for row in quality] == ["yes", "yes", "no"]
    with pytest.raises(InputError, match="1 of 3 were rejected.*register_meshes.max_reject_rate"):
        register(scans, tmp_path, RegisterMeshes(**{**SETTINGS.__dict__, "max_reject_rate": 0.1}))
