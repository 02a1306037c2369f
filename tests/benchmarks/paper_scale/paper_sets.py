"""The paper's data sets as far as a plan looks at them: names, and nothing in the files."""

import csv
from collections.abc import Iterable
from pathlib import Path

import yaml

from pipeline.provenance import ROOT

CONFIG = yaml.safe_load((ROOT / "workflow/configs/paper.yaml").read_text(encoding="utf-8"))
LISTS = 25
SUBJECTS, SESSIONS, IMAGES = 180, 4, 417
WORDS, CLIPS = 500, 30
"""Of each word."""


def write_paper_sets(data: Path) -> None:
    """Everything that workflow/configs/paper.yaml names, below `data`."""
    write_emotionet(data / "emotionet", CONFIG["datasets"]["emotionet"])
    write_4dfab(data / "4dfab/manifest.csv")
    write_lrw(data / "lrw/lipread_mp4")
    header = ("word", "speaker", "audio", "meshes", "neutral", "coefficients", "frames_per_s")
    write_csv(data / "4d_speech/manifest.csv", header, [])
    touch(data / name for name in ("lsfm/all_all_all.mat", "lsfm/landmarks.json", "4dfab/expression.h5"))


def write_emotionet(root: Path, dataset: dict) -> None:
    photos = dataset["shards"] * dataset["shard_size"]
    names = [f"{number:06d}.jpg" for number in range(photos)]
    touch(root / "images" / name for name in names)
    (root / "emotioNet_URLs").mkdir()
    for part in range(LISTS):
        urls = "".join(f"http://site.invalid/{name}\n" for name in names[part::LISTS])
        (root / f"emotioNet_URLs/emotioNet_{part + 1}.txt").write_text(urls)


def write_4dfab(manifest: Path) -> None:
    header = ("subject", "session", "sequence", "frame", "mesh", "texture", "neutral_mesh")
    rows = (
        (subject, session, "smile", frame, f"{subject}/{session}/{frame}.ply", f"{subject}/{session}.npy", "")
        for subject in range(SUBJECTS)
        for session in range(SESSIONS)
        for frame in range(IMAGES)
    )
    write_csv(manifest, header, rows)


def write_lrw(root: Path) -> None:
    for word in range(WORDS):
        below = root / f"WORD{word:03d}/train"
        touch(below / f"WORD{word:03d}_{clip:05d}{end}" for clip in range(CLIPS) for end in (".mp4", ".txt"))


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def touch(paths: Iterable[Path]) -> None:
    """Empty files."""
    folder = None
    for path in paths:
        if path.parent != folder:
            folder = path.parent
            folder.mkdir(parents=True, exist_ok=True)
        path.touch()
