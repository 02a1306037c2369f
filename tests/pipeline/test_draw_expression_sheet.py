import numpy as np
import pytest
from PIL import Image

from models3d.errors import InputError
from pipeline import draw_expression_sheet, render_pairs
from pipeline.settings.paired import DrawExpressionSheet
from pipeline.shards import read_shard
from tests.pipeline.paired_people import PAIRS, outputs
from tests.warped_people import write_fits, write_people

GAP, SIDE = 4, 64


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet")
    render_pairs.run(write_people(folder), outputs(folder / "paired"), PAIRS)
    draw_expression_sheet.run(
        {"shards": [folder / "paired/00001.h5"]}, {"sheet": folder / "sheet.png"}, DrawExpressionSheet(2, 3)
    )
    return folder


def tile_at(sheet, row, column):
    top, left = GAP + row * (SIDE + GAP), GAP + column * (SIDE + GAP)
    return sheet[top : top + SIDE, left : left + SIDE]


def test_a_framed_photo_stands_before_its_expressions(made):
    sheet, shard = np.array(Image.open(made / "sheet.png")), read_shard(made / "paired/00001.h5", "paired")
    assert sheet.shape == (GAP + 4 * (SIDE + GAP), GAP + 3 * (SIDE + GAP), 3), "two faces of two lines"
    for line, row in ((0, 0), (2, 2)):
        framed = tile_at(sheet, line, 0)
        assert (framed[0] == draw_expression_sheet.RED).all() and (framed[:, -1] == draw_expression_sheet.RED).all()
        np.testing.assert_array_equal(framed[4:-4, 4:-4], shard["images"][row, 0, 4:-4, 4:-4])
        np.testing.assert_array_equal(tile_at(sheet, line, 1), shard["images"][row, 2])
        np.testing.assert_array_equal(tile_at(sheet, line + 1, 1), shard["images"][row, 5])
        assert (tile_at(sheet, line + 1, 2) == 255).all(), "the rest of the line is blank"


def test_the_same_bytes_twice(made, tmp_path):
    draw_expression_sheet.run(
        {"shards": [made / "paired/00001.h5"]}, {"sheet": tmp_path / "sheet.png"}, DrawExpressionSheet(2, 3)
    )
    assert (tmp_path / "sheet.png").read_bytes() == (made / "sheet.png").read_bytes()


@pytest.mark.parametrize(("count", "wanted", "chosen"), [(10, 3, [0, 4, 9]), (2, 5, [0, 1]), (5, 1, [0])])
def test_faces_are_spread_over_all(count, wanted, chosen):
    assert draw_expression_sheet.choose(count, wanted) == chosen


def test_a_dataset_without_faces_is_refused(made, tmp_path):
    write_fits(tmp_path / "00001.h5", range(0))
    inputs = {"index": made / "index.csv", "model": made / "model.h5", "fits": tmp_path / "00001.h5"}
    render_pairs.run(inputs, outputs(tmp_path / "empty"), PAIRS)
    with pytest.raises(InputError, match="no faces to draw"):
        draw_expression_sheet.run(
            {"shards": [tmp_path / "empty/00001.h5"]}, {"sheet": tmp_path / "set.png"}, DrawExpressionSheet(2, 3)
        )
