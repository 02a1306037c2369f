"""Which runs are alive in a folder: so that the locks of one that was killed do not stand in the way of the next.

Snakemake's locks are plain files, which outlive it. Here each run also holds a shared lock of the operating system,
which does not: whoever gets it alone knows that no other run is alive.
"""

import contextlib
import fcntl
import os
from pathlib import Path

_held: list[int] = []
"""Descriptors that stay open, and locked, until this process ends."""


def join_runs(folder: Path) -> bool:
    """Count this process among the runs in a folder's `.snakemake`; whether locks of dead runs were taken away.

    Where the file system has no such locks, nothing is done, and Snakemake says what to do.
    """
    state = folder / ".snakemake"
    state.mkdir(exist_ok=True)
    descriptor = os.open(state / "alive", os.O_RDWR | os.O_CREAT, 0o644)
    _held.append(descriptor)
    left = []
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left = list(state.glob("locks/*"))
        for lock in left:
            lock.unlink(missing_ok=True)
    except OSError:  # another run holds it, or there are no locks here
        pass
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return bool(left)
