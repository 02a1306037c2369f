"""The workflow at the paper's sizes: what planning it costs, and that every job of it is scheduled.

The jobs of the last test touch their outputs and do nothing else, so that it is Snakemake that is measured.
"""

import os
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from fake_workflow import fake_workflow
from paper_sets import CONFIG, write_paper_sets
from snakemake_run import command

from pipeline.run_jobs import read_jobs

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    write_paper_sets(folder / "data")
    return folder


def measured(words: list[str], folder: Path) -> tuple[str, float, float, float]:
    """What a command says, its seconds of wall clock and of processors, and its peak of memory in MB."""
    start = time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(words, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    text = (folder / "said.txt").read_text()
    assert status == 0, text[-3000:]
    return text, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def test_a_dry_run(folder):
    for title in ("first dry run, which lists", "second dry run"):
        said, wall_s, cpu_s, memory_mb = measured(command(folder, "--dry-run", config=CONFIG, cores=32), folder)
        print(f"\n{title}: {wall_s:.1f} s, {cpu_s:.1f} s of processor, {memory_mb:.0f} MB")
    jobs = Counter(job.rule for job in read_jobs(said))
    print(f"{sum(jobs.values())} jobs: {', '.join(f'{rule} {count}' for rule, count in sorted(jobs.items()))}")
    assert jobs["annotate_faces"] == CONFIG["datasets"]["emotionet"]["shards"]
    assert jobs["render_meshes"] == CONFIG["mesh_datasets"]["4dfab"]["shards"]


def test_the_plan(folder):
    said, wall_s, cpu_s, memory_mb = measured(command(folder, "plan", config=CONFIG, cores=32), folder)
    print(f"\n{said[said.index('rule   ') :]}")
    print(f"planned in {wall_s:.1f} s, {cpu_s:.1f} s of processor, {memory_mb:.0f} MB")


def test_every_job_is_scheduled(folder, tmp_path):
    root = fake_workflow(tmp_path)
    words = command(folder, config=CONFIG, root=root)
    _, wall_s, cpu_s, memory_mb = measured(words, folder)
    ran = len((folder / "fake_jobs.csv").read_text().splitlines())
    print(f"\n{ran} jobs that do nothing: {wall_s:.0f} s, {cpu_s:.0f} s of processor, {memory_mb:.0f} MB")
    said, *_ = measured(command(folder, "--dry-run", config=CONFIG, root=root), folder)
    assert "Nothing to be done" in said
