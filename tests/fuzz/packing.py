"""Containers around what is damaged: with their checksums right, so that the parser behind them gets to see it."""

import io
import struct
import zlib
from collections.abc import Callable
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

MATRIX, COMPRESSED = 14, 15


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def zipped_beside(members: dict[str, bytes], name: str, kind: int = ZIP_DEFLATED) -> Callable[[bytes], bytes]:
    """A zip of the members in which one has the content that comes."""

    def pack(content: bytes) -> bytes:
        stream = io.BytesIO()
        with ZipFile(stream, "w", kind) as archive:
            for member, held in members.items():
                archive.writestr(member, content if member == name else held)
        return stream.getvalue()

    return pack


def members_of(archive: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def stored(members: dict[str, bytes], name: str) -> Callable[[bytes], bytes]:
    """As torch has it: nothing compressed."""
    return zipped_beside(members, name, ZIP_STORED)


def mat_compressed(header: bytes) -> Callable[[bytes], bytes]:
    """A MAT-file of one compressed variable, whatever it is."""

    def pack(content: bytes) -> bytes:
        packed = zlib.compress(content, 1)
        return header + struct.pack("<II", COMPRESSED, len(packed)) + packed

    return pack


def png_repaired(content: bytes) -> bytes:
    """The chunks of a PNG with the checksums that belong to them, as far as they can be followed."""
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)
