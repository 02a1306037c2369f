"""Which meshes are listed, in which shard; which subjects are tested on; and what is wrong with a manifest."""

import os

import pytest

from models3d.errors import InputError
from pipeline.files import read_table, write_table
from pipeline.list_meshes import held_out, run, write_mesh_listings
from pipeline.mesh_tables import MANIFEST_COLUMNS, MeshRow, read_mesh_rows
from pipeline.settings.meshes import ListMeshes


def manifest(tmp_path, rows, columns=MANIFEST_COLUMNS):
    path = tmp_path / "data" / "manifest.csv"
    write_table(path, columns, rows)
    return path


def row(subject="a", session="1", sequence="q", frame=0, mesh=None, texture="", neutral=""):
    return (subject, session, sequence, frame, mesh or f"{subject}/{session}_{sequence}_{frame}.ply", texture, neutral)


def chosen(path, **more):
    return ListMeshes(
        **{"dataset": "mine", "manifest": str(path), "shards": 2, "sessions_per_shard": 2, "test_share": 0.5} | more
    )


def listed(tmp_path, rows, **more) -> list[list[MeshRow]]:
    write_mesh_listings(chosen(manifest(tmp_path, rows), **more), tmp_path / "out")
    return [read_mesh_rows(path) for path in sorted((tmp_path / "out").glob("0*.csv"))]


def test_a_session_stays_together_and_the_order_is_the_manifests(tmp_path):
    rows = [
        row("b", "2", frame=1),
        row("a", "1"),
        row("b", "1"),
        row("b", "2", frame=0),
        row("c", "1", mesh="./x/../y.obj"),
    ]
    first, second = listed(tmp_path, rows)
    assert [(r.subject, r.session, r.frame) for r in first] == [("b", "2", 1), ("b", "2", 0), ("a", "1", 0)]
    assert [r.id for r in second] == ["mine/b/1_q_0.ply", "mine/y.obj"]
    assert second[1].mesh == str(tmp_path / "data/y.obj")
    assert second[0].session_key == ("b", "1")


def test_a_named_file_has_an_id_of_its_own(tmp_path):
    [[mesh], _] = listed(tmp_path, [row(texture="t/a.npy", neutral="n.ply")])
    assert mesh.id_of(mesh.texture) == "mine/t/a.npy" and mesh.id_of(mesh.neutral_mesh) == "mine/n.ply"
    assert mesh.id_of(mesh.mesh) == mesh.id


def test_only_listings_that_changed_are_written(tmp_path):
    rows = [row("a", "1"), row("b", "1"), row("c", "1")]
    listed(tmp_path, rows)
    paths = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in paths] == ["00001.csv", "00002.csv", "subjects.csv"]
    before = [(path.read_bytes(), path.stat().st_ino) for path in paths]
    (tmp_path / "data/c").mkdir(parents=True)
    (tmp_path / "data/c/1_q_0.ply").write_text("a mesh")  # one that was missing
    listed(tmp_path, rows)
    after = [(path.read_bytes(), path.stat().st_ino) for path in paths]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    (tmp_path / "data/c/1_q_0.ljson").write_text("its landmarks")
    listed(tmp_path, rows)
    assert paths[1].read_bytes() != after[1][0]


def test_meshes_that_the_workflow_makes_have_no_stamp(tmp_path):
    path = manifest(tmp_path, [row("a", "1"), row("b", "1")])
    (tmp_path / "data/a").mkdir()
    (tmp_path / "data/a/1_q_0.ply").write_text("a mesh")
    outputs = {"listings": [tmp_path / "00001.csv", tmp_path / "00002.csv"], "subjects": tmp_path / "subjects.csv"}
    run({"manifest": path}, outputs, chosen(path))
    first = outputs["listings"][0].read_bytes()
    os.utime(tmp_path / "data/a/1_q_0.ply", (1, 1))
    run({"manifest": path}, outputs, chosen(path))
    assert outputs["listings"][0].read_bytes() == first
    assert [r.stamp for r in read_mesh_rows(outputs["listings"][0])] == ["", ""]
    assert read_mesh_rows(outputs["listings"][1]) == []
    assert {r["subject"] for r in read_table(outputs["subjects"])} == {"a", "b"}


def test_the_papers_proportion_of_subjects():
    people = [f"{number:03d}" for number in range(180)]
    tested = held_out(people, 1 / 6)
    assert len(tested) == 30
    assert tested == held_out(reversed(people), 1 / 6), "the order of the manifest does not count"
    assert len(tested - held_out([*people, "new"], 1 / 6)) <= 1, "others stay where they are"
    assert len(held_out(["a", "b", "c"], 1 / 6)) == 1 and not held_out(["a"], 1 / 6) and not held_out(people, 0.0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "lists no mesh"),
        ([row(), row()], "line 3: 'a/1_q_0.ply' stands there twice"),
        ([row(frame="x")], "line 2: frame 'x' is no number"),
        ([row(frame="9" * 5000)], "frame '99999999999999999999' is no number"),
        ([row(frame=-1)], "frame '-1' is no number"),
        ([row(subject="")], "line 2: no subject"),
        ([row(mesh="../x.ply")], r"'\.\./x\.ply' is not below"),
        ([row(mesh="/x.ply")], "not below"),
        ([row(texture="a/../../x.npy")], "not below"),
        ([row(neutral="..")], "not below"),
        ([row(texture="a.npy"), row(frame=1, texture="b.npy")], "second texture, 'b.npy'.*one texture a session"),
        ([row()[:-1]], "not one value a column"),
        (
            [row("a", str(n)) for n in range(5)],
            "5 sessions, but 2 shards of 2 hold 4. Set mesh_datasets.mine.shards to 3",
        ),
    ],
)
def test_a_manifest_that_is_wrong_stops_the_job(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        listed(tmp_path, rows)


def test_what_is_no_manifest_stops_the_job(tmp_path):
    with pytest.raises(InputError, match="no such manifest.*a CSV with subject, session"):
        write_mesh_listings(chosen(tmp_path / "none.csv"), tmp_path / "out")
    with pytest.raises(InputError, match="its columns are subject, mesh. Give it the columns subject"):
        write_mesh_listings(chosen(manifest(tmp_path, [], ("subject", "mesh"))), tmp_path / "out")
    path = tmp_path / "latin.csv"
    path.write_bytes(",".join(MANIFEST_COLUMNS).encode() + b"\n\xe9,1,q,0,a.ply,,\n")
    with pytest.raises(InputError, match="not a CSV in UTF-8"):
        write_mesh_listings(chosen(path), tmp_path / "out")
