"""A shard for other loaders: Parquet as the Hugging Face `datasets` library reads it, or a WebDataset tar.

Pictures are PNG, so nothing is lost; the same shard gives the same bytes.
"""

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet

from models3d.whole_file import whole_file
from pipeline.files import Paths
from pipeline.flat_samples import columns_of, samples
from pipeline.settings.dataset import ExportShard
from pipeline.shards import LAYOUTS, Shard, read_shard

STAGE = "export_shard"

ROWS_AT_ONCE = 256
"""Of a Parquet file, in memory and in a row group."""
TYPES = {"S": pyarrow.string(), "f4": pyarrow.float32(), "i4": pyarrow.int32(), "u1": pyarrow.uint8()}
PICTURE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
"""How `datasets` stores a picture."""


def run(inputs: Paths, outputs: Paths, settings: ExportShard) -> None:
    """Write the items of `inputs["shard"]`, a product of kind `settings.kind`, as `outputs["exported"]`.

    Every image is one row or sample, the variants of a `paired` item too, with all that its shard says of it; arrays
    with several axes are flat.
    """
    WRITERS[settings.format](read_shard(inputs["shard"], settings.kind), outputs["exported"])


def write_parquet(shard: Shard, path: Path) -> None:
    """One row an image; its schema says to `datasets` which column is the picture."""
    columns = {"image": PICTURE} | {name: column_type(shard.kind, name) for name in columns_of(shard.kind)}
    features = {"image": {"_type": "Image"}} | {
        name: feature(kind) for name, kind in columns.items() if name != "image"
    }
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pyarrow.schema(list(columns.items()), metadata=said)
    rows = samples(shard)
    with whole_file(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            table = [{**row, "image": {"bytes": row["image"], "path": None}} for row in batch]
            writer.write_table(pyarrow.Table.from_pylist(table, schema=schema))


def write_webdataset(shard: Shard, path: Path) -> None:
    """Two files a sample, `<number>.png` and `<number>.json`; without owners and times."""
    with whole_file(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, row in enumerate(samples(shard)):
            said = json.dumps({name: value for name, value in row.items() if name != "image"})
            for suffix, content in (("png", row["image"]), ("json", said.encode())):
                member = tarfile.TarInfo(f"{number:08d}.{suffix}")
                member.size, member.mode = len(content), 0o644  # type: ignore[arg-type]
                tar.addfile(member, io.BytesIO(content))  # type: ignore[arg-type]


def column_type(kind: str, name: str) -> pyarrow.DataType:
    """Text, a number, or a flat list of numbers."""
    if name == "variant":
        return pyarrow.string()
    dtype, axes = LAYOUTS[kind][name]
    inner = set(axes) - {"item", "variant"}
    return pyarrow.list_(TYPES[dtype]) if inner else TYPES[dtype]


def feature(kind: pyarrow.DataType) -> Mapping[str, object]:
    """A column's type in the words of `datasets`."""
    if pyarrow.types.is_list(kind):
        return {"feature": feature(kind.value_type), "_type": "Sequence"}
    return {"dtype": {"float": "float32"}.get(str(kind), str(kind)), "_type": "Value"}


WRITERS: Mapping[str, Callable[[Shard, Path], None]] = {"huggingface": write_parquet, "webdataset": write_webdataset}
"""Format -> what writes it."""
