"""The table that says which clips stand in a shard."""

from pathlib import Path
from typing import NamedTuple

from pipeline.files import read_table


class ClipRow(NamedTuple):
    """One clip. `id` is `<dataset>/WORD/SPLIT/NAME`."""

    id: str
    path: str
    text: str
    word: str
    split: str
    released: str
    """LRW-3D's coefficients of it; empty where there are none."""
    stamp: str
    """Sizes and times of its files, so that a change of one changes the listing; `-` for those the workflow makes."""


def read_clips(path: Path) -> list[ClipRow]:
    """The rows of a listing."""
    return [ClipRow(**row) for row in read_table(path)]
