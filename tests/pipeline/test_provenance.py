from dataclasses import dataclass

import h5py

from pipeline.provenance import code_digest, digest_of, file_digest, imported_modules, input_digest, provenance


def test_first_party_imports_are_found_however_they_are_written():
    source = """
import numpy
import pipeline.files
from models3d import camera
from models3d.camera import FLIP
def late():
    from pipeline.seeds import generator
"""
    assert imported_modules(source) == {
        "pipeline.files", "models3d", "models3d.camera", "pipeline.seeds",
    }  # fmt: skip


def test_a_stage_changes_with_what_it_imports(monkeypatch, tmp_path):
    """An edit two imports away changes the digest; one in a module that the stage does not import does not."""
    from pipeline import provenance as module

    package = tmp_path / "pipeline"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "stage.py").write_text("from pipeline.near import x\n")
    (package / "near.py").write_text("from pipeline import far\nx = 1\n")
    (package / "far.py").write_text("y = 1\n")
    (package / "elsewhere.py").write_text("z = 1\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)

    def digest():
        module._imports.cache_clear()
        return code_digest("stage")

    before = digest()
    (package / "elsewhere.py").write_text("z = 2\n")
    assert digest() == before
    (package / "far.py").write_text("y = 2\n")
    assert digest() != before
    module._imports.cache_clear()


def test_digests_do_not_depend_on_order(tmp_path):
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1}) != digest_of({"a": 1, "b": [3]})
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_digest(tmp_path / "abc").startswith("ba7816bf")  # FIPS 180-2's example


def test_a_shard_says_what_made_it(tmp_path):
    @dataclass(frozen=True)
    class Settings:
        size_px: int

    (tmp_path / "weights").write_bytes(b"abc")
    made = provenance("index_dataset", Settings(3), {"weights": tmp_path / "weights"}, model_digest="m")
    assert made["settings"] == {"size_px": 3} and made["model_digest"] == "m" and made["stage"] == "index_dataset"
    assert made["code_digest"] == code_digest("index_dataset")
    assert made["inputs"] == {"weights": file_digest(tmp_path / "weights")}


def test_a_table_counts_by_what_it_lists_not_by_where_that_lies(tmp_path):
    def digest(*rows: str) -> str:
        path = tmp_path / "index.csv"
        path.write_text("\n".join(["id,path,landmarks,digest", *rows]) + "\n")
        return input_digest(path)

    here = digest("a,/here/a.png,/here/a.pts,1", "b,/here/b.png,,2")
    assert here == digest("a,/there/a.png,/there/a.pts,1", "b,/there/b.png,,2")
    assert here != digest("a,/here/a.png,/here/a.pts,1", "b,/here/b.png,,3")
    assert here != digest("a,/here/a.png,/here/a.pts,1")


def test_an_hdf5_file_counts_by_the_digest_it_states(tmp_path):
    for name, stated in (("shard", {"content_digest": "c"}), ("model", {"digest": "d"}), ("foreign", {})):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.attrs.update(stated)
    assert [input_digest(tmp_path / f"{name}.h5") for name in ("shard", "model")] == ["c", "d"]
    assert input_digest(tmp_path / "foreign.h5") == file_digest(tmp_path / "foreign.h5")
    several = [tmp_path / "shard.h5", tmp_path / "model.h5"]
    assert input_digest(several) == digest_of(["c", "d"]) != input_digest(several[::-1])
