"""Digests of what a result was made from: code, settings, files."""

import ast
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from models3d.readers.hdf5 import examine
from pipeline.files import Paths, read_table

ROOT = Path(__file__).resolve().parent.parent
PLACES = frozenset({"path", "landmarks", "mesh", "texture", "neutral_mesh", "text", "released", "audio", "stamp"})
"""Columns of tables that name files, or say when those changed."""
FIRST_PARTY = ("models3d", "pipeline")


def provenance(stage: str, settings: Any, inputs: Paths, **more: object) -> dict[str, object]:
    """The attributes that say what a shard was made from: the stage, its settings record, its code, its inputs.

    more  what else is to be known of it: the model's digest, how its parameters are to be read
    """
    resolved = asdict(settings)
    return {
        "stage": stage,
        "settings": resolved,
        "settings_digest": digest_of(resolved),
        "code_digest": code_digest(stage),
        "inputs": {name: input_digest(paths) for name, paths in sorted(inputs.items())},
        **more,
    }


def digest_of(value: object) -> str:
    """Digest of anything that JSON can hold: 16 hex digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def input_digest(paths: Path | Sequence[Path]) -> str:
    """Digest of what one input of a stage holds, or several under one name, wherever they lie.

    Of HDF5 it is the digest that the file states of its content; of a table, the rows without the columns that say
    where files lie and when they changed.
    """
    if not isinstance(paths, Path):
        return digest_of([input_digest(path) for path in paths])
    if paths.suffix == ".h5":
        attributes = examine(paths).get("", {})
        stated = attributes.get("content_digest", attributes.get("digest"))
        return str(stated) if stated else file_digest(paths)
    if paths.suffix == ".csv":
        return digest_of([{key: row[key] for key in row if key not in PLACES} for row in read_table(paths)])
    return file_digest(paths)


def code_digest(stage: str) -> str:
    """Digest of a stage's source and of every first-party module it imports, directly or not.

    Snakemake does not see edits to imported modules; with this among a rule's params it does.
    """
    sources = sorted(_reachable(f"pipeline.{stage}"))
    sha = hashlib.sha256()
    for module in sources:
        sha.update(module.encode() + b"\n" + _source(module).read_bytes())
    return sha.hexdigest()[:16]


def imported_modules(source: str) -> set[str]:
    """First-party modules that a source text imports; `from a import b` counts as `a.b` where that is one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in FIRST_PARTY and _exists(name)}


@cache
def _imports(module: str) -> frozenset[str]:
    return frozenset(imported_modules(_source(module).read_text(encoding="utf-8")))


def _reachable(module: str) -> set[str]:
    found, pending = set(), [module]
    while pending:
        module = pending.pop()
        if module not in found:
            found.add(module)
            pending.extend(_imports(module))
    return found


def _exists(module: str) -> bool:
    return _source(module).is_file()


def _source(module: str) -> Path:
    base = ROOT.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
