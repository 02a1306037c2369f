"""The picture of a model's components: its size, what it shows, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models3d.errors import InputError
from models3d.face_model import empty_basis
from models3d.readers.native import write_model
from pipeline.draw_components import component_pictures, portrait, run
from pipeline.files import write_table
from pipeline.settings.models import DrawComponents
from tests.mesh_sequences import mask_model

SETTINGS = DrawComponents(steps=5, tile_px=96)


def table(path, names):
    write_table(path, ("component", "share_of_variance", "share_of_face"), [(name, 0.25, 0.1) for name in names])
    return path


def test_a_row_a_component(tmp_path):
    model = mask_model()
    write_model(tmp_path / "m.h5", model)
    inputs = {"model": tmp_path / "m.h5", "components": table(tmp_path / "t.csv", model.expression.names)}
    run(inputs, {"sheet": tmp_path / "a.png"}, SETTINGS)
    run(inputs, {"sheet": tmp_path / "b.png"}, SETTINGS)
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape == (2 * (96 + 4 + 14) + 3 * 6, 2 * (6 * 98 + 2) + 3 * 6, 3), "two rows side by side"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_steps_differ_where_the_component_acts():
    model = mask_model()
    *steps, heat = component_pictures(model, 0, portrait(model, 96), SETTINGS)
    assert len(steps) == 5 and all(step.shape == (96, 96, 3) for step in steps)
    change = np.abs(steps[0].astype(int) - steps[4])
    assert change[:48].max() > 8 and not change[64:].any()
    red = heat[..., 0].astype(int) - heat[..., 2]
    rows, columns = np.nonzero(red > 60)
    assert rows.mean() < 40 and columns.mean() < 40, "the right brow: at the top, on the left of the picture"
    np.testing.assert_array_equal(heat[64:], steps[2][64:], "what rests is clay")


def test_models_that_cannot_be_drawn(tmp_path):
    model = mask_model()
    write_model(tmp_path / "m.h5", model)
    inputs = {"model": tmp_path / "m.h5", "components": table(tmp_path / "t.csv", ["other"])}
    with pytest.raises(InputError, match="is not the table of 'mask'"):
        run(inputs, {"sheet": tmp_path / "a.png"}, SETTINGS)
    write_model(tmp_path / "m.h5", replace(model, expression=empty_basis(len(model.mean_mm))))
    with pytest.raises(InputError, match="no expression components"):
        run(inputs, {"sheet": tmp_path / "a.png"}, SETTINGS)
