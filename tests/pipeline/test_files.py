import os
import socket
import subprocess

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


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    """And what a living one writes is not: this program's own parent stands for it."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    host = socket.gethostname()
    parts = {owner: tmp_path / f".a.h5.{host}.{owner}.part" for owner in (ended.pid, os.getppid())}
    elsewhere = tmp_path / f".a.h5.another-{host}.{ended.pid}.part"
    for part in (*parts.values(), elsewhere):
        part.write_text("half")
    with whole_file(tmp_path / "b.txt") as temporary:
        temporary.write_text("whole")
    assert set(tmp_path.iterdir()) == {tmp_path / "b.txt", parts[os.getppid()], elsewhere}


def test_tables_survive_awkward_text(tmp_path):
    rejects = [Reject("set/a, b.jpg", "index_images", 'says "no"'), Reject("set/ü\n.jpg", "fit_faces", "")]
    write_rejects(tmp_path / "rejects.csv", rejects)
    assert read_rejects(tmp_path / "rejects.csv") == rejects
    write_table(tmp_path / "empty.csv", ["id"], [])
    assert read_table(tmp_path / "empty.csv") == []
    assert (tmp_path / "empty.csv").read_bytes() == b"id\n"
