"""Phones of a made database, and clips of a word that it lacks aligned by them."""

from dataclasses import replace

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import FaceModel, basis_from_displacements, empty_basis
from models3d.readers.native import write_model
from pipeline import align_speech, index_phones, index_takes, list_clips
from pipeline.files import read_rejects
from pipeline.sample.clips_layout import write_clip, write_clip_text
from pipeline.settings.speech import AlignSpeech, IndexPhones, IndexTakes, ListClips
from pipeline.shards import read_shard
from tests.pipeline.talking_clips import database, pictures, sound_of, talking_clip

SETTINGS = IndexPhones(references=8, calibration_takes=6, max_reject_rate=1.0)
ALIGN = AlignSpeech(0.0, 3, "pocketsphinx", 1.0)
WORDS = ("ABOUT", "MONEY", "WATER")


def index(folder, model, words):
    """The takes of a new database of two speakers."""
    manifest = database(folder / "4d", words, 2, 1)
    outputs = {"takes": folder / "takes.h5", "rejects": folder / "takes.csv"}
    index_takes.run({"manifest": manifest, "model": model}, outputs, IndexTakes(0.0))
    return {"manifest": manifest, "takes": folder / "takes.h5"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three words; their only coefficient is the share of the word that has been said."""
    folder = tmp_path_factory.mktemp("phones")
    mean = np.random.default_rng(5).normal(scale=50, size=(80, 3)).astype(np.float32)
    triangles = np.stack([np.arange(78), np.arange(1, 79), np.arange(2, 80)], axis=1).astype(np.int32)
    nothing, speech = empty_basis(80), basis_from_displacements(np.ones((1, 80, 3)), ("a",))
    model = FaceModel("m", mean, triangles, np.arange(68, dtype=np.int32), nothing, nothing, speech, "tests", "MIT")
    write_model(folder / "model.h5", model)
    inputs = index(folder, folder / "model.h5", WORDS)
    index_phones.run(inputs, {"phones": folder / "phones.h5", "rejects": folder / "phones.csv"}, SETTINGS)
    return folder


def align(root, model, takes, phones):
    list_clips.run({}, {"listings": [root / "clips.csv"]}, ListClips("set", str(root), None, 1, 50))
    inputs = {"listing": root / "clips.csv", "model": model, "takes": takes, "phones": phones}
    outputs = {"alignments": root / "alignments.h5", "rejects": root / "rejects.csv"}
    align_speech.run(inputs, outputs, ALIGN)
    return read_shard(root / "alignments.h5", "alignments"), [r.reason for r in read_rejects(root / "rejects.csv")]


def aligned(folder, root):
    return align(root, *(folder / f"{name}.h5" for name in ("model", "takes", "phones")))


def test_phones_of_all_takes(made):
    phones = read_shard(made / "phones.h5", "phones")
    assert phones.text("id") == read_shard(made / "takes.h5", "takes").text("id")
    assert phones.text("phones")[:4] == ["AH", "B", "AW", "T"]
    assert (np.diff(phones["spans_s"], axis=1) > 0).all() and phones["ranges"][0].tolist() == [0, 4]
    assert read_rejects(made / "phones.csv") == []


def test_a_word_that_no_take_says(made, tmp_path):
    """M begins a word of the database; the later phones are said later in theirs."""
    talking_clip(tmp_path, "MORNING", seed=2)
    shard, reasons = aligned(made, tmp_path)
    assert reasons == [] and shard.text("method") == ["pocketsphinx"] and shard.text("take") == [""]
    assert shard["confidence"][0] > 0.8
    first, end = shard["span"][0]
    said = shard["coefficients"][0, first:end, 0]
    assert np.isfinite(said).all() and np.isnan(shard["coefficients"][0, :first]).all()
    assert said[:2].mean() < 0.35 and said.max() > 0.4


@pytest.mark.parametrize("word", ["FAMILY", "PEOPLE"])
def test_a_wrong_word_is_a_reject_or_less_sure(made, tmp_path, word):
    sound, own = sound_of(word, 1)
    path = tmp_path / "MORNING/test/MORNING_00001.mp4"
    write_clip(path, pictures(), sound)
    write_clip_text(path.with_suffix(".txt"), own[-1].end_s - own[0].start_s)
    shard, reasons = aligned(made, tmp_path)
    assert "'MORNING' is not heard" in reasons[0] if reasons else shard["confidence"][0] < 0.5


def test_a_word_that_the_dictionary_lacks_too(made, tmp_path):
    clip = talking_clip(tmp_path / "one", "MORNING")
    path = tmp_path / "two/XYZZYQ/test/XYZZYQ_00001.mp4"
    path.parent.mkdir(parents=True)
    for suffix in (".mp4", ".txt"):
        path.with_suffix(suffix).write_bytes(clip.with_suffix(suffix).read_bytes())
    said = "neither the database nor pocketsphinx's dictionary has the word 'XYZZYQ'"
    assert aligned(made, tmp_path / "two")[1] == [said]


def test_phones_of_other_takes_are_refused(made, tmp_path):
    talking_clip(tmp_path, "MORNING")
    inputs = index(tmp_path, made / "model.h5", WORDS[:2])
    with pytest.raises(InputError, match="made from other takes"):
        align(tmp_path, made / "model.h5", inputs["takes"], made / "phones.h5")
    outputs = {"phones": tmp_path / "phones.h5", "rejects": tmp_path / "phones.csv"}
    index_phones.run(inputs, outputs, SETTINGS)
    shard, _ = align(tmp_path, made / "model.h5", inputs["takes"], outputs["phones"])
    assert shard["confidence"][0] > 0.5, "two words are enough to tell one from another"


def test_one_word_says_nothing_of_confidence(made, tmp_path):
    inputs = {"manifest": made / "4d/manifest.csv", "takes": made / "takes.h5"}
    outputs = {"phones": tmp_path / "phones.h5", "rejects": tmp_path / "phones.csv"}
    with pytest.raises(InputError, match="cannot tell like words"):
        index_phones.run(inputs, outputs, replace(SETTINGS, references=1, calibration_takes=1))
