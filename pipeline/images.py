"""Reading photos that anybody may have made: 8-bit RGB as it should be looked at, or a reason why not."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from models3d.errors import InputError, UnusableDatum
from pipeline.photo_tables import Photo
from pipeline.provenance import file_digest

FORMATS = ("JPEG", "PNG", "WEBP", "PPM")
PAPER = (255, 255, 255)
"""What shows through where a photo is transparent."""

MOST_SCANS = 100
"""Of a JPEG: a progressive one has some ten, and each costs a pass over all pixels, however few its bytes are."""

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""JPEG's (ITU-T T.81, B.1.1): what a stuffed byte or a restart between coefficients is not."""
_SCAN, _END = 0xDA, 0xD9

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation (CIPA DC-008, 4.6.4) to what turns the stored picture upright."""

_DEEP_GREY = ("I", "I;16", "I;16B")
_CONVERTIBLE = ("1", "L", "P", "CMYK")
_TRANSPARENT = ("LA", "RGBA")


def read_photo(path: Path, max_pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    """Decode one JPEG, PNG, WebP or PPM, the first frame of several, turned as its EXIF says.

    The size in the header is held against `max_pixels` before any pixel is decoded. 16-bit values are scaled to
    8 bits, transparent parts lie on white, CMYK and palettes become RGB; colour profiles are not applied.
    Raises UnusableDatum with the reason, in plain words, whatever the file holds.
    """
    if not os.path.isfile(path):  # nor what must not be opened: a folder, a pipe
        raise UnusableDatum("missing file")
    if path.stat().st_size == 0:
        raise UnusableDatum("empty file (0 bytes)")
    return _decoded(path, max_pixels)


def decode_photo(content: bytes, max_pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    """`read_photo` of a file that is in memory."""
    if not content:
        raise UnusableDatum("empty file (0 bytes)")
    return _decoded(BytesIO(content), max_pixels)


def _decoded(source: Path | BytesIO, max_pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    try:
        with _quiet_and_unlimited(), Image.open(source, formats=FORMATS) as image:
            _check_size(image, max_pixels)
            _check_scans(image, source)
            return _rgb(_upright(image))
    except UnusableDatum:
        raise
    except UnidentifiedImageError as error:
        raise UnusableDatum("not a JPEG, PNG, WebP or PPM image, or broken from its start") from error
    except Exception as error:  # decoders raise whatever broken bytes lead them to: OSError, SyntaxError, struct.error
        raise UnusableDatum(f"cannot be decoded ({error or type(error).__name__})") from error


def read_indexed(photo: Photo) -> UInt8[np.ndarray, "h w 3"]:
    """A photo of an index. Raises InputError if it is not the one that was indexed."""
    path = Path(photo.path)
    if not path.is_file() or file_digest(path) != photo.digest:
        raise InputError(path, "changed since it was indexed", "run the workflow again, which indexes it anew")
    return read_photo(path, photo.width * photo.height)


@contextmanager
def _quiet_and_unlimited() -> Iterator[None]:
    """Keep Pillow's warnings in, and its own limit on pixels off: `_check_size` names the size and can allow more."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UnusableDatum(f"claims {width} x {height} pixels, more than {max_pixels}")


def _check_scans(image: Image.Image, source: Path | BytesIO) -> None:
    if not isinstance(image, JpegImageFile):
        return
    scans = _scans(source.read_bytes() if isinstance(source, Path) else source.getvalue())
    if scans > MOST_SCANS:
        raise UnusableDatum(f"{scans} scans of all pixels, more than {MOST_SCANS}")


def _scans(data: bytes) -> int:
    """How often a JPEG goes over its pixels; what lies in a segment (a thumbnail) or behind the end does not count."""
    scans, at = 0, 2
    while (found := _MARKER.search(data, at)) and (kind := data[found.start() + 1]) != _END:
        scans += kind == _SCAN
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return scans


def _upright(image: Image.Image) -> Image.Image:
    method = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """Any mode that the four formats give, as 8-bit RGB."""
    if image.mode in _DEEP_GREY:  # Pillow's own conversion clips at 255
        image.load()
        grey = (np.asarray(image, np.uint32) + 128) // 257
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, (*PAPER, 255))
        return np.array(Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB"))
    if image.mode == "RGB":
        return np.array(image)
    if image.mode in _CONVERTIBLE:
        return np.array(image.convert("RGB"))
    raise UnusableDatum(f"colours of mode '{image.mode}', which is not supported")
