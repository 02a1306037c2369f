"""Photos in the four formats, and the landmarks beside them."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from models3d.readers.scan_landmarks import read_scan_landmarks
from pipeline.detect_landmarks import read_landmarks
from pipeline.images import read_photo
from tests.fuzz.packing import png_repaired
from tests.fuzz.subject import Subject, Valid

MOST_PIXELS = 50_000_000
ORIENTATION = 0x0112
POINTS = np.random.default_rng(3).uniform(10, 90, (68, 3)).round(3)


def picture(mode: str, side: int = 48) -> Image.Image:
    y, x = np.mgrid[:side, :side]
    base = np.stack([4 * x, 4 * y, 255 - 2 * (x + y)], axis=-1).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(base[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(base).convert(mode)


def encoded(mode: str, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture(mode).save(stream, format=kind, **options)
    return stream.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return exif


def scans(count: int, side: int) -> bytes:
    """A progressive JPEG whose last scan stands there many times over."""
    stream = io.BytesIO()
    Image.new("RGB", (side, side), (90, 120, 60)).save(stream, format="JPEG", progressive=True)
    whole = stream.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * count + b"\xff\xd9"


def make_jpeg(made: Path, secret: Path) -> list[Valid]:
    contents = [
        encoded("RGB", "JPEG"),
        encoded("RGB", "JPEG", progressive=True, exif=turned()),
        encoded("CMYK", "JPEG"),
        encoded("L", "JPEG", icc_profile=bytes(200), comment=b"a photo"),
    ]
    return [*(Valid("a.jpg", content) for content in contents), Valid("a.jpg", scans(2000, 1000), hostile=True)]


def make_png(made: Path, secret: Path) -> list[Valid]:
    contents = [encoded(mode, "PNG") for mode in ("RGB", "RGBA", "P", "LA", "1", "I;16")]
    contents += [encoded("P", "PNG", transparency=3, exif=turned()), encoded("RGB", "PNG", compress_level=0)]
    return [Valid("a.png", content, pack) for content in contents for pack in (png_repaired, bytes)]


def make_webp(made: Path, secret: Path) -> list[Valid]:
    frames = {"save_all": True, "append_images": [picture("RGB").rotate(90)]}
    contents = [
        encoded("RGB", "WEBP"),
        encoded("RGBA", "WEBP", lossless=True),
        encoded("RGB", "WEBP", exif=turned()),
        encoded("RGB", "WEBP", **frames),
    ]
    return [Valid("a.webp", content) for content in contents]


def make_ppm(made: Path, secret: Path) -> list[Valid]:
    plain = b"P3\n# said\n4 3\n255\n" + b" ".join(str(n * 7).encode() for n in range(36)) + b"\n"
    contents = [encoded(mode, "PPM") for mode in ("RGB", "L", "1")]
    deep = b"P6 4 4 65535 " + bytes(96)
    return [Valid("a.ppm", content) for content in (*contents, plain, deep)]


def ljson(version: int, columns: int) -> bytes:
    group = {"landmarks": {"points": POINTS[:, :columns].tolist(), "connectivity": [[0, 1]]}, "labels": []}
    if version == 2:
        group["labels"] = [{"label": "all", "mask": list(range(68))}]
        return json.dumps({"version": 2, **group}).encode()
    return json.dumps({"version": 3, "groups": {"LJSON": group}}).encode()


def pts(columns: int) -> bytes:
    rows = "\n".join(" ".join(map(str, row)) for row in POINTS[:, :columns])
    return f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n".encode()


def make_marks(made: Path, secret: Path) -> list[Valid]:
    return [Valid("a.pts", pts(2)), Valid("a.ljson", ljson(2, 2)), Valid("a.ljson", ljson(3, 2))]


def make_scan_marks(made: Path, secret: Path) -> list[Valid]:
    return [Valid("a.pts", pts(3)), Valid("a.ljson", ljson(2, 3)), Valid("a.ljson", ljson(3, 3))]


SUBJECTS = {
    **{
        name: Subject(lambda path: read_photo(path, MOST_PIXELS), make)
        for name, make in (("jpeg", make_jpeg), ("png", make_png), ("webp", make_webp), ("ppm", make_ppm))
    },
    "photo_landmarks": Subject(read_landmarks, make_marks),
    "scan_landmarks": Subject(lambda path: read_scan_landmarks(path.with_suffix(".ply")), make_scan_marks),
}
