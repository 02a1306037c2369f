"""Values of sliders from text."""

import numpy as np
import pytest

from models3d.errors import InputError
from pipeline.edit.slider_values import Slider, read_values, read_values_file, sliders_of, with_values
from pipeline.gan.editing import read_editor
from pipeline.sliders.saving import values_csv
from tests.pipeline.tiny_checkpoint import BOUNDS, NAMES, write_checkpoint

SLIDERS = tuple(Slider(name, *bounds) for name, bounds in zip(NAMES, BOUNDS, strict=True))


def test_names_stand_for_sliders_and_for_both_sides():
    assert read_values(["jaw_open=0.6", "smile=.5", "jaw_left=-1"], SLIDERS) == {
        "jaw_open": 0.6, "smile_left": 0.5, "smile_right": 0.5, "jaw_left": -1.0,
    }  # fmt: skip
    assert read_values(["smile=1", "smile_left=0"], SLIDERS)["smile_left"] == 0, "the later one holds"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jaw_opn=1", "--set jaw_opn: there is no such slider. Did you mean 'jaw_open'?"),
        ("smil=1", "Did you mean 'smile'?"),
        ("jaw_open", "is not a name and a number. Write it as jaw_open=0.6"),
        ("jaw_open=much", "is not a name and a number"),
        ("jaw_open=nan", "is not a name and a number"),
        ("jaw_open=1.5", r"is beyond its slider. Keep it within \[0, 1\]"),
        ("jaw_open=-0.1", r"within \[0, 1\]"),
        ("jaw_left=-2", r"within \[-1, 1\]"),
    ],
)
def test_what_cannot_be_set_is_told(text, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        read_values([text], SLIDERS)


def test_values_that_the_page_saved_come_back(tmp_path):
    params = np.array([0.25, 0, 1, -0.5], np.float32)
    (tmp_path / "sliders.csv").write_bytes(values_csv(NAMES, params))
    np.testing.assert_allclose([*read_values_file(tmp_path / "sliders.csv", SLIDERS).values()], params)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"other\.csv: is no table of values"):
        read_values_file(tmp_path / "other.csv", SLIDERS)
    (tmp_path / "bytes.csv").write_bytes(b"name,value\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="is no table of values"):
        read_values_file(tmp_path / "bytes.csv", SLIDERS)
    with pytest.raises(InputError, match="is missing"):
        read_values_file(tmp_path / "gone.csv", SLIDERS)


def test_values_replace_parameters_within_their_sliders():
    start = np.array([-0.4, 0.2, 0.9, -0.5], np.float32)
    np.testing.assert_allclose(with_values(start, {"smile_left": 0.7}, SLIDERS), [0, 0.7, 0.9, -0.5])


def test_sliders_reach_as_far_as_their_components(tmp_path):
    editor = read_editor(write_checkpoint(tmp_path / "c.pt"), "off")
    assert sliders_of(editor.description) == SLIDERS
    units = editor.description._replace(names=("AU01_r", "AU02_r", "AU04_r", "AU05_r"))
    assert {(slider.low, slider.high) for slider in sliders_of(units)} == {(0.0, 1.0)}
