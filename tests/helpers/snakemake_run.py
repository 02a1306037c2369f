"""Running the workflow as a user does, in a folder of its own."""

import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.provenance import ROOT

TINY = {
    "make_sample": {"photos": 12, "subjects": 1, "sessions": 1, "sequences": 1, "frames": 3, "image_size_px": 256},
    "datasets": {"packaged": None, "sample": {"shards": 2, "shard_size": 8}},
    "mesh_datasets": {"sample": {"shards": 1, "sessions_per_shard": 1}},
    "make_speech_sample": {"words": 2, "clips_per_word": 1, "speakers": 2},
    "train_variants": [],
    "expression_models": {"sample_sparse": None, "sample_pca": {"components": 2}},
}
"""The defaults, small enough for a test."""


def snakemake(folder: Path, *arguments: str, config: dict = TINY, cores: int = 2) -> subprocess.CompletedProcess[str]:
    """`snakemake <arguments>` with output and errors as one text."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--workflow-profile", ROOT / "workflow/profiles/default", "--configfile", folder / "mine.yaml"]
    command += ["--cores", cores, *arguments]
    return subprocess.run(
        list(map(str, command)), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def digests(folder: Path, pattern: str = "results/shards/**/*") -> dict[str, bytes]:
    """The bytes of every product, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(pattern) if path.is_file()}
