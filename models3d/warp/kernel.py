"""How the warp's functions are compiled, and kept on disk until any of them changes.

Numba keeps a compiled function until its own file changes, although the functions it calls are compiled into it. What
calls across files must therefore be kept under a name that stands for all of them.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit

from models3d import mouth_interior

PACKAGE = Path(__file__).parent
SOURCES = (*sorted(PACKAGE.glob("*.py")), Path(mouth_interior.__file__))


def sources_digest(sources: tuple[Path, ...]) -> str:
    """Of the files' names and bytes, 16 hex digits."""
    sha = hashlib.sha256()
    for source in sources:
        content = source.read_bytes()
        sha.update(f"{source.name} {len(content)}\n".encode() + content)
    return sha.hexdigest()[:16]


CACHE = PACKAGE / "__pycache__" / sources_digest(SOURCES)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """`numba.njit` without the interpreter's lock, cached until any of `SOURCES` changes; 1 / 0 is infinite."""
    usual = config.CACHE_DIR  # type: ignore[attr-defined]
    config.CACHE_DIR = usual or str(CACHE)  # type: ignore[attr-defined]
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = usual  # type: ignore[attr-defined]
