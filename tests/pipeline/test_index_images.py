"""Candidates become photos or rejects, each with its reason."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models3d.errors import InputError
from pipeline.files import Reject, read_rejects, write_table
from pipeline.index_images import run
from pipeline.photo_tables import Candidate, Photo, read_index
from pipeline.provenance import file_digest
from pipeline.settings.photos import IndexImages


def index(folder: Path, names: list[str], max_reject_rate: float = 1.0) -> tuple[list[Photo], list[Reject]]:
    """The stage on the photos of a folder; an empty name is a candidate without a file."""
    rows = [Candidate(f"mine/{name}", name and str(folder / name), "", "ann", "") for name in names]
    write_table(folder / "listing.csv", Candidate._fields, rows)
    outputs = {"index": folder / "index.csv", "rejects": folder / "index.rejects.csv"}
    run({"listing": folder / "listing.csv"}, outputs, IndexImages(1_000_000, max_reject_rate))
    return read_index(outputs["index"]), read_rejects(outputs["rejects"])


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three different photos, one of them lying on its side, and a copy."""
    for shade, name in enumerate(("a.png", "b.png", "turned.jpg")):
        exif = Image.Exif()
        exif[0x0112] = 6 if name == "turned.jpg" else 1
        Image.fromarray(np.full((20, 30, 3), shade * 50, np.uint8)).save(tmp_path / name, exif=exif)
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    return tmp_path


def test_a_photo_is_described(photos):
    [first, turned], rejects = index(photos, ["a.png", "turned.jpg"])
    assert rejects == []
    assert first == Photo("mine/a.png", str(photos / "a.png"), "", "ann", file_digest(photos / "a.png"), 30, 20)
    assert (turned.width, turned.height) == (20, 30), "as it is looked at"


def test_bad_photos_become_rows(photos):
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.jpg").write_text("a list of things to buy")
    whole = (photos / "turned.jpg").read_bytes()
    (photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    good, rejects = index(photos, ["empty.jpg", "a.png", "text.jpg", "truncated.jpg", "gone.jpg", "", "b.png"])
    assert [photo.id for photo in good] == ["mine/a.png", "mine/b.png"]
    assert all(reject.stage == "index_images" for reject in rejects)
    reasons = {reject.id: reject.reason for reject in rejects}
    assert list(reasons) == ["mine/empty.jpg", "mine/text.jpg", "mine/truncated.jpg", "mine/gone.jpg", "mine/"]
    assert reasons["mine/empty.jpg"] == "empty file (0 bytes)"
    assert reasons["mine/gone.jpg"] == "missing file"
    assert reasons["mine/text.jpg"].startswith("not a JPEG, PNG, WebP or PPM image")
    assert reasons["mine/truncated.jpg"].startswith("cannot be decoded")
    assert reasons["mine/"].startswith("its URL names no file")


def test_the_same_content_twice_is_used_once(photos):
    good, [reject] = index(photos, ["b.png", "a.png", "copy.png"])
    assert [photo.id for photo in good] == ["mine/b.png", "mine/a.png"]
    assert reject == Reject("mine/copy.png", "index_images", "same content as mine/a.png")


def test_too_many_rejects_stop_the_job(photos):
    names = ["a.png", "gone.jpg", "lost.jpg", "b.png"]
    assert len(index(photos, names, max_reject_rate=0.5)[1]) == 2
    with pytest.raises(InputError, match=r"listing\.csv: 2 of 4 were rejected, 2 of them because: missing file.*0\.49"):
        index(photos, names, max_reject_rate=0.49)


def test_an_empty_shard_is_no_failure(photos):
    assert index(photos, [], max_reject_rate=0.0) == ([], [])
