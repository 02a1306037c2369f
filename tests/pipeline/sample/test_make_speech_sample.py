"""The speech sample, small: its layout, its truth, and that the same seed gives the same bytes."""

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.readers.native import read_native
from pipeline import make_speech_sample
from pipeline.clip_media import read_frames, read_sound
from pipeline.lrw import FRAMES, read_duration
from pipeline.mouth_region import speech_coefficients
from pipeline.sample import clips
from pipeline.sample.population import random_for
from pipeline.settings.speech import MakeSpeechSample
from pipeline.shards import read_shard
from pipeline.speech_database import mouth_motion, read_takes

SMALL = MakeSpeechSample(seed=0, identity_components=60, words=1, clips_per_word=1, speakers=1)


def paths(folder):
    return {
        "clip": folder / "lrw/lipread_mp4/ABOUT/train/ABOUT_00001.mp4",
        "manifest": folder / "4d_speech/manifest.csv",
        "released": folder / "lrw3d/speech.h5",
        "truth": folder / "truth.h5",
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory, population):
    folder = tmp_path_factory.mktemp("speech_sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_speech_sample, "make_population", lambda settings: population)
        make_speech_sample.run({}, paths(folder), SMALL)
    return folder, read_shard(folder / "truth.h5", "speech_truth")


def test_clips_in_lrws_layout(made):
    folder, truth = made
    assert truth.text("id") == ["ABOUT/train/ABOUT_00001", "MORNING/test/MORNING_00001"]
    for name, bounds in zip(truth.text("id"), truth["boundaries_s"], strict=True):
        clip = folder / f"lrw/lipread_mp4/{name}.mp4"
        assert len(read_frames(clip)) == FRAMES and len(read_sound(clip)) >= 18560
        bounds = bounds[np.isfinite(bounds)]
        assert read_duration(clip.with_suffix(".txt")) == pytest.approx(bounds[-1] - bounds[0], abs=0.006)
        assert (bounds[0] + bounds[-1]) / 2 == pytest.approx(0.58, abs=1e-3)


def test_pictures_move_with_the_words(made):
    folder, truth = made
    frames = read_frames(paths(folder)["clip"]).astype(float)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    moved = np.linalg.norm(np.diff(truth["speech_actions"][0], axis=0), axis=1)
    assert np.corrcoef(change, moved)[0, 1] > 0.3


def test_the_database_moves_as_the_actions_say(made, population):
    [take] = read_takes(made[0] / "4d_speech/manifest.csv")
    moved = np.stack(list(mouth_motion(take, population.model)))
    assert (take.word, take.speaker) == ("ABOUT", "D01")
    assert 2 < np.linalg.norm(moved, axis=2).max() < 25
    still = np.linalg.norm(moved[:, population.head.landmarks[36:48]], axis=2)
    assert still.max() < 0.5


def test_released_coefficients_are_of_their_basis(made, population):
    folder, truth = made
    speech = read_native(folder / "lrw3d/speech.h5").speech
    given = np.load(folder / "lrw3d/ABOUT/train/ABOUT_00001.npy")
    true = np.tensordot(truth["speech_actions"][0], population.model.expression.displacements_mm, 1)
    assert given.shape == (FRAMES, 12)
    np.testing.assert_allclose(given, speech_coefficients(speech, true), atol=0.05)


def test_a_mood_stays_within_reach(population):
    basis = population.model.expression
    for seed in range(5):
        worn = clips.mood(random_for(SMALL, seed), basis)
        assert worn.shape == (FRAMES, len(basis)) and worn.min() >= 0 and worn.max() <= 3


def test_more_words_than_are_known():
    with pytest.raises(InputError, match="set it to 6 or less|Set it to 6 or less"):
        make_speech_sample.run({}, {}, MakeSpeechSample(0, 60, 7, 1, 1))
