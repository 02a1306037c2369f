"""The paired shards: what they hold, how they are drawn, and the same bytes whatever happens."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numba
import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import Basis
from models3d.readers.native import read_native, write_model
from models3d.warp.portrait import Shares
from pipeline import annotate_faces, render_pairs
from pipeline.crops import canonical_landmarks_px, crop_matrix
from pipeline.files import read_rejects, write_table
from pipeline.images import read_indexed
from pipeline.photo_tables import read_index
from pipeline.portraits import fit_portrait
from pipeline.provenance import ROOT
from pipeline.seeds import generator
from pipeline.settings.photos import AnnotateFaces
from pipeline.shards import read_shard
from tests.pipeline.paired_people import PAIRS, outputs
from tests.warped_people import COUNT, crowd, write_fits, write_people


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def made(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paired")
    render_pairs.run(inputs, outputs(folder), PAIRS)
    return folder


@pytest.fixture(scope="module")
def shard(made):
    return read_shard(made / "00001.h5", "paired")


def test_every_face_has_its_photo_a_neutral_picture_and_random_ones(shard):
    assert shard.text("variants") == ["original", "neutral", "random_00", "random_01", "random_02", "random_03"]
    assert shard["images"].shape == (COUNT, 6, 64, 64, 3)
    assert not shard["params"][:, 1].any()
    assert np.abs(shard["params"]).max() <= 1 and (shard["params"][:, 2:] != 0).any(-1).all()
    fits = [person.expression for person in crowd().people]
    np.testing.assert_allclose(shard["params"][:, 0] * 3, fits, atol=1e-6)


def test_originals_are_what_annotate_faces_cuts(inputs, shard, tmp_path):
    annotate_faces.run(inputs, {"shard": tmp_path / "a.h5"}, AnnotateFaces(64, 0.7, 3.0))
    annotated = read_shard(tmp_path / "a.h5", "annotated")
    np.testing.assert_array_equal(shard["images"][:, 0], annotated["images"])
    for name in ("identity", "camera", "crop"):
        np.testing.assert_array_equal(shard[name], annotated[name])


def test_parameters_are_drawn_by_id_number_and_seed(shard):
    basis = crowd().model.expression
    for row, name in enumerate(shard.text("id")):
        for number in range(4):
            random = generator(0, "render_pairs", name, number)
            for _ in range(shard["draws"][row, 2 + number]):
                expected = np.clip(random.standard_normal(len(basis)), *basis.bounds.T)
            np.testing.assert_allclose(shard["params"][row, 2 + number] * 3, expected, atol=1e-6)


def test_pictures_differ_from_each_other_and_the_photo(shard):
    for images in shard["images"].astype(int):
        for one in range(6):
            for other in range(one):
                assert np.abs(images[one] - images[other]).mean() > 0.2


def test_a_portrait_does_not_depend_on_its_canvas_margin(inputs):
    """Inside its frame a portrait is the crop itself; the margin is what the photo shows beside it."""
    fits, photo = read_shard(inputs["fits"], "fits"), read_index(inputs["index"])[0]
    crop = crop_matrix(fits["landmarks_px"][0], canonical_landmarks_px(crowd().model, 64, 0.7))
    face = fit_portrait(crowd().drawn, fits, 0, crop, read_indexed(photo), 64)
    assert face.scene.canvas.shape == (96, 96, 3) and face.picture.shape == (64, 64, 3)
    edge = np.abs(face.scene.canvas[15, 16:80].astype(int) - face.scene.canvas[16, 16:80])
    assert np.median(edge) < 12, "no step where the margin begins"


def test_same_bytes_with_two_threads_and_on_a_rerun(inputs, made, tmp_path):
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        render_pairs.run(inputs, outputs(tmp_path), PAIRS)
    finally:
        numba.set_num_threads(threads)
    for name in ("00001.h5", "00001.rejects.csv"):
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes()


RUN = """
import sys
from pathlib import Path
from pipeline import render_pairs
from pipeline.settings.paired import RenderPairs
inputs, outputs = ({name: Path(path) for name, path in files.items()} for files in (%r, %r))
render_pairs.run(inputs, outputs, RenderPairs(**%r))
"""


def start(inputs, folder, settings, cores):
    texts = [{name: str(path) for name, path in files.items()} for files in (inputs, outputs(folder))]
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(cores), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN % (*texts, asdict(settings))]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def test_same_bytes_after_kill_9_in_the_middle(inputs, tmp_path):
    """The first run dies when about a third of its pictures are on the disk; the second has another number of cores."""
    many = replace(PAIRS, expressions=200)
    killed = start(inputs, tmp_path, many, cores=1)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_blocks * 512 > 2_000_000 for path in tmp_path.glob(".*.part")):
        assert killed.poll() is None and time.monotonic() < deadline, "it ended before it could be killed"
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "00001.h5").exists() and list(tmp_path.glob(".*.part"))
    assert start(inputs, tmp_path, many, cores=2).wait() == 0
    whole = tmp_path / "whole"
    render_pairs.run(inputs, outputs(whole), many)
    assert (tmp_path / "00001.h5").read_bytes() == (whole / "00001.h5").read_bytes()


def test_the_first_fits_that_are_selected(inputs, shard, tmp_path):
    write_table(tmp_path / "selected.csv", ("shard", "faces"), [("00001", 2), ("00002", 0)])
    render_pairs.run({**inputs, "selected": tmp_path / "selected.csv"}, outputs(tmp_path), PAIRS)
    some = read_shard(tmp_path / "00001.h5", "paired")
    assert some.text("id") == shard.text("id")[:2]
    np.testing.assert_array_equal(some["images"], shard["images"][:2])


def test_a_shard_without_a_single_fit(inputs, tmp_path):
    write_fits(tmp_path / "00001.h5", range(0))
    render_pairs.run({**inputs, "fits": tmp_path / "00001.h5"}, outputs(tmp_path / "out"), PAIRS)
    assert read_shard(tmp_path / "out/00001.h5", "paired")["images"].shape == (0, 6, 64, 64, 3)


def test_the_gate_draws_anew_and_counts(inputs, tmp_path):
    """A threshold between the shares of two draws: the one beyond it is drawn anew, the others stay."""
    render_pairs.run(inputs, outputs(tmp_path / "loose"), PAIRS)
    loose = read_shard(tmp_path / "loose/00001.h5", "paired")
    limit = float(np.sort(loose["invented"][:, 2:].ravel())[-2:].mean())
    render_pairs.run(inputs, outputs(tmp_path / "tight"), replace(PAIRS, max_invented=limit, max_draws=200))
    tight = read_shard(tmp_path / "tight/00001.h5", "paired")
    again = tight["draws"] > 1
    assert again.sum() == 1 and tight.attributes["redrawn"] == int((tight["draws"][again] - 1).sum())
    assert (tight["invented"][:, 2:] <= limit).all()
    np.testing.assert_array_equal(tight["images"][~again], loose["images"][~again])


def test_a_face_that_never_passes_is_a_reject_with_its_reason(inputs, tmp_path):
    hopeless = replace(PAIRS, max_invented=-1.0)
    render_pairs.run(inputs, outputs(tmp_path), hopeless)
    rejects = read_rejects(tmp_path / "00001.rejects.csv")
    assert [reject.id for reject in rejects] == [f"set/photo{number}" for number in range(COUNT)]
    assert all("neutral: the photo does not show" in reject.reason for reject in rejects)
    assert read_shard(tmp_path / "00001.h5", "paired").attributes["rejected"] == COUNT
    with pytest.raises(InputError, match=f"{COUNT} of {COUNT} were rejected"):
        render_pairs.run(inputs, outputs(tmp_path / "b"), replace(hopeless, max_reject_rate=0.5))
    assert not list((tmp_path / "b").glob("*"))


def test_reasons_in_words():
    shares = Shares(*(np.array([value], np.float32) for value in (0.2, 0.9, 0.3)))
    assert "eye would open" in render_pairs.why(shares, 0, PAIRS)
    assert "does not show 20%" in render_pairs.why(shares, 0, replace(PAIRS, max_invented_eye=1.0))
    assert "30% of the skin would fold" in render_pairs.why(
        shares, 0, replace(PAIRS, max_invented_eye=1.0, max_invented=1.0)
    )


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_draws_keep_to_what_a_component_can_do(distribution):
    basis = crowd().model.expression
    wide = replace(PAIRS, distribution=distribution, spread=2.0)
    drawn = np.stack([render_pairs.draw_expression(np.random.default_rng(i), basis, wide) for i in range(300)])
    low, high = basis.bounds.T
    assert (drawn >= low).all() and (drawn <= high).all()
    two_sided = low < 0
    assert (drawn[:, two_sided].std(0) > (1.0 if distribution == "uniform" else 1.4)).all()
    narrow = np.stack([render_pairs.draw_expression(np.random.default_rng(i), basis, replace(wide, spread=0.1))
                       for i in range(50)])  # fmt: skip
    assert narrow.max() < 0.5


def test_the_shard_says_what_it_was_made_from(shard):
    stated = shard.attributes
    assert stated["stage"] == "render_pairs" and stated["seed"] == 0 and stated["range"] == 3.0
    assert stated["component_names"] == list(crowd().model.expression.names)
    assert stated["model_digest"] == crowd().model.digest and stated["settings"] == asdict(PAIRS)


def test_wrong_fits_and_ranges_are_refused(inputs, tmp_path):
    model = read_native(inputs["model"])
    first = model.expression
    other = replace(model, expression=Basis(first.components, first.sigmas_mm * 2, first.bounds, first.names))
    write_model(tmp_path / "other.h5", other)
    with pytest.raises(InputError, match="another model"):
        render_pairs.run({**inputs, "model": tmp_path / "other.h5"}, outputs(tmp_path), PAIRS)
    with pytest.raises(InputError, match=r"range_sigma to 3"):
        render_pairs.run(inputs, outputs(tmp_path), replace(PAIRS, range_sigma=2.0))
    assert not (tmp_path / "00001.h5").exists()
