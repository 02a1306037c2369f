"""Running the workflow as a user does, in a folder of its own."""

import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.provenance import ROOT

TINY = {
    "make_sample": {"photos": 12, "subjects": 1, "sessions": 1, "sequences": 1, "frames": 3, "image_size_px": 256},
    "calibrate_labels": {"renders": 24},
    "fit_faces": {"dense": "none"},
    "datasets": {"packaged": None, "sample": {"shards": 2, "shard_size": 8}},
    "mesh_datasets": {"sample": {"shards": 1, "sessions_per_shard": 1}},
    "make_speech_sample": {"words": 2, "clips_per_word": 1, "speakers": 2},
    "train_variants": [],
    "expression_models": {"sample_sparse": None, "sample_pca": {"components": 2}},
}
"""The defaults, small enough for a test."""


def snakemake(
    folder: Path, *arguments: str, config: dict = TINY, cores: int = 2, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """`snakemake <arguments>` with output and errors as one text."""
    return subprocess.run(
        command(folder, *arguments, config=config, cores=cores, root=root),
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def command(
    folder: Path,
    *arguments: str,
    config: dict = TINY,
    cores: int | None = 2,
    profile: str = "default",
    root: Path = ROOT,
) -> list[str]:
    """What `snakemake` runs in the folder, which is there afterwards with the configuration in it.

    cores  None: as the profile says
    root   of the workflow
    """
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    words = [sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile", "--configfile", folder / "mine.yaml"]
    words += ["--workflow-profile", root / f"workflow/profiles/{profile}", "--directory", folder]
    words += [] if cores is None else ["--cores", cores]
    return [str(word) for word in (*words, *arguments)]


def digests(folder: Path, pattern: str = "results/shards/**/*") -> dict[str, bytes]:
    """The bytes of every product, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(pattern) if path.is_file()}
