from dataclasses import dataclass

from pipeline.provenance import code_digest, digest_of, file_digest, imported_modules, provenance


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


def test_a_shard_says_what_made_it():
    @dataclass(frozen=True)
    class Settings:
        size_px: int

    made = provenance("index_dataset", Settings(3), model_digest="m")
    assert made["settings"] == {"size_px": 3} and made["model_digest"] == "m" and made["stage"] == "index_dataset"
    assert made["code_digest"] == code_digest("index_dataset")
