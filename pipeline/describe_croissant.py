"""The dataset described for machines: Croissant 1.0 (MLCommons) beside the shards."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from models3d.errors import InputError
from pipeline.files import Paths, Reject, whole_file
from pipeline.provenance import file_digest
from pipeline.settings.dataset import DescribeCroissant
from pipeline.shard_meanings import PRODUCTS, described
from pipeline.shards import Shard, read_shard

STAGE = "describe_croissant"

VERSION = "http://mlcommons.org/croissant/1.0"
TERMS = (
    "citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes",
    "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated",
    "replace", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: Mapping[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS},
}
HDF5 = "application/x-hdf5"


def run(inputs: Paths, outputs: Paths, settings: DescribeCroissant) -> None:
    """Describe `inputs["shards"]`, with `dataset` and `rejects` beside them, as `outputs["croissant"]`.

    Every file is a FileObject with the SHA-256 of its bytes. Croissant has no extraction from HDF5, so the arrays
    are described by a record set (`arrays`) instead of being mapped field by field: a reader of Croissant finds,
    checks and understands the files, and opens them with an HDF5 library. The table of rejects is mapped.
    Raises InputError if a file does not lie below the folder of the description.
    """
    root = outputs["croissant"].parent
    shards = [(path, read_shard(path, path.parent.parent.name)) for path in inputs["shards"]]
    kinds = sorted({shard.kind for _, shard in shards})
    rejects, dataset = inputs["rejects"], inputs["dataset"]
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": settings.name,
        "description": settings.description,
        "license": settings.licence,
        "url": settings.url,
        "creator": [{"@type": "sc:Organization", "name": name} for name in settings.creators],
        "version": "1.0.0",
        "distribution": [
            file_object(root, dataset, "application/json", "shards, counts, digests and statistics of the labels"),
            file_object(root, rejects, "text/csv", "every candidate that is in no shard, and why"),
            *(file_object(root, path, HDF5, told(shard)) for path, shard in shards),
        ],
        "recordSet": [
            rejects_set(root, rejects),
            inline_set(
                "arrays",
                "what each array of an HDF5 file holds, by the kind of the file",
                ("kind", "array", "dtype", "axes", "meaning"),
                [(kind, *row) for kind in kinds for row in described(kind)],
            ),
            inline_set(
                "components",
                "what the last axis of `params` stands for, in its order, and the standard deviations at 1",
                ("kind", "dataset", "place", "component", "range"),
                components(shards),
            ),
        ],
    }
    with whole_file(outputs["croissant"]) as temporary:
        temporary.write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


def told(shard: Shard) -> str:
    """A sentence about a shard."""
    return f"{len(shard['id'])} items: {PRODUCTS[shard.kind]}"


def below(root: Path, path: Path) -> str:
    """A file's place below the folder; raises InputError if it is not there."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        raise InputError(path, f"does not lie below {root}", "describe the shards from their own folder") from None


def file_object(root: Path, path: Path, encoding: str, description: str) -> dict[str, object]:
    """One file: where it is, what it is, and the digest and number of its bytes."""
    place = below(root, path)
    return {
        "@type": "cr:FileObject",
        "@id": place,
        "name": place,
        "description": description,
        "contentUrl": place,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": encoding,
        "sha256": file_digest(path),
    }


def rejects_set(root: Path, path: Path) -> dict[str, object]:
    """The rows of `rejects.csv`, mapped column by column."""
    source = {"@id": below(root, path)}
    fields = [
        field("rejects", column) | {"source": {"fileObject": source, "extract": {"column": column}}}
        for column in Reject._fields
    ]
    return record_set("rejects", "every candidate that is in no shard, and why", fields)


def inline_set(
    name: str, description: str, columns: Iterable[str], rows: Iterable[Iterable[object]]
) -> dict[str, object]:
    """A table that stands in the description itself."""
    names = [f"{name}/{column}" for column in columns]
    data = [dict(zip(names, map(str, row), strict=True)) for row in rows]
    return record_set(name, description, [field(name, full.split("/")[1]) for full in names]) | {"data": data}


def record_set(name: str, description: str, fields: list[dict[str, object]]) -> dict[str, object]:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": description, "field": fields}


def field(record_set: str, column: str) -> dict[str, object]:
    """A column of text."""
    return {"@type": "cr:Field", "@id": f"{record_set}/{column}", "name": column, "dataType": "sc:Text"}


def components(shards: Iterable[tuple[Path, Shard]]) -> list[tuple[object, ...]]:
    """Kind, dataset, place, name and range of every component, once a dataset."""
    rows: dict[tuple[object, ...], None] = {}
    for path, shard in shards:
        names: list[str] = shard.attributes["component_names"]  # type: ignore[assignment]
        for place, name in enumerate(names):
            rows[shard.kind, path.parent.name, place, name, shard.attributes["range"]] = None
    return list(rows)
