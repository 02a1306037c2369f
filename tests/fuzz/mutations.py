"""Damage: what a valid file becomes. Every choice comes from the generator passed in."""

import re
from collections.abc import Callable, Sequence
from random import Random

NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
EXTREME_TEXTS = (
    *(b"0", b"-1", b"-0.0", b"1", b"68", b"127", b"255", b"65536", b"2147483647", b"-2147483648", b"4294967296"),
    *(b"9223372036854775807", b"9223372036854775808", b"1e308", b"1e999", b"-1e39", b"1e-320", b"nan", b"inf", b"-inf"),
    *(b"0x10", b"1_0", b"", b"null", b"true", b'"x"', b"[]", b"{}", b"9" * 400, b"9" * 5000, b"\xd9\xa3"),
)
EXTREME_NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63,
    2**64 - 1,
)
NESTS = (b"[", b"{", b'{"a":', b"(", b"<<")
MOST_BYTES = 2**22
"""Damage does not make a file longer than that: a large file says little that a small one does not."""

Damage = Callable[[bytearray, Random, Sequence[bytes]], bytearray]


def mutated(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """The content with one to four kinds of damage; `others` are what pieces are taken from."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(DAMAGES)(data, random, others)
    return bytes(data[:MOST_BYTES])


def flip_bits(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    for _ in range(random.choice((1, 1, 2, 4, 16)) if data else 0):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data


def set_bytes(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    for _ in range(random.choice((1, 1, 2, 4, 16)) if data else 0):
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256)))
    return data


def extreme_number(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """A number of 2, 4 or 8 bytes replaced by an extreme one, more often near the beginning, where headers are."""
    at, size = _place(data, random), random.choice((2, 4, 4, 8))
    value = random.choice(EXTREME_NUMBERS) % 2 ** (8 * size)
    data[at : at + size] = value.to_bytes(size, random.choice(("little", "big")))
    return data


def inflated_size(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """A number that may be a size, multiplied or moved a little."""
    at, size, order = _place(data, random), random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
    value = int.from_bytes(data[at : at + size], order)
    changed = random.choice((value + 1, value - 1, value * 2, value << random.randrange(1, 33), value + 2**31))
    data[at : at + size] = (changed % 2 ** (8 * size)).to_bytes(size, order)
    return data


def extreme_text(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """A number written in digits replaced by an extreme one."""
    found = NUMBER.search(data, random.randrange(len(data) + 1)) or NUMBER.search(data)
    if found:
        data[found.start() : found.end()] = random.choice(EXTREME_TEXTS)
    return data


def truncate(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    return data[: random.randrange(len(data) + 1)]


def cut_out(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    at = _place(data, random)
    del data[at : at + random.choice((1, 2, 8, 64, 1024))]
    return data


def insert(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    at = _place(data, random)
    data[at:at] = random.randbytes(random.choice((1, 2, 8, 64, 1024)))
    return data


def repeat(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """A piece many times over."""
    at, size = _place(data, random), random.choice((1, 4, 16, 100, 1000))
    data[at:at] = data[at : at + size] * random.choice((1, 2, 10, 1000))
    return data


def splice(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """The beginning of this and the end of another."""
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def transplant(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """A piece of another over a piece of this."""
    other, at, size = random.choice(others), _place(data, random), random.choice((4, 16, 64, 512))
    start = random.randrange(len(other) + 1)
    data[at : at + size] = other[start : start + size]
    return data


def shuffle_lines(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    lines = data.split(b"\n")
    start = random.randrange(len(lines))
    some = lines[start : start + random.randrange(2, 12)]
    random.shuffle(some)
    lines[start : start + len(some)] = some * random.choice((0, 1, 1, 2))
    return bytearray(b"\n").join(lines)


def nest(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    """Something opened and opened again, as deep as no recursion goes."""
    at = _place(data, random)
    data[at:at] = random.choice(NESTS) * random.choice((10, 1000, 100_000))
    return data


def _place(data: bytearray, random: Random) -> int:
    reach = random.choice((len(data), len(data), 512, 64))
    return random.randrange(min(len(data), reach) + 1)


DAMAGES: Sequence[Damage] = (
    *(flip_bits, set_bytes, set_bytes, extreme_number, extreme_number, inflated_size, inflated_size),
    *(extreme_text, extreme_text, truncate, cut_out, insert, repeat, splice, transplant, shuffle_lines, nest),
)
