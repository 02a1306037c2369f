"""What jobs take, from runs at hand, for `snakemake plan`.

python tests/benchmarks/scale/write_costs.py workflow/costs.csv FOLDER [FOLDER ...]

A folder is one that the workflow ran in, with the configuration of that run as mine.yaml if it had one. Two runs of
different sizes tell what a job takes by itself from what each item takes. Jobs that ask for a GPU are left out on a
machine without one: there they solve another, far smaller problem.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from pipeline.run_jobs import Measured, costs_of, dry_run, measured_jobs, write_costs  # noqa: E402


def measured_in(folder: Path) -> Iterator[Measured]:
    """What each job of a folder took when it last ran."""
    mine = folder / "mine.yaml"
    config = yaml.safe_load(mine.read_text(encoding="utf-8")) if mine.is_file() else {}
    jobs = dry_run(str(ROOT / "Snakefile"), config, [], "--forceall", "--directory", str(folder.resolve()))
    on_gpu = {job.rule for job in jobs if job.gpus}
    able = shutil.which("nvidia-smi") is not None
    measured = measured_jobs(folder, config.get("results", "results"), jobs)
    yield from (job for job in measured if able or job.rule not in on_gpu)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    asked = parser.parse_args()
    write_costs(asked.table, costs_of(job for folder in asked.folders for job in measured_in(folder)))
