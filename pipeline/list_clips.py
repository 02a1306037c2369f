"""Which clips an LRW folder has, and in which shard each stands.

Clip i of the folder, in order of word, split and name, stands in shard i // shard_size. The workflow calls
`write_clip_listings` on the user's own folders before it plans its jobs, as for photos.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from models3d.errors import InputError
from models3d.whole_file import whole_file
from pipeline.clip_tables import ClipRow
from pipeline.files import Paths
from pipeline.lrw import SPLITS
from pipeline.released_coefficients import SUFFIXES
from pipeline.settings.speech import ListClips

STAGE = "list_clips"


def run(inputs: Paths, outputs: Paths, settings: ListClips) -> None:
    """List clips that the workflow itself makes: no times go into the listings."""
    for path, content in zip(outputs["listings"], listings(clips(settings), settings), strict=True):
        _write(path, content)


def write_clip_listings(settings: ListClips, folder: Path) -> None:
    """Bring `folder/00001.csv` and so on up to date; equal content is not written again.

    Raises InputError if the root holds no clips, or more than the shards hold.
    """
    stamped = [row._replace(stamp=_stamp(row)) for row in clips(settings)]
    for number, content in enumerate(listings(stamped, settings), start=1):
        path = folder / f"{number:05d}.csv"
        if not path.is_file() or path.read_bytes() != content:
            _write(path, content)


def clips(settings: ListClips) -> list[ClipRow]:
    """Every `WORD/SPLIT/*.mp4` below the root, with its text and LRW-3D's file of the same name, if there is one.

    Raises InputError if there is none.
    """
    root = Path(settings.root)
    released = Path(settings.released) if settings.released else None
    rows = []
    for word in _folders(root):
        for split in SPLITS:
            below = f"{word}/{split}"
            held = {os.path.splitext(name)[0]: name for name in _released(released, below)}
            for name in sorted(_names(root / below, ".mp4")):
                stem = name[: -len(".mp4")]
                coefficients = str(released / below / held[stem]) if released and stem in held else ""
                path, text = str(root / below / name), str(root / below / f"{stem}.txt")
                rows.append(ClipRow(f"{settings.dataset}/{below}/{stem}", path, text, word, split, coefficients, "-"))
    if not rows:
        problem = f"{root} holds no clips named WORD/{{{','.join(SPLITS)}}}/WORD_00001.mp4"
        raise InputError(f"clip_datasets.{settings.dataset}.root", problem, "name LRW's folder lipread_mp4")
    return rows


def listings(rows: Sequence[ClipRow], settings: ListClips) -> Iterator[bytes]:
    """The content of each shard's listing.

    Raises InputError if there are more clips than the shards hold.
    """
    room = settings.shards * settings.shard_size
    if len(rows) > room:
        needed = -(-len(rows) // settings.shard_size)
        problem = f"{len(rows)} clips, but {settings.shards} shards of {settings.shard_size} hold {room}"
        raise InputError(settings.dataset, problem, f"set clip_datasets.{settings.dataset}.shards to {needed} or more")
    for start in range(0, room, settings.shard_size):
        yield _table(rows[start : start + settings.shard_size])


def _released(folder: Path | None, below: str) -> Iterable[str]:
    return (name for suffix in SUFFIXES for name in _names(folder / below, suffix)) if folder else ()


def _folders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []


def _names(folder: Path, suffix: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.name.endswith(suffix)]
    except OSError:
        return []


def _stamp(row: ClipRow) -> str:
    return " ".join(_size_and_time(path) for path in (row.path, row.text, row.released) if path)


def _size_and_time(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "-"
    return f"{status.st_size}:{status.st_mtime_ns}"


def _table(rows: Iterable[ClipRow]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ClipRow._fields)
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
