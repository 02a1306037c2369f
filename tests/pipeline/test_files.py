import pytest

from pipeline.files import Reject, read_rejects, read_table, whole_file, write_rejects, write_table


def test_a_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "made/here.txt"
    with pytest.raises(RuntimeError), whole_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(target.parent.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "kept.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as temporary:
        temporary.write_text("new, but only ha")
        raise RuntimeError
    assert target.read_text() == "old"
    with whole_file(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_tables_survive_awkward_text(tmp_path):
    rejects = [Reject("set/a, b.jpg", "index_images", 'says "no"'), Reject("set/ü\n.jpg", "fit_faces", "")]
    write_rejects(tmp_path / "rejects.csv", rejects)
    assert read_rejects(tmp_path / "rejects.csv") == rejects
    write_table(tmp_path / "empty.csv", ["id"], [])
    assert read_table(tmp_path / "empty.csv") == []
    assert (tmp_path / "empty.csv").read_bytes() == b"id\n"
