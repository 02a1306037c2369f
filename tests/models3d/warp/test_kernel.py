from models3d.warp.kernel import SOURCES, sources_digest


def test_a_change_in_any_file_is_a_change_of_the_digest(tmp_path):
    files = []
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"# {name}")
        files.append(tmp_path / name)
    before = sources_digest(tuple(files))
    assert before == sources_digest(tuple(files))
    files[1].write_text("# changed")
    assert sources_digest(tuple(files)) != before


def test_every_compiled_file_counts():
    assert {"frames.py", "surfaces.py", "z_buffer.py", "open_mouth.py", "scattered_fill.py"} <= {
        p.name for p in SOURCES
    }
    assert "mouth_interior.py" in {p.name for p in SOURCES}, "whose constants are compiled in"
