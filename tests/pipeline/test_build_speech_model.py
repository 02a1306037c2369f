"""A speech basis from a made database: what moves the mouth is found, what moves elsewhere is not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.errors import InputError
from models3d.face_model import synthesize
from models3d.readers.native import read_native, write_model
from pipeline import build_speech_model, index_takes
from pipeline.files import read_rejects, read_table, write_table
from pipeline.mouth_region import converted, mouth_weights, speech_coefficients
from pipeline.sample.clips_layout import write_array, write_wav
from pipeline.settings.speech import BuildSpeechModel, IndexTakes
from pipeline.shards import read_shard
from pipeline.speech_database import COLUMNS, read_takes
from tests.pipeline.talking_clips import sound_of

SETTINGS = BuildSpeechModel(seed=0, components=3, inner_mm=14.0, outer_mm=32.0, rank=20, max_reject_rate=1.0)
LIPS, BROW = slice(0, 4), 5
WORDS = ("ABOUT", "MONEY")


def motion(seed: int, frames: int = 6) -> np.ndarray:
    """Lips and chin with three degrees of freedom, and a brow."""
    random = np.random.default_rng(seed)
    coefficients = np.zeros((frames, 10), np.float32)
    coefficients[:, [2, 3, 4]] = random.uniform(0, 2, (frames, 3)) * [1, 1, 2]
    coefficients[:, BROW] = random.uniform(0, 2, frames)
    return coefficients


@pytest.fixture(scope="module")
def made(tmp_path_factory, template_model):
    """Two words by two speakers whose heads sway, the model learnt from them, the takes indexed."""
    folder = tmp_path_factory.mktemp("database")
    rows, sound = [], sound_of("ABOUT")[0]
    for number, (speaker, word) in enumerate((s, w) for s in ("s1", "s2") for w in WORDS):
        random = np.random.default_rng([1, number])
        identity = np.random.default_rng(int(speaker[1])).normal(size=10).astype(np.float32)
        meshes = synthesize(template_model, np.tile(identity, (6, 1)), motion(number))
        turns = Rotation.from_rotvec(random.normal(0, 0.03, (6, 3))).as_matrix().astype(np.float32)
        write_array(folder / f"{number}.npy", meshes @ turns.transpose(0, 2, 1) + np.float32(2))
        write_array(folder / f"{speaker}_rest.npy", synthesize(template_model, identity, np.zeros(0, np.float32)))
        write_wav(folder / f"{number}.wav", sound_of(word, number)[0])
        rows.append((word, speaker, f"{number}.wav", f"{number}.npy", f"{speaker}_rest.npy", "", 25))
    assert len(sound)
    write_table(folder / "manifest.csv", COLUMNS, rows)
    write_model(folder / "template.h5", template_model)
    build_speech_model.run(*paths(folder), SETTINGS)
    return folder, rows


def paths(folder, manifest="manifest.csv"):
    inputs = {"manifest": folder / manifest, "template": folder / "template.h5"}
    names = {"model": "speech.h5", "components": "speech.csv", "rejects": "speech.rejects.csv"}
    return inputs, {name: folder / manifest.split(".")[0] / file for name, file in names.items()}


def test_the_mouth_is_found(made, template_model):
    speech = read_native(made[0] / "manifest/speech.h5").speech
    assert speech.names == ("speech_01", "speech_02", "speech_03")
    flat = speech.components.reshape(3, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(3), atol=1e-4)
    weights = mouth_weights(template_model, SETTINGS.inner_mm, SETTINGS.outer_mm)
    lips = template_model.expression.components[[2, 3, 4]] * weights[:, None]
    told = np.linalg.norm(lips.reshape(3, -1) @ flat.T, axis=1) / np.linalg.norm(lips, axis=(1, 2))
    assert told.min() > 0.9
    far = template_model.landmarks[[*range(17, 28), *range(36, 48)]]
    assert not speech.components[:, far].any()


def test_the_table_says_what_expression_can_do_as_well(made):
    rows = read_table(made[0] / "manifest/speech.csv")
    assert len(rows) == 3
    assert float(rows[0]["share_of_variance"]) > float(rows[2]["share_of_variance"])
    assert all(float(row["share_within_expression"]) > 0.9 for row in rows)


def test_coefficients_of_the_meshes_come_back(made, template_model):
    """A swaying head and another identity change the coefficients little."""
    folder, _ = made
    speech = read_native(folder / "manifest/speech.h5").speech
    write_model(folder / "model.h5", replace(template_model, speech=speech))
    outputs = {"takes": folder / "takes.h5", "rejects": folder / "takes.rejects.csv"}
    index_takes.run({"manifest": folder / "manifest.csv", "model": folder / "model.h5"}, outputs, IndexTakes(0.0))
    takes = read_shard(folder / "takes.h5", "takes")
    true = np.concatenate([motion(number) for number in range(4)]).astype(np.float64)
    expected = true @ speech_coefficients(speech, template_model.expression.displacements_mm)
    assert np.linalg.norm(takes["coefficients"] - expected) < 0.1 * np.linalg.norm(expected)


def test_takes_that_cannot_be_used_are_rejects(made):
    folder, rows = made
    np.save(folder / "short.npy", np.zeros((4, 10, 3), np.float32))
    bad = [("ABOUT", "s3", "0.wav", name, "s1_rest.npy", "", 25) for name in ("none.npy", "short.npy", "0.wav")]
    write_table(folder / "bad.csv", COLUMNS, [*rows, *(row[:1] + (f"s{n}",) + row[2:] for n, row in enumerate(bad))])
    inputs, outputs = paths(folder, "bad.csv")
    build_speech_model.run(inputs, outputs, SETTINGS)
    reasons = [reject.reason for reject in read_rejects(outputs["rejects"])]
    assert len(reasons) == 3 and "cannot be read" in reasons[0] and "(4, 10, 3)" in reasons[1]
    with pytest.raises(InputError, match="3 of 7 were rejected"):
        build_speech_model.run(inputs, outputs, replace(SETTINGS, max_reject_rate=0.1))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("A", "s", "../a.wav", "m.npy", "n.npy", "", 25), "is not below"),
        (("A", "s", "", "m.npy", "n.npy", "", 25), "names no audio"),
        (("A", "s", "a.wav", "m.npy", "", "", 25), "neither meshes with a neutral nor coefficients"),
        (("A", "s", "a.wav", "m.npy", "n.npy", "", "fast"), "'fast' frames a second"),
        (("", "s", "a.wav", "m.npy", "n.npy", "", 25), "no word"),
    ],
)
def test_a_manifest_that_is_wrong(tmp_path, row, problem):
    write_table(tmp_path / "m.csv", COLUMNS, [row])
    with pytest.raises(InputError, match=problem):
        read_takes(tmp_path / "m.csv")


def test_no_manifest(tmp_path):
    with pytest.raises(InputError, match="no such manifest"):
        read_takes(tmp_path / "m.csv")


def test_weights_fade_from_the_mouth(template_model):
    weights = mouth_weights(template_model, 14.0, 32.0)
    on = weights[template_model.landmarks]
    assert (on[48:68] == 1).all() and (on[7:10] == 1).all()
    assert (on[17:30] == 0).all() and (on[36:48] == 0).all() and on[0] == on[16] == 0
    assert 0 < weights.mean() < 0.5


def test_coefficients_of_another_basis(made, template_model):
    speech = read_native(made[0] / "manifest/speech.h5").speech
    given = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_allclose(converted(given, speech, speech), given, atol=1e-3)
