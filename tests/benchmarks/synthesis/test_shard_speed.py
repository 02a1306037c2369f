"""Writing and reading a paired shard against a plain copy of its bytes; `make bench-synthesis` prints the table.

A plain copy reads a file from the page cache and writes it, in pieces of a face's size; a shard is written from memory,
with its digest. Both make a file that was not there, as a workflow does: over an old one, either takes twice as long,
since ext4 then sends the bytes to the disk at once. Reading brings every byte of the mapped images into memory.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from xxhash import xxh3_128

from pipeline.shards import LAYOUTS, SIZES, new_shard, read_shard

FACES, VARIANTS, SIDE = 1000, 22, 128
ROUNDS = 6
MOST = 1.3
"""Times a plain copy that writing or reading a shard may take."""
LEAST_IMAGES = 20_000
"""A second, at random, from the page cache."""


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (FACES, VARIANTS, SIDE, SIDE, 3)).astype(np.uint8)


def write(path: Path, images: np.ndarray) -> None:
    """As `render_pairs` does: a face at a time, hashed, to a temporary name."""
    sizes = {**SIZES, "item": len(images), "variant": VARIANTS, "params": 30, "identity": 60}
    rest = {
        name: np.zeros([sizes[axis] for axis in axes], dtype)
        for name, (dtype, axes) in LAYOUTS["paired"].items()
        if dtype != "S" and name != "images"
    }
    ids, nobody = [f"set/{n}" for n in range(len(images))], [""] * len(images)
    texts = {"id": ids, "person": nobody, "variants": [f"v{n}" for n in range(VARIANTS)]}
    with new_shard(path, "paired", {"images": images.shape}) as shard:
        for face in images:
            shard.append("images", face)
        shard.finish({**rest, **texts}, {})


def write_plain(path: Path, images: np.ndarray) -> None:
    with path.open("wb", buffering=0) as stream:
        for face in images:
            stream.write(face.data)


def copy(source: Path, target: Path) -> None:
    piece = bytearray(VARIANTS * SIDE * SIDE * 3)
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while count := reading.readinto(piece):
            writing.write(memoryview(piece)[:count])


def digest(images: np.ndarray) -> str:
    made = xxh3_128()
    for face in images:
        made.update(face)
    return made.hexdigest()


def read_mapped(path: Path, out: np.ndarray) -> None:
    for face in read_shard(path, "paired")["images"]:
        out[:] = face


def read_plain(path: Path, out: np.ndarray) -> None:
    with path.open("rb", buffering=0) as stream:
        while stream.readinto(out.data):
            pass


def turns(*works: Callable[[], object], made: Iterable[Path] = ()) -> list[float]:
    """Least wall time of each, the rounds taking turns; what they made is removed before each, untimed."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for place, work in enumerate(works):
            for path in made:
                path.unlink(missing_ok=True)
            start = time.perf_counter()
            work()
            spent[place].append(time.perf_counter() - start)
    return [min(seconds) for seconds in spent]


@pytest.mark.benchmark
def test_shards_are_as_fast_as_plain_files(images, tmp_path):
    shard, plain, *new = (tmp_path / name for name in ("shard.h5", "plain.bin", "new.h5", "new.bin"))
    out = np.empty(images.shape[1:], np.uint8)
    write_plain(plain, images)
    write(shard, images)
    works = {
        "plain copy": lambda: copy(plain, new[1]),
        "write a shard": lambda: write(new[0], images),
        "write, no digest": lambda: write_plain(new[1], images),
        "digest alone": lambda: digest(images),
        "read a shard": lambda: read_mapped(shard, out),
        "read a file": lambda: read_plain(plain, out),
    }
    spent = dict(zip(works, turns(*works.values(), made=new), strict=True))
    gigabytes = images.nbytes / 1e9
    print(
        f"\n{FACES} faces of {VARIANTS} pictures of {SIDE} x {SIDE}: {gigabytes:.2f} GB, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':18}{'GB/s':>8}{'times a copy':>14}")
    for name, seconds in spent.items():
        print(f"{name:18}{gigabytes / seconds:8.2f}{seconds / spent['plain copy']:14.2f}")
    assert max(spent["write a shard"], spent["read a shard"]) < MOST * spent["plain copy"]


@pytest.mark.benchmark
def test_random_images_from_the_page_cache(images, tmp_path):
    write(tmp_path / "shard.h5", images)
    stored = read_shard(tmp_path / "shard.h5", "paired")["images"]
    random = np.random.default_rng(1)
    places = list(zip(random.integers(0, FACES, 20_000), random.integers(0, VARIANTS, 20_000), strict=True))
    out = np.empty((SIDE, SIDE, 3), np.uint8)

    def fetch() -> None:
        for place in places:
            out[:] = stored[place]

    fetch()
    (seconds,) = turns(fetch)
    rate = len(places) / seconds
    print(f"\nrandom {SIDE} x {SIDE} images copied out of a mapped shard, one process: {rate:,.0f} a second")
    assert rate > LEAST_IMAGES and os.path.getsize(tmp_path / "shard.h5") > images.nbytes
