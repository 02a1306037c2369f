"""From cached meshes to an expression model: known actions come back, the head's motion does not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from models3d.errors import InputError
from models3d.face_model import combine, synthesize
from models3d.readers.native import read_native, write_model
from pipeline.build_expression_model import differences, run
from pipeline.files import read_rejects, read_table
from pipeline.index_meshes import run as index_meshes
from pipeline.list_meshes import run as list_meshes
from pipeline.settings.meshes import IndexMeshes, ListMeshes
from pipeline.settings.models import BuildExpressionModel
from pipeline.shards import read_shard
from tests.mesh_sequences import edit_manifest, mask_model, write_sequences

SPARSE = BuildExpressionModel(
    seed=0,
    method="sparse",
    components=4,
    one_sided=True,
    sparsity=2.0,
    support=(0.1, 0.7),
    sigma_over="all",
    rank=20,
    tolerance=1e-5,
    max_rounds=300,
)
PCA = replace(SPARSE, method="pca")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sequences of three subjects, in two caches."""
    folder = tmp_path_factory.mktemp("data")
    sequences = write_sequences(folder, np.random.default_rng(3))
    return sequences, cached(sequences, folder)


def cached(sequences, folder):
    listings, caches = ([folder / f"{number}.{kind}" for number in range(2)] for kind in ("csv", "h5"))
    listed = ListMeshes("set", str(sequences.manifest), shards=2, sessions_per_shard=3, test_share=0.5)
    list_meshes({"manifest": sequences.manifest}, {"listings": listings, "subjects": folder / "subjects.csv"}, listed)
    for listing, cache in zip(listings, caches, strict=True):
        inputs = {"listing": listing, "template": sequences.template}
        index_meshes(inputs, {"cache": cache, "rejects": folder / "rejects.csv"}, IndexMeshes(1.0, 10**6, 0.5))
    return caches


def build(data, tmp_path, settings, name="out"):
    sequences, caches = data
    outputs = {kind: tmp_path / f"{name}.{kind}" for kind in ("model", "components", "rejects")}
    run({"caches": caches, "template": sequences.template}, outputs, settings)
    return read_native(outputs["model"]), read_table(outputs["components"]), read_rejects(outputs["rejects"])


def likeness(found, true) -> np.ndarray:
    """|cosine| of each true action to the component that is matched to it."""
    cosines = np.abs(found.components.reshape(len(found), -1) @ true.components.reshape(len(true), -1).T)
    return cosines[linear_sum_assignment(-cosines)]


def test_the_heads_motion_is_no_expression(data):
    sequences, caches = data
    shards = [read_shard(path, "mesh_cache") for path in caches]
    model, p_exp = sequences.model, sequences.p_exp
    ids = [name.removeprefix("set/") for shard in shards for name in shard.text("id")]
    for name, difference in zip(ids, differences(shards, model), strict=True):
        expected = synthesize(model, np.zeros(3), p_exp[name]) - model.mean_mm
        assert np.linalg.norm(difference - expected, axis=1).max() < 0.25 + 0.03 * np.abs(expected).max()


@pytest.mark.parametrize("one_sided", [True, False])
def test_sparse_components_are_the_actions(data, tmp_path, one_sided):
    model, table, rejects = build(data, tmp_path, replace(SPARSE, one_sided=one_sided))
    assert not rejects and len(model.expression) == 4 and not len(model.identity) and not len(model.speech)
    assert likeness(model.expression, data[0].model.expression).min() > 0.95
    shares = [float(row["share_of_variance"]) for row in table]
    assert shares == sorted(shares, reverse=True) and 0.95 < sum(shares) <= 1
    assert all(float(row["share_of_face"]) < 1 / 3 for row in table)
    assert [row["component"] for row in table] == list(model.expression.names)
    assert model.expression.names[0].startswith("sparse_01_")
    assert "sparse components (converged" in model.source and "of 96 meshes" in model.source
    combine("both", data[0].model, expression=model)


def test_principal_components_span_the_actions(data, tmp_path):
    model, table, _ = build(data, tmp_path, PCA)
    flat = model.expression.components.reshape(4, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(4), atol=1e-4)
    actions = data[0].model.expression.components.reshape(4, -1)
    assert np.linalg.norm(actions @ flat.T, axis=1).min() > 0.98
    assert sum(float(row["share_of_variance"]) for row in table) > 0.98


def test_sigmas_over_active_frames_cover_an_action(data, tmp_path):
    overall, _, _ = build(data, tmp_path, SPARSE)
    active, table, _ = build(data, tmp_path, replace(SPARSE, sigma_over="active"))
    ratio = active.expression.sigmas_mm / overall.expression.sigmas_mm
    assert np.all(ratio > 1.2)
    np.testing.assert_allclose(active.expression.bounds[:, 1] * ratio, overall.expression.bounds[:, 1], rtol=1e-5)
    assert np.all(active.expression.bounds[:, 1] < 3)
    np.testing.assert_allclose([float(row["sigma_mm"]) for row in table], active.expression.sigmas_mm, rtol=1e-4)


def test_the_same_meshes_give_the_same_model(data, tmp_path):
    build(data, tmp_path / "a", SPARSE)
    build(data, tmp_path / "b", SPARSE)
    for kind in ("model", "components"):
        assert (tmp_path / f"a/out.{kind}").read_bytes() == (tmp_path / f"b/out.{kind}").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["out.components", "out.model", "out.rejects"]


def test_meshes_without_a_neutral_face_are_rejects(tmp_path):
    sequences = write_sequences(tmp_path / "data", np.random.default_rng(3))
    edit_manifest(sequences, lambda row: row | {"neutral_mesh": ""} if row["sequence"] == "q1" else row)
    caches = cached(sequences, tmp_path)
    model, _, rejects = build((sequences, caches), tmp_path, replace(SPARSE, components=3))
    assert len(model.expression) == 3 and len(rejects) == 24
    assert {reject.reason for reject in rejects} == {"no neutral face of its sequence"}
    edit_manifest(sequences, lambda row: row | {"neutral_mesh": ""})
    with pytest.raises(InputError, match="no mesh with a neutral face. Fill the manifest's neutral_mesh"):
        build((sequences, cached(sequences, tmp_path)), tmp_path, SPARSE)


def test_what_cannot_be_learnt_is_refused(data, tmp_path):
    sequences, caches = data
    with pytest.raises(InputError, match="500 asked"):
        build(data, tmp_path, replace(SPARSE, components=500))
    model = mask_model()
    keep = slice(0, 900)
    bases = {part: replace(basis, components=basis.components[:, keep]) for part, basis in
             (("identity", model.identity), ("expression", model.expression), ("speech", model.speech))}  # fmt: skip
    kept = model.triangles[(model.triangles < 900).all(1)]
    other = replace(model, mean_mm=model.mean_mm[keep], triangles=kept, landmarks=model.landmarks.clip(0, 899), **bases)
    write_model(tmp_path / "other.h5", other)
    with pytest.raises(InputError, match="meshes of 918 vertices, 'mask' has 900"):
        build((sequences._replace(template=tmp_path / "other.h5"), caches), tmp_path, SPARSE)
