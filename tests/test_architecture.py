"""The arrows of the design: models3d <- pipeline core <- stages; torch in three places only."""

import ast
from pathlib import Path

import pytest

from pipeline.provenance import ROOT, code_digest, imported_modules

MODULES = sorted(path for package in ("models3d", "pipeline") for path in (ROOT / package).rglob("*.py"))
STAGES = {
    path.stem
    for path in (ROOT / "pipeline").glob("*.py")
    if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in ast.parse(path.read_text()).body)
}

TORCH = ("models3d.fitting", "pipeline.gan", "pipeline.datasets")
"""Fitting, networks, and the data sets for other people's training loops, which no stage imports."""


def names(path: Path) -> set[str]:
    return imported_modules(path.read_text(encoding="utf-8"))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_imports_point_one_way(path):
    stages = {f"pipeline.{name}" for name in STAGES}
    imported = names(path)
    if module(path).startswith("models3d"):
        assert not {name for name in imported if name.startswith("pipeline")}
    assert not imported & stages - {module(path)}, "stages meet only through files"


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_modules_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_torch_only_where_it_is_used(path):
    top_level = {
        alias.name.split(".")[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    if not module(path).startswith(TORCH):
        assert "torch" not in top_level


def test_no_stage_needs_the_data_sets():
    assert not [path for path in MODULES if "pipeline.datasets" in names(path)]


def test_no_pickle_is_opened():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text and "pickle.load(" not in text, path


def test_a_stage_is_named_like_its_file():
    assert "annotate_faces" in STAGES
    for name in STAGES:
        source = (ROOT / f"pipeline/{name}.py").read_text()
        assert f'STAGE = "{name}"' in source, name
        assert len(code_digest(name)) == 16
