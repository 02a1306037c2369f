"""Alignment of clips with a database of made voices: right words, wrong words, and what cannot be aligned."""

from dataclasses import replace

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import FaceModel, basis_from_displacements, empty_basis
from models3d.readers.native import write_model
from pipeline import align_speech, index_takes, list_clips
from pipeline.files import read_rejects, read_table
from pipeline.lrw import FRAMES, frame_times_s
from pipeline.sample.clips_layout import write_array, write_clip, write_clip_text
from pipeline.settings.speech import AlignSpeech, IndexTakes, ListClips
from pipeline.shards import read_shard
from pipeline.word_matching import Calibration, calibrate, takes_of
from tests.pipeline.talking_clips import database, pictures, sound_of, talking_clip

WORDS = ("ABOUT", "MONEY", "WATER")
SPEECH = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model with speech, a database of three words by three speakers, indexed."""
    folder = tmp_path_factory.mktemp("speech")
    random = np.random.default_rng(5)
    mean = random.normal(scale=50, size=(80, 3)).astype(np.float32)
    triangles = np.stack([np.arange(78), np.arange(1, 79), np.arange(2, 80)], axis=1).astype(np.int32)
    turns = np.linalg.qr(random.normal(size=(240, SPEECH)))[0].T.reshape(SPEECH, 80, 3)
    speech = basis_from_displacements(turns * np.array([5.0, 2.0, 1.0])[:, None, None], ("a", "b", "c"))
    landmarks = np.arange(68, dtype=np.int32)
    nothing = empty_basis(80)
    model = FaceModel("m", mean, triangles, landmarks, nothing, nothing, speech, "tests", "MIT")
    write_model(folder / "model.h5", model)
    database(folder / "4d", WORDS, 3, SPEECH)
    outputs = {"takes": folder / "takes.h5", "rejects": folder / "takes.rejects.csv"}
    index_takes.run({"manifest": folder / "4d/manifest.csv", "model": folder / "model.h5"}, outputs, IndexTakes(0.0))
    return folder, model


def aligned(folder, root, released=None, min_confidence=0.0):
    """The alignments and the reasons of the rejects of every clip below the root."""
    settings = ListClips("set", str(root), str(released) if released else None, 1, 50)
    list_clips.run({}, {"listings": [root / "clips.csv"]}, settings)
    inputs = {"listing": root / "clips.csv", "model": folder / "model.h5", "takes": folder / "takes.h5"}
    outputs = {"alignments": root / "alignments.h5", "rejects": root / "rejects.csv"}
    align_speech.run(inputs, outputs, AlignSpeech(min_confidence, 3, "none", 1.0))
    return read_shard(root / "alignments.h5", "alignments"), [r.reason for r in read_rejects(root / "rejects.csv")]


def test_the_indexed_takes(made):
    takes = read_shard(made[0] / "takes.h5", "takes")
    assert len(takes_of(takes)) == 9
    assert read_table(made[0] / "takes.rejects.csv") == []
    first = takes_of(takes)[0]
    assert first.word == "ABOUT" and first.coefficients.shape[1] == SPEECH
    assert 0.08 <= first.start_s <= 0.14


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_found_in_time(made, tmp_path, word):
    """The database's first coefficient is the share of the word that has been said, so it tells the time."""
    talking_clip(tmp_path, word, seed=11)
    shard, reasons = aligned(made[0], tmp_path)
    assert reasons == [] and shard.text("method") == ["mfcc_dtw"]
    _, own = sound_of(word, 11)
    start, end = own[0].start_s, own[-1].end_s
    inside = (frame_times_s() > start) & (frame_times_s() < end)
    said = shard["coefficients"][0, inside, 0]
    late_s = np.abs(said - (frame_times_s()[inside] - start) / (end - start)) * (end - start)
    assert np.median(late_s) < 0.04 and late_s.max() < 0.1
    assert shard["confidence"][0] > 0.9


def test_frames_outside_the_word_have_none(made, tmp_path):
    talking_clip(tmp_path, "MONEY")
    shard, _ = aligned(made[0], tmp_path)
    first, end = shard["span"][0]
    given = np.isfinite(shard["coefficients"][0]).all(axis=1)
    assert np.flatnonzero(given).tolist() == list(range(first, end))
    assert 0 < first < end < FRAMES


def test_a_wrong_word_is_less_sure(made, tmp_path):
    right = talking_clip(tmp_path, "WATER", seed=3)
    wrong = tmp_path / "ABOUT/test/ABOUT_00001.mp4"
    wrong.parent.mkdir(parents=True)
    for suffix in (".mp4", ".txt"):
        wrong.with_suffix(suffix).write_bytes(right.with_suffix(suffix).read_bytes())
    shard, _ = aligned(made[0], tmp_path)
    sure = dict(zip(shard.text("word"), shard["confidence"].tolist(), strict=True))
    assert sure["WATER"] > 0.9 and sure["ABOUT"] < 0.2
    _, reasons = aligned(made[0], tmp_path, min_confidence=0.5)
    assert len(reasons) == 1 and "does not sound like 'ABOUT'" in reasons[0]


def test_a_word_that_the_database_lacks(made, tmp_path):
    talking_clip(tmp_path, "PEOPLE")
    assert aligned(made[0], tmp_path)[1] == ["the database lacks the word 'PEOPLE'"]


@pytest.mark.parametrize("sound", ["none", "silent"])
def test_sound_that_is_not_there(made, tmp_path, sound):
    path = tmp_path / "ABOUT/test/ABOUT_00001.mp4"
    write_clip(path, pictures(), None if sound == "none" else np.zeros(18560, np.int16))
    write_clip_text(path.with_suffix(".txt"), 0.4)
    assert aligned(made[0], tmp_path)[1] == ["no audio track" if sound == "none" else "silent audio"]


def test_a_text_without_a_duration(made, tmp_path):
    talking_clip(tmp_path, "ABOUT").with_suffix(".txt").write_text("one\ntwo\n")
    assert aligned(made[0], tmp_path)[1] == ["the text's line 5 states no duration"]


def test_a_truncated_clip(made, tmp_path):
    path = talking_clip(tmp_path, "ABOUT")
    path.write_bytes(path.read_bytes()[:2000])
    assert "cannot be decoded" in aligned(made[0], tmp_path)[1][0]


def test_released_coefficients_come_first(made, tmp_path):
    talking_clip(tmp_path / "lrw", "PEOPLE")
    true = np.random.default_rng(0).normal(size=(FRAMES, 12)).astype(np.float32)
    write_array(tmp_path / "lrw3d/PEOPLE/test/PEOPLE_00001.npy", true)
    shard, reasons = aligned(made[0], tmp_path / "lrw", tmp_path / "lrw3d")
    assert reasons == [] and shard.text("method") == ["lrw3d"]
    np.testing.assert_allclose(shard["coefficients"][0], true[:, :SPEECH].clip(-3, 3))
    assert shard["span"][0].tolist() == [0, FRAMES]


def test_released_coefficients_that_cannot_be_used(made, tmp_path):
    talking_clip(tmp_path / "lrw", "PEOPLE")
    write_array(tmp_path / "lrw3d/PEOPLE/test/PEOPLE_00001.npy", np.zeros((28, 12), np.float32))
    _, reasons = aligned(made[0], tmp_path / "lrw", tmp_path / "lrw3d")
    assert "(28, 12) where (29, 3 or more)" in reasons[0]


def test_takes_of_another_model_are_refused(made, tmp_path):
    folder, model = made
    talking_clip(tmp_path, "ABOUT")
    write_model(tmp_path / "other.h5", replace(model, mean_mm=model.mean_mm + 1))
    list_clips.run({}, {"listings": [tmp_path / "clips.csv"]}, ListClips("set", str(tmp_path), None, 1, 5))
    inputs = {"listing": tmp_path / "clips.csv", "model": tmp_path / "other.h5", "takes": folder / "takes.h5"}
    with pytest.raises(InputError, match="another model"):
        align_speech.run(inputs, {}, AlignSpeech(0.5, 3, "none", 1.0))


def test_bytes_do_not_depend_on_the_run(made, tmp_path):
    talking_clip(tmp_path, "ABOUT")
    aligned(made[0], tmp_path)
    once = (tmp_path / "alignments.h5").read_bytes()
    aligned(made[0], tmp_path)
    assert (tmp_path / "alignments.h5").read_bytes() == once


def test_one_speaker_says_nothing_of_confidence(made):
    takes = [take for take in takes_of(read_shard(made[0] / "takes.h5", "takes")) if take.speaker == "s0"]
    assert calibrate(takes) is None


def test_confidence_falls_with_the_score():
    curve = Calibration(0.7, 0.05)
    assert curve.confidence(0.7) == 0.5
    assert curve.confidence(0.5) > 0.95 and curve.confidence(0.9) < 0.05 and curve.confidence(1e9) >= 0
