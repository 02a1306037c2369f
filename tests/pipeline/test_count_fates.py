import json
import re

import numpy as np
import pytest
from PIL import Image

from pipeline.count_fates import by_reason, run
from pipeline.files import Reject, write_rejects, write_table
from pipeline.photo_tables import Candidate
from pipeline.settings.dataset import CountFates

SETTINGS = CountFates(thumbnails=2, tile_px=40, max_pixels=1_000_000)
REJECTS = [
    Reject("a/0.png", "fit_faces", "residual 0.31 is more than 0.1"),
    Reject("a/1.png", "fit_faces", "residual 0.12 is more than 0.1"),
    Reject("a/2.png", "fit_faces", "residual 0.22 is more than 0.1"),
    Reject("a/3.png", "index_images", "<b>empty</b> file"),
    Reject("m/0.ply", "project_meshes", "too far from the model"),
]


@pytest.fixture
def page(tmp_path):
    rows = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((100, 50, 3), 40 * number, np.uint8)).save(path)
        rows.append(Candidate(f"a/{number}.png", str(path), "", "", ""))
    (tmp_path / "3.png").write_bytes(b"")
    write_table(tmp_path / "listings/a/00001.csv", Candidate._fields, rows[:3])
    write_table(tmp_path / "listings/a/00002.csv", Candidate._fields, rows[3:])
    write_table(tmp_path / "meshes/m/00001.csv", ["id"], [["m/0.ply"], ["m/1.ply"]])
    write_rejects(tmp_path / "rejects.csv", REJECTS)
    shards = [{"kind": "annotated", "dataset": "a", "items": items} for items in (0, 1)]
    (tmp_path / "dataset.json").write_text(json.dumps({"shards": shards}))
    inputs = {"photos": sorted(tmp_path.glob("listings/a/*.csv")), "meshes": [tmp_path / "meshes/m/00001.csv"]}
    inputs |= {"dataset": tmp_path / "dataset.json", "rejects": tmp_path / "rejects.csv"}
    run(inputs, {"page": tmp_path / "fates.html"}, SETTINGS)
    return (tmp_path / "fates.html").read_text()


def rows_of(page):
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    return [row for row in cells if row]


def test_candidates_and_losses_are_counted(page):
    assert ["photos", "a", "5", "3", "1", "0"] in rows_of(page)
    assert ["meshes", "m", "2", "0", "0", "1"] in rows_of(page)
    assert ["annotated", "a", "2", "1"] in rows_of(page)


def test_the_first_rejects_of_a_reason_are_shown(page):
    assert "fit_faces: residual # is more than # (3)" in page
    assert page.count("<figure") == 2 and "a/0.png: residual 0.31" in page and "a/2.png" not in page
    assert "data:image/webp" in page and "://" not in page


def test_what_cannot_be_decoded_is_text(page):
    assert "<p>a/3.png: &lt;b&gt;empty&lt;/b&gt; file</p>" in page
    assert "<p>m/0.ply: too far from the model</p>" in page


def test_reasons_that_differ_in_numbers_are_one():
    groups = dict(by_reason(REJECTS))
    assert [reject.id for reject in groups["fit_faces", "residual # is more than #"]] == [
        "a/0.png",
        "a/1.png",
        "a/2.png",
    ]


def test_nothing_lost_is_said(tmp_path):
    write_rejects(tmp_path / "rejects.csv", [])
    (tmp_path / "dataset.json").write_text('{"shards": []}')
    inputs = {"photos": [], "dataset": tmp_path / "dataset.json", "rejects": tmp_path / "rejects.csv"}
    run(inputs, {"page": tmp_path / "fates.html"}, SETTINGS)
    assert "Nothing was rejected." in (tmp_path / "fates.html").read_text()
