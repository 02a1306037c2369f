"""Jobs end with the workflow that started them: one that outlives it could write what its successor is writing, too."""

import os
import select
import threading
from pathlib import Path


def end_with_workflow() -> None:
    """From now on this process ends when the Snakemake above it does, or the shell between them, also if it was killed.

    Nothing happens where there is none above it, or the system has no such watch (Linux has).
    """
    if hasattr(os, "pidfd_open"):
        above = [os.pidfd_open(process) for process in _up_to_workflow(os.getppid())]
        if above:
            threading.Thread(target=_wait_and_end, args=(above,), daemon=True).start()


def _up_to_workflow(process: int) -> list[int]:
    """A process and its ancestors up to the nearest that is a Snakemake; nothing if none is."""
    passed = []
    while process > 1:
        passed.append(process)
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            status = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return []
        if any(word.rpartition(b"/")[2] == b"snakemake" for word in words):
            return passed
        process = int(status.rpartition(")")[2].split()[1])
    return []


def _wait_and_end(above: list[int]) -> None:
    select.select(above, [], [])
    os._exit(1)
