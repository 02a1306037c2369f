"""What became of every candidate: how many came in, where and why some were lost, and how those look."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from models3d.errors import UnusableDatum
from pipeline.files import Paths, Reject, read_rejects, read_table, whole_file
from pipeline.images import read_photo
from pipeline.pages import heading, html_table, page, paragraph, picture
from pipeline.settings.dataset import CountFates

STAGE = "count_fates"

PHOTOS = "photos"
"""The input whose candidates are pictures, so that rejects of them can be shown."""


def run(inputs: Paths, outputs: Paths, settings: CountFates) -> None:
    """Write the page `outputs["page"]`.

    photos, meshes, clips  listings of candidates, any of them may be absent
    dataset, rejects       of `index_dataset`

    A table of candidates, rejects by stage and items in shards; then, for every stage and reason (numbers in reasons
    aside), how many there are, and the first of those photos that can be decoded.
    """
    listed = {source: inputs[source] for source in (PHOTOS, "meshes", "clips") if inputs.get(source)}
    rejects = read_rejects(inputs["rejects"])
    shards = json.loads(inputs["dataset"].read_text(encoding="utf-8"))["shards"]
    paths = {row["id"]: row["path"] for path in listed.get(PHOTOS, ()) for row in read_table(path)}
    body = [html_table(*counts(listed, rejects)), heading("In the shards"), html_table(*products(shards))]
    body += [heading("Rejects")] if rejects else [paragraph("Nothing was rejected.")]
    for (stage, reason), group in by_reason(rejects):
        body.append(paragraph(f"{stage}: {reason} ({len(group)})"))
        body += thumbnails(group, paths, settings)
    with whole_file(outputs["page"]) as temporary:
        temporary.write_text(page("What became of every candidate", "".join(body)), encoding="utf-8")


def counts(
    listed: Mapping[str, Sequence[Path]], rejects: Sequence[Reject]
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Header and rows: every source and dataset, its candidates, and how many of them each stage rejected."""
    stages = list(dict.fromkeys(reject.stage for reject in rejects))
    rows: list[tuple[object, ...]] = []
    for source, paths in listed.items():
        for dataset, group in groupby(sorted(paths), lambda path: path.parent.name):
            ids = {row["id"] for path in group for row in read_table(path)}
            lost = Counter(reject.stage for reject in rejects if reject.id in ids)
            rows.append((source, dataset, len(ids), *(lost[stage] for stage in stages)))
    return ["source", "dataset", "candidates", *(f"rejected by {stage}" for stage in stages)], rows


def products(shards: Sequence[Mapping[str, object]]) -> tuple[list[str], list[tuple[object, ...]]]:
    """Header and rows: every kind and dataset, its shards and their items."""
    items: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    for shard in shards:
        key = str(shard["kind"]), str(shard["dataset"])
        files[key] += 1
        items[key] += int(shard["items"])  # type: ignore[call-overload]
    return ["kind", "dataset", "shards", "items"], [(*key, files[key], items[key]) for key in sorted(items)]


def by_reason(rejects: Sequence[Reject]) -> Iterator[tuple[tuple[str, str], list[Reject]]]:
    """Rejects of one stage and reason together; reasons that differ in their numbers alone are one."""

    def kind(reject: Reject) -> tuple[str, str]:
        return reject.stage, re.sub(r"\d+(\.\d+)?", "#", reject.reason)

    for key, group in groupby(sorted(rejects, key=lambda reject: (kind(reject), reject.id)), kind):
        yield key, list(group)


def thumbnails(rejects: Sequence[Reject], paths: Mapping[str, str], settings: CountFates) -> Iterator[str]:
    """The first rejects: those that can be decoded as pictures, the others as a line of text."""
    for reject in rejects[: settings.thumbnails]:
        said = f"{reject.id}: {reject.reason}"
        try:
            if not paths.get(reject.id):
                raise UnusableDatum("no photo")
            image = read_photo(Path(paths[reject.id]), settings.max_pixels)
        except UnusableDatum:
            yield paragraph(said)
            continue
        yield picture(shrunk(image, settings.tile_px), said, settings.tile_px)


def shrunk(image: UInt8[np.ndarray, "h w 3"], side_px: int) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with its longer side at most as long as that."""
    small = Image.fromarray(image)
    small.thumbnail((side_px, side_px))
    return np.asarray(small)
