"""The rows that stand for meshes before there is a cache: a 4DFAB-like manifest, and the listing of a shard."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from models3d.errors import InputError
from pipeline.files import read_table
from pipeline.listings import below_manifest, manifest_rows

MANIFEST_COLUMNS = ("subject", "session", "sequence", "frame", "mesh", "texture", "neutral_mesh")
"""The last two may be empty in a row."""
PATH_COLUMNS = ("mesh", "texture", "neutral_mesh")
LANDMARK_SUFFIXES = (".ljson", ".pts")
FRAME_NUMBER = re.compile(r"[0-9]{1,9}")


class MeshRow(NamedTuple):
    """A mesh that a manifest names, whether it is there or not."""

    id: str
    """`<dataset>/<path below the manifest's folder>`."""
    subject: str
    session: str
    sequence: str
    frame: int
    mesh: str
    """Path of the mesh, like those of the next two."""
    texture: str
    """The session's: colours a vertex (.npy) or an image; empty: the session's first mesh brings its colours."""
    neutral_mesh: str
    """The neutral face of its sequence, or empty."""
    stamp: str
    """Sizes and times of the files, so that a listing changes with them; empty if the workflow made them."""

    @property
    def session_key(self) -> tuple[str, str]:
        """What light, texture and camera belong to."""
        return self.subject, self.session

    def id_of(self, path: str) -> str:
        """The id that a file named by this row has of its own."""
        dataset, _, below = self.id.partition("/")
        return f"{dataset}/{path.removeprefix(self.mesh.removesuffix(below))}"


def read_mesh_rows(path: Path) -> list[MeshRow]:
    """The rows of a listing."""
    rows = [MeshRow(**row) for row in read_table(path)]  # type: ignore[arg-type]
    return [row._replace(frame=int(row.frame)) for row in rows]


def read_manifest(dataset: str, manifest: str) -> list[MeshRow]:
    """The rows of a manifest, in its order, without stamps. No mesh is opened.

    Raises InputError, with the line, for another set of columns, a row that is not whole, a frame that is no number,
    a path that leads out of the manifest's folder, a mesh listed twice, or a session with two textures.
    """
    rows: dict[str, MeshRow] = {}
    known: dict[str, str] = {}
    folder = os.path.join(os.path.dirname(manifest), "")
    textures: dict[tuple[str, str], str] = {}
    for line, cells in manifest_rows(manifest, MANIFEST_COLUMNS, MANIFEST_COLUMNS, "mesh"):
        place = f"{manifest}, line {line}"
        _check_row(manifest, place, cells, known)
        row = _row(dataset, folder, cells, known)
        if row.id in rows:
            raise InputError(place, f"'{cells['mesh']}' stands there twice", "list each mesh once")
        if textures.setdefault(row.session_key, row.texture) != row.texture:
            problem = f"session '{row.session}' of subject '{row.subject}' has a second texture, '{cells['texture']}'"
            raise InputError(place, problem, "name one texture a session, in all its rows")
        rows[row.id] = row
    if not rows:
        raise InputError(manifest, "lists no mesh", "give it a row for every mesh")
    return list(rows.values())


def _check_row(manifest: str, place: str, cells: dict[str, str], known: dict[str, str]) -> None:
    """Raises InputError for a line with an error; adds its paths to `known`, in their shortest form: most stand in many
    lines."""
    empty = [name for name in ("subject", "session", "sequence", "frame", "mesh") if not cells[name]]
    if empty:
        raise InputError(place, f"no {', '.join(empty)}", "only texture and neutral_mesh may be empty")
    if not FRAME_NUMBER.fullmatch(cells["frame"]):
        raise InputError(place, f"frame '{cells['frame'][:20]}' is no number", "count frames as 0, 1, 2, ...")
    for path in [cells[name] for name in PATH_COLUMNS]:
        if path and path not in known:
            known[path] = below_manifest(manifest, place, path)


def _row(dataset: str, folder: str, cells: dict[str, str], known: dict[str, str]) -> MeshRow:
    """One line of the manifest, with its paths made usable from outside its folder."""
    paths = {name: cells[name] and folder + known[cells[name]] for name in PATH_COLUMNS}
    named = {name: cells[name] for name in ("subject", "session", "sequence")}
    return MeshRow(f"{dataset}/{known[cells['mesh']]}", **named, frame=int(cells["frame"]), **paths, stamp="")
