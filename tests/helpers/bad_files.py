"""Files that are not what they claim, and files with damage."""

import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from models3d.errors import InputError


def png_that_claims(width: int, height: int) -> bytes:
    """A header of that size, and the beginning of the pixels."""
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(bytes(100))}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )


def count_refused(path: Path, damaged: Iterable[bytes], read_fields: Callable) -> int:
    """How many of the damaged files are refused with an InputError of ours; any other exception goes through."""
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            found = read_fields(path, "L")
            for name in found.shapes:
                found.numbers(name, found.shapes[name] or ())
        except InputError as error:
            assert "TypeCheckError" not in str(error)
            refused += 1
    return refused
