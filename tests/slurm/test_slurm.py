"""The sample on a real Slurm of one node, through the `slurm` profile, while things go wrong."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from one_node import one_node, says
from snakemake_run import command, digests, snakemake

pytestmark = pytest.mark.slurm

HERE = ("--slurm-no-account", "--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10")
"""What the profile leaves to the site: here there are no accounts, and jobs take seconds."""


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[str]:
    with one_node(tmp_path_factory.mktemp("slurm"), cores=len(os.sched_getaffinity(0))) as name:
        yield name


def running(rule: str) -> list[str]:
    """The ids of the jobs of a rule that run now."""
    jobs = [line.split("|") for line in says("squeue", "--noheader", "--states=R", "--format=%i|%k").splitlines()]
    return [job for job, comment in jobs if comment.startswith(f"rule_{rule}")]


def soon(true: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something that must happen before the run ends."""
    while not true():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)


def test_a_cancelled_job_and_a_drained_node_change_no_byte(node, tmp_path):
    asked = command(tmp_path / "slurm", "dataset", *HERE, cores=None, profile="slurm")
    process = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    soon(lambda: running("detect_landmarks"), process)
    [killed, *_] = running("detect_landmarks")
    says("scancel", killed)
    soon(lambda: running("fit_faces"), process)
    says("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
    soon(lambda: says("sinfo", "--noheader", "--format=%T") == "drained", process)
    assert not running("")
    says("scontrol", "update", f"NodeName={node}", "State=RESUME")
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert f"SLURM-job '{killed}' failed, SLURM status is: 'CANCELLED'" in said
    local = snakemake(tmp_path / "local", "dataset")
    assert local.returncode == 0, local.stdout
    assert digests(tmp_path / "slurm") == digests(tmp_path / "local")
