"""Writing a file whole or not at all, and the tables beside the shards."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models3d.errors import InputError
from models3d.whole_file import whole_file


class Reject(NamedTuple):
    """A datum that is not in the shard, and why. `id` is `<dataset>/<path below its root>`."""

    id: str
    stage: str
    reason: str


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV with one header line and `\\n` line ends."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a header line, as dictionaries."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """`rejects.csv`, in the order given."""
    write_table(path, Reject._fields, rejects)


def read_rejects(path: Path) -> list[Reject]:
    """The rows of a `rejects.csv`."""
    return [Reject(**row) for row in read_table(path)]


def check_rejects(rejects: Sequence[Reject], candidates: int, max_rate: float, item: Path) -> None:
    """Raise InputError if more than `max_rate` of the candidates of `item` were rejected; it says why most were."""
    if len(rejects) > max_rate * candidates:
        [(reason, count)] = Counter(reject.reason for reject in rejects).most_common(1)
        problem = f"{len(rejects)} of {candidates} were rejected, {count} of them because: {reason}"
        raise InputError(item, problem, f"repair them, or raise {rejects[0].stage}.max_reject_rate (now {max_rate})")


Paths = Mapping[str, Any]
"""A stage's inputs or outputs by the names its rule gives them: a `Path` each, or a list of them."""
