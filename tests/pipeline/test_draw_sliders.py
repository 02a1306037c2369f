from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models3d.errors import InputError
from models3d.readers.native import write_model
from pipeline import draw_sliders
from pipeline.settings.paired import DrawSliders
from tests.warped_people import COUNT, crowd, write_fits, write_people

SETTINGS = DrawSliders(size_px=64, face_scale=0.7, faces=2, sliders=3, steps=5)
GAP, WIDTH, HEIGHT = 4, 64, 80


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("sliders"))


def test_a_row_a_slider_and_the_same_face_where_it_rests(inputs, tmp_path):
    draw_sliders.run(inputs, {"sheet": tmp_path / "sheet.png"}, SETTINGS)
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (GAP + 6 * (HEIGHT + GAP), GAP + 5 * (WIDTH + GAP), 3)

    def picture(row, column):
        top, left = GAP + row * (HEIGHT + GAP), GAP + column * (WIDTH + GAP)
        return sheet[top : top + WIDTH, left : left + WIDTH]

    # jaw_open rests at its lower end, jaw_left and jaw_forward in the middle of theirs
    np.testing.assert_array_equal(picture(0, 0), picture(1, 2))
    np.testing.assert_array_equal(picture(1, 2), picture(2, 2))
    assert (picture(0, 4) != picture(0, 0)).any() and (picture(3, 0) != picture(0, 0)).any()


def test_sliders_go_from_bound_to_bound():
    model = crowd().model
    one_sided, two_sided = draw_sliders.sweep(model, 0, 5), draw_sliders.sweep(model, 1, 5)
    np.testing.assert_allclose(one_sided[:, 0], [0, 0.75, 1.5, 2.25, 3])
    np.testing.assert_allclose(two_sided[:, 1], [-3, -1.5, 0, 1.5, 3])
    assert np.count_nonzero(one_sided) == 4 and np.count_nonzero(two_sided) == 4


def test_more_faces_and_sliders_than_there_are(inputs, tmp_path):
    draw_sliders.run(inputs, {"sheet": tmp_path / "sheet.png"}, replace(SETTINGS, faces=9, sliders=999, steps=2))
    rows = COUNT * len(crowd().model.expression)
    assert Image.open(tmp_path / "sheet.png").size == (GAP + 2 * (WIDTH + GAP), GAP + rows * (HEIGHT + GAP))


def test_what_cannot_be_drawn_is_refused(inputs, tmp_path):
    write_fits(tmp_path / "00001.h5", range(0))
    with pytest.raises(InputError, match="no faces to draw"):
        draw_sliders.run({**inputs, "fits": tmp_path / "00001.h5"}, {"sheet": tmp_path / "set.png"}, SETTINGS)
    model = replace(crowd().model, mean_mm=crowd().model.mean_mm + np.float32(1))
    write_model(tmp_path / "other.h5", model)
    with pytest.raises(InputError, match="another model"):
        draw_sliders.run({**inputs, "model": tmp_path / "other.h5"}, {"sheet": tmp_path / "set.png"}, SETTINGS)
