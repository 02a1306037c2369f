"""Everything that is promised of training on a GPU, measured in one go, as a section of RESULTS.md.

    python -m tests.benchmarks.training.on_gpu --out measured --minutes 30

1. Images a second of a complete step at full size, in every way of running it, batch by batch, with the counted
   operations, their rate, the floor, and the ratios to the eager float32 steps of the same run.
2. The sample's GPU-sized set (gpu_sample.yaml) is made, `slidergan_rad` and `slidergan_wgp` are trained on it for
   about `--minutes` each, and evaluated on held-out subjects; the share of time that they waited for data is from
   their own histories.

`--speed-only` leaves out the second; `--rehearse` tries the script itself, on a CPU with the small networks and a dry
run of the workflow. What fails is written down as failed; nothing is left out.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
import yaml

from pipeline.provenance import ROOT
from tests.benchmarks.training.step_speed import (
    CPU_WAYS,
    EAGER,
    EAGER_TF32,
    FACE,
    FULL,
    PEAKS,
    SMALL,
    SMALL_FACE,
    WAYS,
    Case,
    Measured,
    count_operations,
    measure,
)

PAPER_BATCH = 16


class Plan(NamedTuple):
    """What the speed is measured of."""

    case: Case
    batches: tuple[int, ...]
    ways: tuple[str, ...]
    warm_up: int
    repeats: int


ON_GPU = Plan(Case(FULL, FACE, torch.device("cuda", 0)), (16, 32, 64, 128, 256, 512), tuple(WAYS), 5, 20)
REHEARSAL = Plan(Case(SMALL, SMALL_FACE, torch.device("cpu")), (PAPER_BATCH, 32), CPU_WAYS, 1, 1)

TARGETS = {"images_per_s": 1500.0, "over eager float32": 4.0, "over eager float32 with TF32": 2.0, "waiting": 0.02}
PAPER = {"slidergan_rad": 6.84e-3, "slidergan_wgp": 7.93e-3}
"""IED on 4DFAB renders, of the paper's table: other pictures, and the paper does not state its normalisation."""
CONFIG = Path(__file__).with_name("gpu_sample.yaml")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the section and the trainings' results")
    parser.add_argument("--minutes", type=float, default=30, help="of each training")
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--rehearse", action="store_true")
    asked = parser.parse_args(arguments)
    if not (torch.cuda.is_available() or asked.rehearse):
        sys.exit("on_gpu: torch sees no GPU. Run it on a machine with one, or with --rehearse.")
    asked.out.mkdir(parents=True, exist_ok=True)
    plan = REHEARSAL if asked.rehearse else ON_GPU
    lines, measured = speed_section(plan)
    write(asked.out, lines)  # before the trainings, which take long
    if asked.rehearse:
        snakemake(asked.out / "run", {}, "evaluate", "--dry-run", "--quiet")
    elif not asked.speed_only:
        lines += training_section(asked.out, asked.minutes, measured)
        write(asked.out, lines)


def write(out: Path, lines: Sequence[str]) -> None:
    (out / "training.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def speed_section(plan: Plan) -> tuple[list[str], list[Measured]]:
    """The table of all ways and batches, and what is in it."""
    name = torch.cuda.get_device_name() if plan.case.device.type == "cuda" else "CPU, a rehearsal"
    each = count_operations(plan.case, PAPER_BATCH)["the step"] / PAPER_BATCH
    peak = next((value for part, value in PEAKS.items() if part in name), float("nan"))
    lines = [
        f"### {name}, torch {torch.__version__}",
        "",
        f"A complete step takes {each / 1e9:.1f} GFLOP an image: at the bf16 peak of {peak / 1e12:.0f} TFLOP/s "
        f"{peak / each:.0f} images/s at most, {PAPER_BATCH * each / peak * 1e3:.2f} ms a step of {PAPER_BATCH}.",
        "",
        "| | batch | images/s | ms a step | TFLOP/s | of peak |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    measured: list[Measured] = []
    for count, way in product(plan.batches, plan.ways):
        try:
            found = measure(plan.case, way, count, plan.warm_up, plan.repeats)
        except Exception as error:  # out of memory at the largest batches; a way that fails must not hide the rest
            lines.append(f"| {way} | {count} | failed: {type(error).__name__} | | | |")
            torch.cuda.empty_cache()
            continue
        measured.append(found)
        rate = each * found.images_per_s
        speed = f"{found.images_per_s:.0f} | {found.step_s * 1e3:.2f} | {rate / 1e12:.2f} | {rate / peak:.1%}"
        lines.append(f"| {way} | {count} | {speed} |")
    return [*lines, "", *verdicts(measured)], measured


def verdicts(measured: Sequence[Measured]) -> list[str]:
    """Each promised figure, what came of it, and whether that is enough."""
    best = max(measured, key=lambda row: row.images_per_s)
    lines = [
        judged("images/s at the best batch", best.images_per_s, TARGETS["images_per_s"], f"{best.way}, {best.batch}")
    ]
    for count in dict.fromkeys([PAPER_BATCH, best.batch]):
        rows = {row.way: row.images_per_s for row in measured if row.batch == count}
        fastest = max(rows, key=rows.__getitem__)
        for base, target in ((EAGER, "over eager float32"), (EAGER_TF32, "over eager float32 with TF32")):
            if base in rows:
                ratio = rows[fastest] / rows[base]
                lines.append(judged(f"times {base}, batch {count}", ratio, TARGETS[target], fastest))
    return lines


def judged(what: str, found: float, target: float, of: str) -> str:
    return f"- {what}: **{found:.3g}** ({of}); asked: {target:g}; {'met' if found >= target else 'NOT met'}"


def training_section(out: Path, minutes: float, measured: Sequence[Measured]) -> list[str]:
    """Train both variants with the paper's batch for about so many minutes, evaluate them, and say what came of it."""
    run = out / "run"
    fastest = max((row for row in measured if row.batch == PAPER_BATCH), key=lambda row: row.images_per_s)
    snakemake(run, {}, "dataset")  # the shards alone: their number decides the epochs
    config = epochs_for(run, minutes, fastest.images_per_s) | {"workers": 8, "compile": WAYS[fastest.way].compile}
    snakemake(run, {"train_slidergan": config}, "evaluate")
    lines = ["", f"### About {minutes:g} minutes of training each, on the sample's GPU-sized set", ""]
    with (run / "results/evaluation/table.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    columns = ("variant", "pairs", "ied", "ied_standard_error", "better_than_copy", "regression_real", "recognition")
    lines += ["| " + " | ".join(columns) + " | paper's IED |", "| --- " * (len(columns) + 1) + "|"]
    for row in rows:
        paper = f"{PAPER[row['variant']]:.2e}" if row["variant"] in PAPER else ""
        lines.append("| " + " | ".join(row[name] for name in columns) + f" | {paper} |")
    lines.append("")
    for variant in PAPER:
        with (run / f"results/gan/{variant}/history.csv").open(encoding="utf-8") as stream:
            history = list(csv.DictReader(stream))[1:]  # the first look has the start in it
        waiting = sum(float(row["waiting_share"]) for row in history) / len(history)
        pace = sorted(float(row["images_per_s"]) for row in history)[len(history) // 2]
        met = "met" if waiting < TARGETS["waiting"] else "NOT met"
        lines.append(
            f"- {variant}: median {pace:.0f} images/s; waited for data {waiting:.2%} (asked: under 2 %; {met})"
        )
    return lines


def epochs_for(run: Path, minutes: float, images_per_s: float) -> dict[str, int]:
    """Epochs on pairs and twice as many on photos, as in the paper, that fill the time."""
    index = json.loads((run / "results/shards/dataset.json").read_text(encoding="utf-8"))
    images = {kind: sum(row["items"] for row in rows) for kind, rows in index["statistics"].items()}
    pairs, photos = images["paired"] + images["meshes"], images["annotated"]
    epochs = max(1, round(60 * minutes * images_per_s / (pairs + 2 * photos)))
    return {"paired_epochs": epochs, "unpaired_epochs": 2 * epochs}


def snakemake(run: Path, config: dict, target: str, *options: str) -> None:
    """The workflow on the GPU-sized set, changed by `config`."""
    run.mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    for section, changes in config.items():
        settings[section] |= changes
    (run / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", str(ROOT / "workflow/profiles/default")]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(run), "--cores", "all"]
    subprocess.run([*command, "--configfile", str(run / "config.yaml"), *options, "--", target], check=True)


if __name__ == "__main__":
    main()
