"""Photos as anybody may have made them: every kind that is read, every way of being broken."""

import os
import struct
import warnings

import numpy as np
import pytest
from bad_files import png_that_claims
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from models3d.errors import InputError, UnusableDatum
from pipeline.images import MOST_SCANS, decode_photo, read_indexed, read_photo
from pipeline.photo_tables import Photo
from pipeline.provenance import file_digest

MANY = 10_000_000


def smooth(height: int = 40, width: int = 60) -> np.ndarray:
    """A picture that JPEG hardly changes, and of which no flip or turn is like another."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 4, y * 6, 128 + 2 * x - 2 * y], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "ppm", "webp", "jpg"])
def test_the_four_formats(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(smooth()).save(path, lossless=True, quality=95)
    tolerance = 12 if suffix == "jpg" else 0
    assert np.abs(read_photo(path, MANY).astype(int) - smooth()).max() <= tolerance
    np.testing.assert_array_equal(decode_photo(path.read_bytes(), MANY), read_photo(path, MANY))


def test_photos_in_memory_fail_as_files_do():
    for content, message in (
        (b"", "empty file"),
        (b"no photo", "not a JPEG"),
        (b"\xff\xd8\xff\xe0", "not a JPEG|decoded"),
    ):
        with pytest.raises(UnusableDatum, match=message):
            decode_photo(content, MANY)
    with pytest.raises(UnusableDatum, match="more than 100"):
        decode_photo(png_that_claims(4000, 4000), 100)


def test_the_name_does_not_decide_the_format(tmp_path):
    Image.fromarray(smooth()).save(tmp_path / "photo.png")
    (tmp_path / "photo.png").rename(tmp_path / "photo.jpg")
    assert np.array_equal(read_photo(tmp_path / "photo.jpg", MANY), smooth())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_photo_is_turned_upright(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(smooth()).save(path, exif=exif, lossless=True)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read_photo(path, MANY), expected)


def of_one_colour(mode: str, colour: object, **save: object):
    return lambda path: Image.new(mode, (5, 4), colour).save(path, **save)


def palette(transparent: bool):
    def save(path):
        image = Image.new("P", (5, 4), 1)
        image.putpalette([0, 0, 0, 10, 20, 30])
        image.save(path, **({"transparency": 1} if transparent else {}))

    return save


@pytest.mark.parametrize(
    ("name", "save", "colour"),
    [
        ("grey.png", of_one_colour("L", 77), (77, 77, 77)),
        ("bits.png", of_one_colour("1", 1), (255, 255, 255)),
        ("bits.pbm", of_one_colour("1", 0), (0, 0, 0)),
        ("deep_grey.png", of_one_colour("I;16", 77 * 257 + 100), (77, 77, 77)),
        ("deep_grey.pgm", of_one_colour("I", 77 * 257), (77, 77, 77)),
        ("palette.png", palette(transparent=False), (10, 20, 30)),
        ("palette.png", palette(transparent=True), (255, 255, 255)),
        ("keyed.png", of_one_colour("RGB", (1, 2, 3), transparency=(1, 2, 3)), (255, 255, 255)),
        ("solid.png", of_one_colour("RGBA", (10, 20, 30, 255)), (10, 20, 30)),
        ("half.png", of_one_colour("RGBA", (10, 20, 30, 51)), (206, 208, 210)),
        ("half.webp", of_one_colour("RGBA", (10, 20, 30, 51), lossless=True, exact=True), (206, 208, 210)),
        ("grey_half.png", of_one_colour("LA", (10, 51)), (206, 206, 206)),
        ("ink.jpg", of_one_colour("CMYK", (255, 0, 0, 0), quality=100), (0, 255, 255)),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(tmp_path, name, save, colour):
    save(tmp_path / name)
    photo = read_photo(tmp_path / name, MANY)
    assert photo.shape == (4, 5, 3) and photo.dtype == np.uint8
    assert np.abs(photo.astype(int) - colour).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_of_several_frames_the_first_is_read(tmp_path, suffix):
    first, second = Image.fromarray(smooth()), Image.fromarray(255 - smooth())
    first.save(tmp_path / f"moving.{suffix}", save_all=True, append_images=[second], lossless=True)
    assert np.array_equal(read_photo(tmp_path / f"moving.{suffix}", MANY), smooth())


@pytest.mark.parametrize("suffix", ["png", "ppm", "webp", "jpg"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_photo_is_unusable(tmp_path, suffix, share):
    path = tmp_path / f"photo.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UnusableDatum, match=r"cannot be decoded \(.*\)|not a JPEG"):
        read_photo(path, MANY)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", r"empty file \(0 bytes\)"),
        ("text.jpg", b"a list of things to buy", "not a JPEG, PNG, WebP or PPM image"),
        ("huge.png", png_that_claims(60_000, 60_000), "claims 60000 x 60000 pixels, more than 10000000"),
        ("large.png", png_that_claims(4000, 4000), "claims 4000 x 4000 pixels, more than 10000000"),
        ("large.ppm", b"P6 4000 4000 255\n", "claims 4000 x 4000 pixels, more than 10000000"),
        ("pixelless.png", png_that_claims(100, 100), r"cannot be decoded \(.*truncated"),
        ("headless.png", png_that_claims(10, 10)[:30], "not a JPEG, PNG, WebP or PPM image, or broken from its start"),
        ("flat.png", png_that_claims(0, 10), "cannot be decoded|not a JPEG"),
        ("floats.ppm", b"Pf 1 1 -1.0\n" + struct.pack("<f", 0.5), "colours of mode 'F'"),
        ("moving.jpg", b"GIF89a" + bytes(40), "not a JPEG, PNG, WebP or PPM image"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnusableDatum, match=reason):
        read_photo(tmp_path / name, MANY)


def test_a_jpeg_that_goes_over_its_pixels_again_and_again(tmp_path):
    """A scan of a few bytes costs a pass over all of them. Those of a thumbnail are not the picture's."""
    Image.fromarray(smooth()).save(tmp_path / "photo.jpg", progressive=True)
    whole = (tmp_path / "photo.jpg").read_bytes()
    last = whole.rindex(b"\xff\xda")
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 3 * MOST_SCANS) + b"\xff\xda." * MOST_SCANS
    (tmp_path / "photo.jpg").write_bytes(whole[:2] + comment + whole[2:])
    assert read_photo(tmp_path / "photo.jpg", MANY).shape == smooth().shape
    (tmp_path / "photo.jpg").write_bytes(whole[:-2] + whole[last:-2] * MOST_SCANS + whole[-2:])
    with pytest.raises(UnusableDatum, match=f"scans of all pixels, more than {MOST_SCANS}"):
        read_photo(tmp_path / "photo.jpg", MANY)


def test_only_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", ".", "nowhere.jpg", "x" * 300):
        with pytest.raises(UnusableDatum, match="missing file"):
            read_photo(tmp_path / name, MANY)


def test_pillow_warns_nobody(tmp_path):
    path = tmp_path / "large.png"  # Pillow itself warns of a decompression bomb from 89 million pixels on
    path.write_bytes(png_that_claims(10_000, 10_000))
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(action="error"), pytest.raises(UnusableDatum, match="cannot be decoded"):
        read_photo(path, 100_000_000)
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("whole")
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix, save in {"jpg": {"exif": exif}, "png": {"exif": exif}, "webp": {}, "ppm": {}}.items():
        Image.fromarray(smooth(16, 24)).save(folder / f"photo.{suffix}", **save)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@settings(max_examples=300, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_files_are_read_or_unusable(tmp_path, whole_files, data):
    content = bytearray(data.draw(st.sampled_from(whole_files)))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = tmp_path / "mutated"
    path.write_bytes(content)
    try:
        photo = read_photo(path, 100_000)
    except UnusableDatum as error:
        assert str(error)
    else:
        assert photo.dtype == np.uint8 and photo.shape[2] == 3 and photo.size <= 300_000


def test_a_photo_that_changed_since_it_was_indexed_stops_the_job(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(smooth()).save(path)
    photo = Photo("mine/photo.png", str(path), "", "", file_digest(path), 60, 40)
    assert np.array_equal(read_indexed(photo), smooth())
    Image.fromarray(255 - smooth()).save(path)
    with pytest.raises(InputError, match=r"photo\.png: changed since it was indexed"):
        read_indexed(photo)
    path.unlink()
    with pytest.raises(InputError, match="changed since it was indexed"):
        read_indexed(photo)
