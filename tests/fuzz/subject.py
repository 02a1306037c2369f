"""What is fuzzed: a reader, and valid files of its format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


def plain(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Valid:
    """A file as its reader wants it, taken apart where a checksum or a compression would hide damage from the parser.

    content  what is damaged
    pack     makes the file's bytes of it
    beside   other files that the reader opens, by their paths below the folder; they stay as they are
    hostile  not valid at all, but made to do harm: it must be refused as it is
    """

    name: str
    content: bytes
    pack: Callable[[bytes], bytes] = plain
    beside: Mapping[str, bytes] = field(default_factory=dict)
    hostile: bool = False


class Subject(NamedTuple):
    """A reader under test.

    read  reads everything that the file holds
    make  valid files, given a folder to write to and a file outside that nothing may open
    """

    read: Callable[[Path], object]
    make: Callable[[Path, Path], list[Valid]]
