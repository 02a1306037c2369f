"""A job ends when the workflow above it is killed; one without a workflow above it does not."""

import os
import subprocess
import sys
import time

import pytest

from pipeline.provenance import ROOT

JOB = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from pipeline.orphans import end_with_workflow
end_with_workflow()
print(os.getpid(), flush=True)
time.sleep(60)
"""
SHELL = """
import subprocess, sys
subprocess.run(["bash", "-c", 'set -e; "$0" job.py; true', sys.executable])
"""


@pytest.mark.parametrize(("name", "follows"), [("snakemake", True), ("something", False)])
def test_a_job_ends_with_the_workflow_above_it(tmp_path, name, follows):
    (tmp_path / name).write_text(SHELL)
    (tmp_path / "job.py").write_text(JOB)
    run = subprocess.Popen([sys.executable, tmp_path / name], cwd=tmp_path, stdout=subprocess.PIPE)
    job = int(run.stdout.readline())
    run.kill()
    run.wait()
    assert ended_within(job, 5 if follows else 0.5) == follows
    if not follows:
        os.kill(job, 9)
    run.stdout.close()


def test_a_job_ends_with_the_shell_between(tmp_path):
    (tmp_path / "snakemake").write_text(SHELL)
    (tmp_path / "job.py").write_text(JOB)
    run = subprocess.Popen([sys.executable, tmp_path / "snakemake"], cwd=tmp_path, stdout=subprocess.PIPE)
    job = int(run.stdout.readline())
    with open(f"/proc/{job}/stat") as stream:
        shell = int(stream.read().rpartition(")")[2].split()[1])
    assert shell != run.pid
    os.kill(shell, 9)
    assert ended_within(job, 5)
    run.communicate()


def ended_within(process: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{process}/stat") as stream:
                if stream.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False
