"""The workflow with stages that do nothing, in a folder of its own."""

import re
import shutil
from importlib import import_module
from inspect import signature
from pathlib import Path

import yaml
from snakemake_run import TINY

from pipeline.provenance import FIRST_PARTY, ROOT

RULES = {
    match["name"]: match["body"]
    for path in (ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk")))
    for match in re.finditer(
        r"^ *rule (?P<name>\w+):\n(?P<body>(?: +.*\n|\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
}
"""The text of every rule."""
JOBS = {name: body for name, body in RULES.items() if "script:" in body}
PRODUCERS = {name for name, body in JOBS.items() if "output:" in body}
IF_ASKED = [f"results/{folder}/sample.h5" for folder in ("learnt_landmarks", "textures", "phones")]
"""What only one or another value of a setting asks for."""
TARGETS = [*sorted(set(RULES) - set(JOBS)), *IF_ASKED]

DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def everything(folder: Path) -> dict:
    """A configuration under which every rule has something to do; `folder` gets a manifest of scans."""
    manifest = folder / "scans.csv"
    manifest.write_text("subject,session,sequence,frame,mesh,texture,neutral_mesh\n1,1,smile,0,a.ply,,\n")
    scans = {**DEFAULTS["mesh_datasets"]["sample"], "registered": False, "manifest": str(manifest)}
    return {
        **TINY,
        "expression_models": {},
        "select_faces": {"faces": 4},
        "mesh_datasets": {"sample": {"shards": 1, "sessions_per_shard": 1}, "scans": scans},
        "train_variants": ["slidergan_rad", "no_pairs", "no_identity"],
    }


def fake_workflow(folder: Path) -> Path:
    """A copy of the workflow and its sources whose jobs only touch their outputs."""
    for name in ("envs", "workflow", *FIRST_PARTY):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "tests/helpers/fake_stage.py", folder / "workflow/scripts/stage.py")
    return folder


def settings_of(rule: str) -> set[str]:
    """The names of the settings that a rule's stage reads: those of its record."""
    record = signature(import_module(f"pipeline.{rule}").run).parameters["settings"].annotation
    return set(record.__dataclass_fields__)
