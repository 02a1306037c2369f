import numpy as np
import pytest

from models3d.errors import InputError
from pipeline.draw_training import run, smoothed
from pipeline.files import write_table
from pipeline.plots import panels
from pipeline.settings.train import DrawTraining

HEADER = ["step", "paired", "critic_adv", "generator_gen", "generator_smooth", "mask"]


def draw(folder, rows):
    write_table(folder / "history.csv", HEADER, rows)
    run({"history": folder / "history.csv"}, {"figure": folder / "curves.png"}, DrawTraining())
    return (folder / "curves.png").read_bytes()


def test_a_panel_a_term_that_the_training_has(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("pipeline.draw_training.panels", lambda count: asked.append(count) or panels(count))
    rows = [(step, int(step < 5), 1 / step, step if step < 5 else "", "", 0.5) for step in range(1, 9)]
    first = draw(tmp_path, rows)
    assert asked == [3], "generator_smooth has no number at all"
    assert draw(tmp_path, rows) == first


def test_a_history_without_steps_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no steps"):
        draw(tmp_path, [])


def test_smoothing_keeps_means_and_ends():
    np.testing.assert_allclose(smoothed(np.full(100, 2.5)), 2.5)
    line = np.arange(200.0)
    np.testing.assert_allclose(smoothed(line)[10:-10], line[10:-10])
    assert smoothed(np.array([3.0])) == [3.0]
