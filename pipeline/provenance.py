"""Digests of what a result was made from: code, settings, files."""

import ast
import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIRST_PARTY = ("models3d", "pipeline")


def provenance(stage: str, settings: Any, **more: object) -> dict[str, object]:
    """The attributes that say what a shard was made from: the stage, its settings record, its code.

    more  what else decides the bytes: the model's digest, the digests of the inputs.
    """
    resolved = asdict(settings)
    return {
        "stage": stage,
        "settings": resolved,
        "settings_digest": digest_of(resolved),
        "code_digest": code_digest(stage),
        **more,
    }


def digest_of(value: object) -> str:
    """Digest of anything that JSON can hold: 16 hex digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
