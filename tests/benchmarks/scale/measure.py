"""Many photos through every stage of photos: how fast, how much of it is overhead, and what each job costs.

python tests/benchmarks/scale/measure.py --photos 5000 --folder /tmp/scale
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from pipeline.provenance import file_digest  # noqa: E402
from pipeline.run_jobs import Measured, costs_of, measured_jobs, read_jobs, write_costs  # noqa: E402

MADE = 24
"""People whose photos are varied; each variant is another picture of other bytes."""
FEW = 60
"""Photos of the first, small run: with the other it tells what a job takes by itself from what an item takes."""
ADDED = 100
SAMPLE = {"photos": MADE, "subjects": 1, "sessions": 1, "sequences": 1, "frames": 3, "image_size_px": 380}
MODEL = ("results/models/sample.h5",)
TARGETS = ("dataset", "results/sheets/annotated/scale.png", "results/sheets/paired/scale.png")


def config_for(folder: Path, shards: int, shard_size: int) -> dict:
    """Photos of the folder alone, in so many shards of such a size: whatever else the defaults name is left out."""
    defaults = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    others = {
        section: dict.fromkeys(entries)
        for section, entries in defaults.items()
        if section == "datasets" or section.endswith(("_datasets", "_models", "_databases"))
    }
    photos = {"layout": "folder", "root": str(folder / "photos"), "model": "sample"}
    others["datasets"]["scale"] = {**photos, "shards": shards, "shard_size": shard_size}
    return {"make_sample": SAMPLE, "train_variants": [], **others}


def snakemake(folder: Path, config: dict, *arguments: str) -> str:
    """Run it as a user does; what it said."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(folder / "mine.yaml"), "--directory", str(folder)]
    command += ["--workflow-profile", str(ROOT / "workflow/profiles/default")]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if said.returncode:
        sys.exit(said.stdout)
    return said.stdout


def write_variants(sample: Path, photos: Path, start: int, end: int) -> None:
    """Photos number `start` to `end` - 1: the sample's, cut differently and with other light."""
    people = sorted((sample / "emotionet/images").glob("*.jpg"))
    photos.mkdir(exist_ok=True)
    for number in range(start, end):
        random = np.random.default_rng((7, number))
        image = Image.open(people[number % len(people)])
        left, top = random.integers(0, 20, 2).tolist()
        cut = np.asarray(image.crop((left, top, left + 360, top + 360)), np.float32)
        light = random.uniform(0.85, 1.15) * cut + random.normal(scale=2.0, size=cut.shape)
        Image.fromarray(light.clip(0, 255).astype(np.uint8)).save(photos / f"{number:06d}.jpg", quality=92)


class Run:
    """The workflow on a folder of photos that grows."""

    def __init__(self, folder: Path, config: dict, shard_size: int, cores: int) -> None:
        self.folder, self.config, self.shard_size, self.cores = folder, config, shard_size, cores

    def said(self, *arguments: str, cores: int | None = None) -> str:
        return snakemake(self.folder, self.config, *arguments, "--cores", str(cores or self.cores))

    def timed(self, *more: str) -> tuple[float, float, list[str]]:
        """Seconds of wall clock and of processors that a run takes, and the outputs of its jobs."""
        wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        said = self.said(*TARGETS, *more)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - wall, cpu, [path for job in read_jobs(said) for path in job.outputs]

    def measured(self) -> list[Measured]:
        """What every job took when it last ran."""
        jobs = read_jobs(self.said(*TARGETS, "--dry-run", "--forceall"))
        return measured_jobs(self.folder, "results", jobs)

    def products(self) -> dict[str, str]:
        """The digest of every file that a user gets."""
        files = sorted(path for path in (self.folder / "results/shards").rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): file_digest(path) for path in files}


def measure(folder: Path, photos: int, shard_size: int, cores: int, changes: dict) -> dict[str, object]:
    """Everything that the issue of scale asks for, at a size; also writes folder/costs.csv."""
    shards = -(-(photos + ADDED) // shard_size)  # room for those that come later
    run = Run(folder, {**config_for(folder, shards, shard_size), **changes}, shard_size, cores)
    snakemake(folder, {**run.config, "datasets": dict.fromkeys(run.config["datasets"])}, *MODEL, "--cores", "1")
    sample = folder / "results/sample"
    write_variants(sample, folder / "photos", 0, FEW)
    run.timed()  # compiles what is compiled once a machine, so it is done again
    shutil.rmtree(folder / "results/index")
    run.timed()
    few = run.measured()
    write_variants(sample, folder / "photos", FEW, photos)
    wall_s, cpu_s, _ = run.timed()
    many = run.measured()
    costs = costs_of([*few, *many])
    write_costs(folder / "costs.csv", costs)
    useful_s = sum(costs[job.rule].item_s * job.items for job in many)
    return {
        "photos": photos,
        "shards": shards,
        "cores": cores,
        **changes,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "photos_per_wall_s": photos / wall_s,
        "photos_per_cpu_s": photos / cpu_s,
        "jobs_cpu_s": sum(job.seconds for job in many if job.items),
        "overhead_of_cpu": 1 - useful_s / cpu_s,
        **grown(run, sample, photos),
        **mended(run),
    }


def grown(run: Run, sample: Path, photos: int) -> dict[str, object]:
    """What runs when photos are added at the end: their own shards, and what sums all shards up."""
    before = run.products()
    write_variants(sample, run.folder / "photos", photos, photos + ADDED)
    wall_s, _, outputs = run.timed()
    after = run.products()
    theirs = {f"{number // run.shard_size + 1:05d}" for number in range(photos, photos + ADDED)}
    touched = {found[1] for path in outputs if (found := re.search(r"/scale/(\d{5})\.", path))}
    assert touched == theirs, f"{touched} ran again where {theirs} got photos"
    changed = {path for path in before if before[path] != after.get(path)}
    assert all(Path(path).stem in theirs for path in changed if path.endswith(".h5")), changed
    return {"added": ADDED, "added_wall_s": wall_s, "added_touched": sorted(touched)}


def mended(run: Run) -> dict[str, object]:
    """What runs when a shard is lost: its own job, and whatever reads it, to the same bytes."""
    before = run.products()
    lost = "results/shards/annotated/scale/00001.h5"
    (run.folder / lost).unlink()
    wall_s, _, outputs = run.timed("annotated")  # what a finished table has counted is not missed by itself
    made = [path for path in outputs if path.endswith(".h5")]
    assert made == [lost], made
    assert run.products() == before
    return {"mended_wall_s": wall_s, "mended_outputs": outputs}


def main(arguments: Sequence[str] | None = None) -> dict[str, object]:
    """Measure, print the figures as JSON, and leave them in the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--shard-size", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--expressions", type=int, default=20, help="that every face gets")
    parser.add_argument("--dense", default="none", help="as fit_faces.dense")
    parser.add_argument("--folder", type=Path, required=True, help="is made; must not hold an earlier run")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True)
    changes = {"render_pairs": {"expressions": asked.expressions}, "fit_faces": {"dense": asked.dense}}
    found = measure(asked.folder.resolve(), asked.photos, asked.shard_size, asked.cores, changes)
    text = json.dumps(found, indent=1)
    (asked.folder / "figures.json").write_text(text + "\n")
    print(text)
    return found


if __name__ == "__main__":
    main()
