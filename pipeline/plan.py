"""What is still to do, and what it will take: jobs, core-hours, GPU-hours, disk, hours on the cores given."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.files import Paths
from pipeline.run_jobs import Costs, Job, dry_run, items_of, listed_rows, read_costs, wall_time_s
from pipeline.settings.plan import Plan

STAGE = "plan"

HOUR_S, GB = 3600, 1e9


def run(inputs: Paths, outputs: Paths, settings: Plan) -> None:
    """Print the plan of `settings.targets`, at the costs of `inputs["costs"]`; write nothing.

    Raises InputError if Snakemake cannot plan them, or the costs are no such table.
    """
    costs = read_costs(inputs["costs"])
    jobs = dry_run(settings.snakefile, settings.config, settings.targets)
    whole = dry_run(settings.snakefile, settings.config, settings.targets, "--forceall")
    items = items_of(whole, listed_rows(Path(), settings.config["results"]))
    print("\n".join(described(jobs, [items[job.rule, job.name] for job in jobs], costs, settings)), flush=True)


def described(jobs: Sequence[Job], items: Sequence[int], costs: Costs, settings: Plan) -> Iterator[str]:
    """The plan as text: a line a rule, then the sums, then what the sums leave out."""
    if not jobs:
        yield f"Nothing is left to do for {', '.join(settings.targets)}."
        return
    seconds = [_seconds(job, count, costs) for job, count in zip(jobs, items, strict=True)]
    yield f"{'rule':<24}{'jobs':>7}{'items':>10}{'core-h':>10}{'GPU-h':>8}{'disk, GB':>10}{'memory, MB':>12}"
    rules = sorted({job.rule for job in jobs})
    for rule in rules:
        mine = [index for index, job in enumerate(jobs) if job.rule == rule]
        counted = f"{rule:<24}{len(mine):>7}{sum(items[index] for index in mine):>10}"
        yield counted + (_sums(mine, jobs, items, seconds, costs) if rule in costs else f"{'not measured':>18}")
    measured = [index for index, job in enumerate(jobs) if job.rule in costs]
    yield f"{'all of them':<24}{len(measured):>7}{'':>10}" + _sums(measured, jobs, items, seconds, costs)
    wall_h = wall_time_s(jobs, seconds, settings.cores, settings.gpus) / HOUR_S
    yield f"About {wall_h:.2f} hours on {settings.cores} cores and {settings.gpus} GPUs, at the speed of the machine"
    yield "that the costs were measured on."
    missing = [rule for rule in rules if rule not in costs]
    if missing:
        yield f"Not in the sums, since nobody measured them: {', '.join(missing)}."
    unlisted = sorted({path for job in jobs for path in job.outputs if "listings/" in path})
    if unlisted:
        yield f"Not listed yet, so their items are not counted: {', '.join(unlisted)}."


def _seconds(job: Job, items: int, costs: Costs) -> float:
    cost = costs.get(job.rule)
    return cost.job_s + cost.item_s * items if cost else 0.0


def _sums(
    mine: Sequence[int], jobs: Sequence[Job], items: Sequence[int], seconds: Sequence[float], costs: Costs
) -> str:
    core_h = sum(seconds[index] * jobs[index].threads for index in mine) / HOUR_S
    gpu_h = sum(seconds[index] * jobs[index].gpus for index in mine) / HOUR_S
    disk = sum(costs[jobs[index].rule].item_bytes * items[index] for index in mine) / GB
    memory = max((costs[jobs[index].rule].mem_mb for index in mine), default=0.0)
    return f"{core_h:>10.2f}{gpu_h:>8.2f}{disk:>10.2f}{memory:>12.0f}"
