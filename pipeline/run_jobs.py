"""The jobs of a workflow and what each costs: from Snakemake's own dry run, and from what finished runs left.

A job is known by its log, `logs/<rule>[/<dataset>[/<shard>]].log`, so a new rule needs no word here.
"""

import heapq
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from models3d.errors import InputError
from pipeline.files import read_table, write_table


class Job(NamedTuple):
    """One job of a plan or of a finished run."""

    rule: str
    name: str
    """What follows the rule in the name of its log: `<dataset>/<shard>`, `<dataset>`, `<model>`, or nothing."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    threads: int
    gpus: int


class Measured(NamedTuple):
    """What one job took."""

    rule: str
    items: int
    seconds: float
    """Of processors."""
    mem_mb: float
    bytes: int


class Cost(NamedTuple):
    """What a job of a rule takes: so much by itself, and so much for each item."""

    job_s: float
    item_s: float
    item_bytes: float
    mem_mb: float
    """The most that one of the measured jobs held."""
    jobs: int
    items: int
    """How much was measured."""


Costs = Mapping[str, Cost]


def dry_run(snakefile: str, config: dict, targets: Sequence[str], *flags: str) -> list[Job]:
    """The jobs that `snakemake --dry-run` plans for these targets in this folder.

    Raises InputError with its words if it fails.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as stream:
        json.dump(config, stream)
        stream.flush()
        command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", snakefile, "--configfile", stream.name]
        command += ["--cores", "1", "--dry-run", *flags]
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if said.returncode:
        raise InputError(f"snakemake --dry-run {' '.join(targets)}", said.stdout[-2000:].strip(), "mend what it says")
    return read_jobs(said.stdout)


def read_jobs(said: str) -> list[Job]:
    """The jobs in what `snakemake --dry-run` prints, without those that only name targets.

    Raises InputError if it stopped before it planned any.
    """
    blocks = re.split(r"^(?:local)?rule (\w+):$", said, flags=re.MULTILINE)
    if len(blocks) < 2 and "Nothing to be done" not in said:
        raise InputError("snakemake --dry-run", f"planned nothing: {said[-2000:].strip()}", "mend what it says")
    jobs = [_job(rule, body) for rule, body in zip(blocks[1::2], blocks[2::2], strict=True)]
    return [job for job in jobs if job.outputs]


def _job(rule: str, body: str) -> Job:
    stated = dict(re.findall(r"^    (\w+): (.*)$", body, re.MULTILINE))
    gpus = re.search(r"\bgpu=(\d+)", stated.get("resources", ""))
    return Job(
        rule,
        stated.get("log", "").rpartition(f"logs/{rule}")[2].removesuffix(".log").strip("/"),
        tuple(filter(None, stated.get("input", "").split(", "))),
        tuple(filter(None, stated.get("output", "").split(", "))),
        int(stated.get("threads", 1)),
        int(gpus[1]) if gpus else 0,
    )


def listed_rows(folder: Path, results: str) -> dict[str, int]:
    """How many items each listing of a folder of results gives its shard, by its path as the rules name it."""
    paths = sorted((folder / results).glob("*listings/*/[0-9]*.csv"))
    return {str(path.relative_to(folder)): len(read_table(path)) for path in paths}


def items_of(jobs: Iterable[Job], rows: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """How many items each job works on, by rule and name: those of all listings that what it reads was made from, or
    of its own shard's alone if that is among them.

    jobs  every job of the workflow, whether it is still to do or not, each after those that it waits for
    """
    listings: dict[str, frozenset[str]] = {path: frozenset({path}) for path in rows}
    items = {}
    for job in jobs:
        before = frozenset[str]().union(*(listings.get(path, frozenset()) for path in job.inputs))
        listings.update({path: before for path in job.outputs if path not in rows})
        own = [path for path in before if job.name and path.endswith(f"/{job.name}.csv")]
        items[job.rule, job.name] = sum(rows[path] for path in own or before)
    return items


def measured_jobs(folder: Path, results: str, jobs: Sequence[Job]) -> list[Measured]:
    """What the jobs of a finished run took, of those that left a log and a benchmark in `folder`/`results`.

    jobs  every job of the workflow, as for `items_of`

    The log has the processor time: Snakemake's benchmark samples it, and on a busy machine the clock says little.
    """
    items, measured = items_of(jobs, listed_rows(folder, results)), []
    for job in jobs:
        name = f"{job.rule}/{job.name}" if job.name else job.rule
        log, benchmark = folder / results / f"logs/{name}.log", folder / results / f"benchmarks/{name}.tsv"
        used = re.findall(r"used ([\d.]+) s of processor time", _text(log))
        if used and benchmark.is_file():
            header, row = (line.split("\t") for line in _text(benchmark).splitlines()[:2])
            memory = dict(zip(header, row, strict=True))["max_rss"]
            held = float(memory) if memory[0].isdigit() else 0.0  # of a job too short to be looked at
            size = sum(file.stat().st_size for file in map(folder.joinpath, job.outputs) if file.is_file())
            measured.append(Measured(job.rule, items[job.rule, job.name], float(used[-1]), held, size))
    return measured


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def costs_of(measured: Iterable[Measured]) -> dict[str, Cost]:
    """For each rule the two numbers, neither below zero, that its jobs fit best (least squares)."""
    by_rule: dict[str, list[Measured]] = {}
    for job in measured:
        by_rule.setdefault(job.rule, []).append(job)
    return {rule: _cost(jobs) for rule, jobs in sorted(by_rule.items())}


def _cost(jobs: Sequence[Measured]) -> Cost:
    items = np.array([job.items for job in jobs], float)
    (job_s, item_s), _ = nnls(np.stack([np.ones_like(items), items], axis=1), np.array([job.seconds for job in jobs]))
    total = int(items.sum())
    per_item = sum(job.bytes for job in jobs) / total if total else 0.0
    return Cost(float(job_s), float(item_s), per_item, max(job.mem_mb for job in jobs), len(jobs), total)


def write_costs(path: Path, costs: Costs) -> None:
    """A table, a row a rule."""
    rows = ([rule, *(f"{value:.6g}" for value in cost)] for rule, cost in sorted(costs.items()))
    write_table(path, ("rule", *Cost._fields), rows)


def read_costs(path: Path) -> dict[str, Cost]:
    """What `write_costs` wrote. Raises InputError if the file is no such table."""
    try:
        rows = {row.pop("rule"): row for row in read_table(path)}
        if not rows:
            raise ValueError("it is empty")
        numbers = {rule: {name: float(value) for name, value in row.items()} for rule, row in rows.items()}
        return {
            rule: Cost(**{**row, "jobs": int(row["jobs"]), "items": int(row["items"])})  # type: ignore[arg-type]
            for rule, row in numbers.items()
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"is no table of costs ({error})", "make one with `make bench-scale`") from error


def wall_time_s(jobs: Sequence[Job], seconds: Sequence[float], cores: int, gpus: int) -> float:
    """How long a run takes that starts each job as soon as its inputs, cores and GPUs are there, the first ones first.

    A job that wants more than there is gets all of it, as Snakemake's threads do.
    """
    makers = {output: index for index, job in enumerate(jobs) for output in job.outputs}
    needs = [{makers[path] for path in job.inputs if path in makers} for job in jobs]
    waiting, running, now = list(range(len(jobs))), list[tuple[float, int]](), 0.0
    free, done = np.array([cores, gpus]), set[int]()
    wants = [np.minimum((job.threads, job.gpus), (cores, gpus)) for job in jobs]
    while waiting or running:
        for index in [index for index in waiting if needs[index] <= done]:
            if (wants[index] <= free).all():
                free = free - wants[index]
                waiting.remove(index)
                heapq.heappush(running, (now + seconds[index], index))
        if not running:
            raise InputError("the plan", "has jobs that wait for one another", "report this: it is a mistake here")
        now, index = heapq.heappop(running)
        free, done = free + wants[index], done | {index}
    return now
