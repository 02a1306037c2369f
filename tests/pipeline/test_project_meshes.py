"""Cached meshes to coefficients: the truth comes back under each method, and what is left out says why."""

from dataclasses import replace

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import basis_from_displacements, empty_basis
from models3d.readers.native import write_model
from pipeline.files import read_rejects
from pipeline.index_meshes import run as index_meshes
from pipeline.list_meshes import run as list_meshes
from pipeline.mesh_cache import NONE, read_ahead
from pipeline.project_meshes import run, runs
from pipeline.settings.meshes import IndexMeshes, ListMeshes, ProjectMeshes
from pipeline.shards import read_shard
from tests.mesh_sequences import edit_manifest, mask_model, write_ply, write_sequences

JOINT = ProjectMeshes(method="joint", scaled=False, batch=5, max_residual_mm=1.0, max_reject_rate=0.5)
NEUTRAL, LITERAL = replace(JOINT, method="neutral"), replace(JOINT, method="literal")


@pytest.fixture
def sequences(tmp_path, rng):
    return write_sequences(tmp_path / "data", rng, subjects=2, sessions=2, sequences=2)


def cached(sequences, tmp_path):
    listing, cache = tmp_path / "00001.csv", tmp_path / "cache.h5"
    listed = ListMeshes("set", str(sequences.manifest), shards=1, sessions_per_shard=4, test_share=0.5)
    inputs, outputs = {"manifest": sequences.manifest}, {"listings": [listing], "subjects": tmp_path / "subjects.csv"}
    list_meshes(inputs, outputs, listed)
    inputs = {"listing": listing, "template": sequences.template}
    index_meshes(inputs, {"cache": cache, "rejects": tmp_path / "rejects.csv"}, IndexMeshes(1.0, 10**6, 0.9))
    return cache


def projected(sequences, tmp_path, settings, name="out"):
    """Projections, true expressions, true identities, reasons by id."""
    cache = tmp_path / "cache.h5" if (tmp_path / "cache.h5").exists() else cached(sequences, tmp_path)
    outputs = {kind: tmp_path / f"{name}.{kind}" for kind in ("projections", "rejects")}
    run({"cache": cache, "model": sequences.template}, outputs, settings)
    found = read_shard(outputs["projections"], "projections")
    paths = [item.removeprefix("set/") for item in found.text("id")]
    p_exp = np.array([sequences.p_exp[path] for path in paths])
    p_id = np.array([sequences.p_id[path.split("/")[1]] for path in paths])
    return found, p_exp, p_id, {reject.id: reject.reason for reject in read_rejects(outputs["rejects"])}


def test_joint_finds_who_it_is_and_what_the_face_does(sequences, tmp_path):
    found, p_exp, p_id, reasons = projected(sequences, tmp_path, JOINT)
    assert not reasons and len(p_exp) == 32
    np.testing.assert_allclose(found["expression"], p_exp, atol=1e-3)
    np.testing.assert_allclose(found["identity"], p_id, atol=1e-3)
    assert found["residual"].max() < 0.01
    assert found.attributes["model_digest"] == sequences.model.digest
    cache = read_shard(tmp_path / "cache.h5", "mesh_cache")
    assert found.attributes["cache_digest"] == cache.attributes["content_digest"]


def test_neutral_finds_what_the_face_does(sequences, tmp_path):
    found, p_exp, _, reasons = projected(sequences, tmp_path, NEUTRAL)
    assert not reasons and found["identity"].shape == (32, 0)
    np.testing.assert_allclose(found["expression"], p_exp, atol=1e-3)


def test_literal_takes_the_person_for_an_expression(sequences, tmp_path, capsys):
    """On an orthonormal basis it runs; the leak is measured beside the other methods, which have none."""
    strict = projected(sequences, tmp_path, NEUTRAL)[0]["expression"]
    found, p_exp, _, _ = projected(sequences, tmp_path, replace(LITERAL, max_residual_mm=100.0))
    leak = np.sqrt(np.mean((found["expression"] - p_exp) ** 2))
    exact = np.sqrt(np.mean((strict - p_exp) ** 2))
    with capsys.disabled():
        print(f"\nRMS error, sigma: literal {leak:.2f}, neutral {exact:.1e}")
    assert leak > 0.3 > 100 * exact


def test_literal_refuses_a_basis_that_is_not_orthonormal(sequences, tmp_path):
    model = sequences.model
    mixed = model.expression.displacements_mm.copy()
    mixed[0] += 0.5 * mixed[1]
    write_model(sequences.template, replace(model, expression=basis_from_displacements(mixed, tuple("abcd"))))
    with pytest.raises(InputError, match="not orthonormal.*neutral.*joint"):
        projected(sequences, tmp_path, LITERAL)


def test_the_batch_changes_nothing_that_counts(sequences, tmp_path):
    one = projected(sequences, tmp_path, replace(JOINT, batch=1), "one")[0]
    all_at_once = projected(sequences, tmp_path, replace(JOINT, batch=1000), "all")[0]
    np.testing.assert_allclose(one["expression"], all_at_once["expression"], atol=1e-4)
    projected(sequences, tmp_path, JOINT, "a")
    projected(sequences, tmp_path, JOINT, "b")
    assert (tmp_path / "a.projections").read_bytes() == (tmp_path / "b.projections").read_bytes()


def test_a_sequence_without_a_neutral_face(sequences, tmp_path):
    edit_manifest(sequences, lambda row: row | {"neutral_mesh": ""} if row["sequence"] == "q0" else row)
    found, p_exp, _, reasons = projected(sequences, tmp_path, NEUTRAL)
    assert len(found["id"]) == 16 and len(reasons) == 16
    assert set(reasons.values()) == {"no neutral face of its sequence (project_meshes.method 'joint' needs none)"}
    np.testing.assert_allclose(found["expression"], p_exp, atol=1e-3)
    assert len(projected(sequences, tmp_path, JOINT)[0]["id"]) == 32
    with pytest.raises(InputError, match="16 of 32 were rejected.*no neutral face.*project_meshes.max_reject_rate"):
        projected(sequences, tmp_path, replace(NEUTRAL, max_reject_rate=0.4))


def test_a_mesh_that_is_no_face_of_the_model_is_a_reject(sequences, tmp_path, rng):
    path = sequences.manifest.parent / "meshes/s1/day0/0_2.ply"
    model = sequences.model
    write_ply(path, model.mean_mm + rng.normal(scale=2, size=model.mean_mm.shape), model.triangles)
    found, _, _, reasons = projected(sequences, tmp_path, JOINT)
    assert len(found["id"]) == 31
    assert reasons.keys() == {"set/meshes/s1/day0/0_2.ply"} and "mm from the model in the mean" in str(reasons)


def test_models_that_do_not_suit(sequences, tmp_path):
    cached(sequences, tmp_path)
    model, nothing = mask_model(), empty_basis(918)
    write_model(sequences.template, replace(model, identity=nothing))
    with pytest.raises(InputError, match="no identity basis.*project_meshes.method to neutral"):
        projected(sequences, tmp_path, JOINT)
    write_model(sequences.template, replace(model, expression=nothing))
    with pytest.raises(InputError, match="no expression basis"):
        projected(sequences, tmp_path, NEUTRAL)
    empty = {part: empty_basis(900) for part in ("identity", "speech")}
    kept = replace(model.expression, components=model.expression.components[:, :900])
    triangles = model.triangles[(model.triangles < 900).all(1)]
    landmarks = model.landmarks.clip(0, 899)
    smaller = replace(
        model, mean_mm=model.mean_mm[:900], triangles=triangles, landmarks=landmarks, expression=kept, **empty
    )
    write_model(sequences.template, smaller)
    with pytest.raises(InputError, match="has 900 vertices, the meshes have 918"):
        projected(sequences, tmp_path, NEUTRAL)


def test_runs_share_a_neutral_face_and_are_not_too_long():
    wanted = np.array([0, 0, 0, 1, NONE, NONE, 1, 1, 1, 1, 0])
    assert list(runs(wanted, 3)) == [range(0, 3), range(3, 4), range(6, 9), range(9, 10), range(10, 11)]
    assert list(runs(wanted[:0], 3)) == []


def test_reading_ahead_loses_nothing(rng):
    meshes = rng.normal(size=(7, 5, 3)).astype(np.float32)
    for pieces in ([], [range(0, 7)], [range(0, 3), range(3, 4), range(5, 7)]):
        blocks = list(read_ahead(meshes, pieces))
        assert [piece for piece, _ in blocks] == pieces
        for piece, block in blocks:
            np.testing.assert_array_equal(block, meshes[piece.start : piece.stop])
            assert block.flags.owndata
