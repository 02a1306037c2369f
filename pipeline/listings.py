"""Listings: the tables that say which candidates stand in which shard, and the manifests that some are made from."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from models3d.errors import InputError
from models3d.whole_file import whole_file


def table_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV as `pipeline.files.write_table` writes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_listing(path: Path, content: bytes) -> None:
    """A listing whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def bring_up_to_date(listings: Mapping[Path, bytes]) -> None:
    """Write those whose content changed: the others keep their times, so that nothing runs again for them."""
    for path, content in listings.items():
        if not path.is_file() or path.read_bytes() != content:
            write_listing(path, content)


def size_and_time(path: str) -> str:
    """Size and time of change of a file, so that a listing changes with it."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"


def manifest_rows(
    manifest: str, required: Sequence[str], columns: Sequence[str], item: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a user's CSV as dictionaries, with their lines.

    item  what a row stands for
    Raises InputError if there is no such file, it is no CSV in UTF-8, its columns are not the required ones and some
    of `columns`, or a row is not whole.
    """
    if not os.path.isfile(manifest):
        raise InputError(manifest, "there is no such manifest", f"write one: a CSV with {', '.join(columns)}")
    try:
        with open(manifest, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            found = reader.fieldnames or []
            if len(set(found)) < len(found) or not set(required) <= set(found) <= set(columns):
                problem = f"its columns are {', '.join(found) or 'missing'}"
                raise InputError(manifest, problem, f"give it the columns {', '.join(columns)}")
            for row in reader:
                if None in row or None in row.values():
                    place = f"{manifest}, line {reader.line_num}"
                    raise InputError(place, "not one value a column", f"give each {item} a whole row")
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(manifest, f"not a CSV in UTF-8 ({error})", "save it as one") from error


def below_manifest(manifest: str, place: str, path: str) -> str:
    """A path of the manifest in its shortest form. Raises InputError if it leads out of the manifest's folder."""
    name = os.path.normpath(path)
    if name.startswith(("/", "../")) or name in (".", "..") or "\0" in name:
        remedy = "give paths of files below the manifest's folder, relative to it"
        raise InputError(place, f"'{path}' is not below {os.path.dirname(manifest) or '.'}", remedy)
    return name
