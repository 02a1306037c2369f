"""The rows that stand for photos before there is a shard: candidates of a listing, photos of an index."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.files import read_table, write_table


class Candidate(NamedTuple):
    """A photo that a dataset names, whether it is there or not."""

    id: str
    """`<dataset>/<path below its root>`."""
    path: str
    """Empty where the dataset names no file."""
    landmarks: str
    """Path of the photo's `.pts` or `.ljson`, or empty."""
    person: str
    """Who it shows, `<dataset>/<name>`, or empty: unknown."""
    stamp: str
    """Sizes and times of the files, so that a listing changes with them; empty if the workflow made them."""


class Photo(NamedTuple):
    """A photo that can be decoded."""

    id: str
    path: str
    landmarks: str
    person: str
    digest: str
    """SHA-256 of the file."""
    width: int
    """Of the photo turned upright, like the height."""
    height: int


def read_candidates(path: Path) -> list[Candidate]:
    """The rows of a listing."""
    return [Candidate(**row) for row in read_table(path)]


def write_index(path: Path, photos: Iterable[Photo]) -> None:
    """One row a photo."""
    write_table(path, Photo._fields, photos)


def read_index(path: Path) -> list[Photo]:
    """The photos of an index."""
    rows = [Photo(**row) for row in read_table(path)]  # type: ignore[arg-type]
    return [row._replace(width=int(row.width), height=int(row.height)) for row in rows]
