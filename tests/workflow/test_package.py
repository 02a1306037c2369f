"""The two packages install by themselves, for people who only read shards."""

import shutil
import subprocess
import sys

import pytest

from pipeline.provenance import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what pip installs of the project, built from a copy: building writes beside the sources."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("models3d", "pipeline"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", target, source]
    run = subprocess.run([sys.executable, "-m", *map(str, pip)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return target


def test_data_sets_can_be_imported_from_it(installed, tmp_path):
    code = "import pipeline.datasets as d; print(d.__file__, d.ShardImages.__name__)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True
    )
    assert run.stdout.split() == [str(installed / "pipeline/datasets.py"), "ShardImages"], run.stderr
    assert (installed / "pipeline/settings/dataset.py").is_file() and (installed / "models3d/readers/lsfm.py").is_file()
