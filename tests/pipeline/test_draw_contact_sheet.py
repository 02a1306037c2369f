import numpy as np
import pytest
import torch
from PIL import Image

from models3d.errors import InputError
from pipeline import fit_faces
from pipeline.draw_contact_sheet import FACE_SHARE, choose, overlay, read_fits, run, surrounding
from pipeline.settings.photos import DrawContactSheet
from tests.pipeline.fitted_photos import FIT, fit_inputs, fit_outputs, write_landmarks, write_photos

torch.set_num_threads(1)  # as the workflow's rules have it
SHEET = DrawContactSheet(faces_each=1, tile_px=96)


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("draw_contact_sheet")
    write_photos(folder, template_model, count=5)
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    return folder


def sheet_inputs(folder) -> dict:
    return {"index": [folder / "index.csv"], "fits": [folder / "fits.h5"], "model": folder / "model.h5"}


@pytest.mark.parametrize(
    ("count", "each", "places"),
    [
        (9, 1, [0, 4, 8]),
        (100, 2, [0, 1, 49, 50, 98, 99]),
        (5, 2, [0, 1, 2, 3, 4]),
        (2, 3, [0, 1]),
        (1, 2, [0]),
    ],
)
def test_best_median_and_worst_without_repetition(count, each, places):
    assert choose(count, each) == places


def test_the_sheet_has_a_row_of_three_tiles_a_face(folder, tmp_path):
    run(sheet_inputs(folder), {"sheet": tmp_path / "sheet.png"}, SHEET)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape[1] == 3 * (96 + 4) + 4
    assert sheet.shape[0] > 3 * 96
    run(sheet_inputs(folder), {"sheet": tmp_path / "again.png"}, SHEET)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "sheet.png").read_bytes()


def test_the_mesh_lies_on_the_face(folder, template_model):
    """The overlay changes the pixels at the landmarks, and none far from the face."""
    fit = read_fits(sheet_inputs(folder))[0]
    crop = surrounding(fit.fitted_px, 96)
    blank = np.zeros((96, 96, 3), np.uint8)
    drawn = overlay(template_model, fit, blank, crop)
    inside = fit.fitted_px[17:] @ crop[:, :2].T + crop[:, 2]
    low, high = fit.fitted_px.min(0), fit.fitted_px.max(0)
    assert np.isclose((high - low).max() * crop[0, 0], FACE_SHARE * 96, rtol=1e-3)
    column, row = np.floor(inside).astype(int).T
    assert (drawn[row, column] > 0).any(axis=1).all()
    assert not drawn[:, :3].any() and not drawn[:, -3:].any()
    assert 0.2 < (drawn > 0).any(axis=2).mean() < 0.8


def test_a_dataset_without_a_single_fit(folder, tmp_path):
    write_landmarks(tmp_path / "landmarks.h5", [], np.zeros((0, 68, 2)))
    fit_faces.run({**fit_inputs(folder), "landmarks": tmp_path / "landmarks.h5"}, fit_outputs(tmp_path), FIT)
    with pytest.raises(InputError, match="no fits to draw"):
        run({**sheet_inputs(folder), "fits": [tmp_path / "fits.h5"]}, {"sheet": tmp_path / "sheet.png"}, SHEET)
