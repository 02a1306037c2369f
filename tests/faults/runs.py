"""A run of the whole workflow that is small enough to be disturbed thirty times, and what it must leave behind."""

import csv
import hashlib
import io
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from snakemake_run import TINY

from pipeline.gan.monitors import HISTORY

DATA = {
    **TINY,
    "make_sample": {"photos": 3, "subjects": 1, "sessions": 1, "sequences": 1, "frames": 3, "image_size_px": 256},
    "datasets": {"packaged": None, "sample": {"shards": 1, "shard_size": 5}},
    "clip_datasets": {"sample": None},
    "speech_databases": {"sample": None},
    "render_pairs": {"expressions": 3},
}
"""Without training: photos and meshes to shards and tables."""
NETWORK = {
    "generator_channels": 4,
    "critic_channels": 4,
    "residual_blocks": 1,
    "paired_epochs": 6,
    "unpaired_epochs": 6,
}
TRAINING = {
    **DATA,
    "train_variants": ["slidergan_rad"],
    "train_identity": {"on_cpu": {"epochs": 1, "batch": 4}},
    "train_slidergan": {
        "on_cpu": {**NETWORK, "checkpoint_minutes": 0.002, "log_every_steps": 1}, "held_out_share": 0.4, "batch": 1,
    },
    "evaluate": {"pairs_per_face": 2, "figure_faces": 1},
}  # fmt: skip
"""With it; the state of a training is written every few steps."""


def targets(config: dict) -> list[str]:
    """What is asked for."""
    return ["dataset", *(["evaluate"] if config["train_variants"] else [])]


TIMED = ("logs", "benchmarks", "events")
"""Folders and files that tell how long something took."""
TIMED_COLUMNS = {"images_per_s", "waiting_share"}


class Job(NamedTuple):
    """A job of a run, and what it makes."""

    rule: str
    outputs: tuple[str, ...]
    seconds: float


def jobs_of(output: str, folder: Path) -> list[Job]:
    """The jobs of a run, in the order in which they started."""
    until_output, until_benchmark = (rf"(?:    (?!{word}).*\n)*" for word in ("output", "benchmark"))
    pattern = rf"^(?:local)?rule (\w+):\n{until_output}    output: (.*)\n{until_benchmark}    benchmark: (.*)\n"
    found = re.findall(pattern, output, re.MULTILINE)
    return [Job(rule, tuple(made.split(", ")), seconds_of(folder / tsv)) for rule, made, tsv in found]


def seconds_of(benchmark: Path) -> float:
    with benchmark.open(newline="") as stream:
        return float(next(csv.DictReader(stream, delimiter="\t"))["s"])


def copy_up_to(finished: Path, folder: Path, undone: list[Job]) -> None:
    """A copy of a finished run in which some of its jobs have not run yet."""
    shutil.copytree(finished, folder, copy_function=shutil.copy2, symlinks=True)
    for job in undone:
        for name in job.outputs:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if job.rule == "make_sample":  # which makes more than it declares
            shutil.rmtree(folder / "results/sample")


def products(folder: Path) -> dict[str, str]:
    """The digest of everything that a run leaves, but for what tells of time."""
    files = (path for path in (folder / "results").rglob("*") if path.is_file() and path.name != ".snakemake_timestamp")
    named = {str(path.relative_to(folder / "results")): path for path in files}
    return {name: digest(path) for name, path in named.items() if not set(TIMED) & set(Path(name).parts)}


def digest(path: Path) -> str:
    content = path.read_bytes()
    if path.name == "history.csv":
        content = without_times(content.decode()).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def without_times(table: str) -> str:
    kept = [name for name in HISTORY if name not in TIMED_COLUMNS]
    return "\n".join(",".join(row[name] for name in kept) for row in csv.DictReader(io.StringIO(table)))
