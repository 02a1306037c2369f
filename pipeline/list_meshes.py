"""Which meshes a dataset has, in which shard each stands, and which subjects are for testing.

All meshes of a subject's session stand in one shard: session i of the manifest, in the order in which sessions first
occur, in shard i // sessions_per_shard. So sessions added at the end move no other.

The workflow calls `write_mesh_listings` on the user's own datasets before it plans its jobs, as for photos.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from models3d.errors import InputError
from pipeline.files import Paths
from pipeline.listings import bring_up_to_date, size_and_time, table_text, write_listing
from pipeline.mesh_tables import LANDMARK_SUFFIXES, MeshRow, read_manifest
from pipeline.settings.meshes import ListMeshes

STAGE = "list_meshes"

SPLIT_COLUMNS = ("subject", "split")


def run(inputs: Paths, outputs: Paths, settings: ListMeshes) -> None:
    """List meshes that the workflow itself makes: no times go into the listings."""
    rows = read_manifest(settings.dataset, str(inputs["manifest"]))
    for path, content in zip(outputs["listings"], listings(rows, settings), strict=True):
        write_listing(path, content)
    write_listing(outputs["subjects"], subjects_table(rows, settings.test_share))


def write_mesh_listings(settings: ListMeshes, folder: Path) -> None:
    """Bring `folder/00001.csv` and so on, and `folder/subjects.csv`, up to date; equal content is not written again.

    Raises InputError for a manifest that is wrong as a whole (`read_manifest`), or that has more sessions than the
    shards hold.
    """
    rows = _stamped(read_manifest(settings.dataset, settings.manifest))
    contents = {f"{number:05d}.csv": content for number, content in enumerate(listings(rows, settings), start=1)}
    contents["subjects.csv"] = subjects_table(rows, settings.test_share)
    bring_up_to_date({folder / name: content for name, content in contents.items()})


def listings(rows: Sequence[MeshRow], settings: ListMeshes) -> Iterator[bytes]:
    """The content of each shard's listing."""
    sessions: dict[tuple[str, str], list[MeshRow]] = {}
    for row in rows:
        sessions.setdefault(row.session_key, []).append(row)
    room = settings.shards * settings.sessions_per_shard
    if len(sessions) > room:
        needed = -(-len(sessions) // settings.sessions_per_shard)
        problem = f"{len(sessions)} sessions, but {settings.shards} shards of {settings.sessions_per_shard} hold {room}"
        raise InputError(settings.dataset, problem, f"set mesh_datasets.{settings.dataset}.shards to {needed} or more")
    in_order = list(sessions.values())
    for start in range(0, room, settings.sessions_per_shard):
        part = in_order[start : start + settings.sessions_per_shard]
        yield table_text(MeshRow._fields, (row for session in part for row in session)).encode()


def subjects_table(rows: Sequence[MeshRow], test_share: float) -> bytes:
    """Every subject, in the order of the manifest, with its split."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    tested = held_out(subjects, test_share)
    splits = ((subject, "test" if subject in tested else "train") for subject in subjects)
    return table_text(SPLIT_COLUMNS, splits).encode()


def held_out(subjects: Iterable[str], share: float) -> frozenset[str]:
    """The share of the subjects (rounded; at least one of several) whose names have the lowest hashes.

    The split of the others stays nearly the same when subjects are added: the proportion is exact (150 : 30 at a share
    of 1/6), at the price that one at the border may change sides.
    """
    ranked = sorted(subjects, key=lambda subject: hashlib.sha256(subject.encode()).digest())
    count = round(share * len(ranked))
    if share > 0 and len(ranked) > 1:
        count = max(1, count)
    return frozenset(ranked[:count])


def _stamped(rows: Iterable[MeshRow]) -> list[MeshRow]:
    """The rows with sizes and times of change of their files; a scan's landmarks beside it count too."""
    described = cache(size_and_time)  # a session's rows share their texture
    landmarks_in = cache(_landmarks_in)
    stamped = []
    for row in rows:
        files, (folder, name) = [row.mesh], os.path.split(row.mesh)
        if marks := landmarks_in(folder):
            stem = os.path.splitext(name)[0]
            files += [os.path.join(folder, stem + suffix) for suffix in LANDMARK_SUFFIXES if stem + suffix in marks]
        files += [row.texture, row.neutral_mesh]
        stamped.append(row._replace(stamp=" ".join([described(path) for path in files if path])))
    return stamped


def _landmarks_in(folder: str) -> frozenset[str]:
    """The landmark files of a folder: none where it cannot be listed."""
    try:
        return frozenset(name for name in os.listdir(folder or ".") if name.endswith(LANDMARK_SUFFIXES))
    except OSError:
        return frozenset()
