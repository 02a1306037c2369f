"""Writing a file whole or not at all: the one piece of file handling that readers and stages share."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to, renamed to it at the end and removed on failure.

    The rename is atomic, so whoever reads `path` sees all of it or none, also after `kill -9`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent, os.getpid())
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _sweep(folder: Path, process: int) -> None:
    """Remove what processes of this machine left in a folder when they were killed; once a process."""
    for part in folder.glob(".*.part"):
        owner = re.fullmatch(rf"\..+\.{re.escape(socket.gethostname())}\.(\d+)\.part", part.name)
        if owner and not _alive(int(owner[1])):
            part.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
