"""Locks of the dead are taken away, those of the living are not."""

import signal
import subprocess
import sys

import pytest

from pipeline.provenance import ROOT
from pipeline.run_lock import join_runs

JOIN = f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path\n"
JOIN += "from pipeline.run_lock import join_runs; join_runs(Path()); print('joined', flush=True); time.sleep(60)"


@pytest.fixture
def locks(tmp_path):
    """Two files as Snakemake leaves them."""
    folder = tmp_path / ".snakemake/locks"
    folder.mkdir(parents=True)
    for name in ("0.input.lock", "0.output.lock"):
        (folder / name).write_text("results/shards/annotated/sample/00001.h5")
    return folder


def test_locks_of_a_killed_run_are_taken_away(tmp_path, locks):
    run = subprocess.Popen([sys.executable, "-c", JOIN], cwd=tmp_path, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"joined\n" and not list(locks.iterdir())
    (locks / "0.output.lock").write_text("its own")
    assert not join_runs(tmp_path) and list(locks.iterdir()), "it is alive"
    run.send_signal(signal.SIGKILL)
    run.communicate()
    other = subprocess.run(
        [sys.executable, "-c", JOIN.replace("60", "0")], cwd=tmp_path, capture_output=True, check=True
    )
    assert other.returncode == 0 and list(locks.iterdir()), "this process is alive"


def test_a_folder_without_a_run(tmp_path):
    assert not join_runs(tmp_path)
    assert (tmp_path / ".snakemake/alive").is_file()
