"""Whether anything in a folder was touched, by whatever code: Linux tells it, through inotify."""

import ctypes
import os
import struct
from pathlib import Path

TOUCHED = 0x001 | 0x002 | 0x004 | 0x020 | 0x040 | 0x080 | 0x100 | 0x200
"""Read, written, attributes changed, opened, moved from and to, created, deleted."""
NONBLOCK = os.O_NONBLOCK


class Opened:
    """A watch on the files of a folder; its own listing does not count."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(NONBLOCK)
        if self._descriptor < 0 or libc.inotify_add_watch(self._descriptor, os.fsencode(folder), TOUCHED) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def seen(self) -> list[str]:
        """Names of the files touched since the last call."""
        names = set()
        while True:
            try:
                events = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return sorted(names)
            at = 0
            while at < len(events):
                length = struct.unpack_from("I", events, at + 12)[0]
                names.add(events[at + 16 : at + 16 + length].rstrip(b"\0").decode(errors="replace"))
                at += 16 + length
            names.discard("")
