"""The table and the figures of trained checkpoints."""

import csv
import re
from dataclasses import replace

import pytest
import torch

from models3d.errors import InputError
from pipeline.evaluate import run
from pipeline.gan import evaluation
from pipeline.gan.batches import ALONE
from pipeline.gan.evaluation import held_out_pairs, read_candidate, score
from pipeline.gan.figures import FIGURES
from pipeline.gan.networks import Generated
from pipeline.gan.training import Job, train
from pipeline.settings.train import Evaluate
from tests.pipeline.gan.made_shards import TRAIN, write_meshes, write_paired, write_speech

torch.set_num_threads(1)  # as the workflow's rules have it
EVALUATE = Evaluate(
    seed=0, gpu="off", pairs_per_face=4, batch=8, figure_faces=2,
    expressions={"surprise": {"jaw_open": 2.5}, "happiness": {"smile": 2.5}}, min_likeness=0.8, classifier_ridge=0.01,
    classifier_folds=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    shards = [write_paired(folder / "p.h5", faces=14)]
    paths = []
    for variant, changed in (("slidergan_rad", {}), ("ganimation", {"condition": "action_units"})):
        path = folder / f"{variant}.pt"
        settings = replace(TRAIN, variant=variant, unpaired_epochs=0, **changed)
        train(Job(tuple(shards), None, None, path, folder / "h.csv", folder / "s.png", settings), ALONE)
        paths.append(path)
    return {"checkpoints": paths, "shards": shards}


def evaluate(inputs, folder, settings=EVALUATE):
    outputs = {"table": folder / "table.csv", "report": folder / "report.html", "figures": folder / "figures"}
    run(inputs, outputs, settings)
    with outputs["table"].open() as stream:
        return {row["variant"]: row for row in csv.DictReader(stream)}, outputs


def test_one_table_with_the_copy_as_its_floor(trained, tmp_path):
    rows, outputs = evaluate(trained, tmp_path)
    assert list(rows) == ["slidergan_rad", "copy of the input, 64 px", "ganimation"]
    for row in rows.values():
        assert float(row["ied"]) > 0 and float(row["regression_real"]) > 0
        assert 0 <= float(row["recognition"]) <= 1
    assert float(rows["copy of the input, 64 px"]["better_than_copy"]) == 0
    page = outputs["report"].read_text()
    assert "divided by the number of pixels" in page and "trained on renders of the other held-out faces" in page
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 2 * len(FIGURES) == len(list(outputs["figures"].iterdir()))
    assert all(source.startswith("data:image/webp;base64,") for source in sources), "stands alone"
    assert "://" not in page, "opens without a network"


def test_a_checkpoint_of_clips_is_judged_on_clips(trained, tmp_path):
    clips, path = write_speech(tmp_path / "speech.h5", clips=4, more=("speech_01",)), tmp_path / "slidergan_speech.pt"
    settings = replace(TRAIN, variant="slidergan_speech")
    train(Job((clips,), None, None, path, tmp_path / "h.csv", tmp_path / "s.png", settings), ALONE)
    checkpoints = [trained["checkpoints"][0], path]
    rows, _ = evaluate({"checkpoints": checkpoints, "shards": [*trained["shards"], clips]}, tmp_path)
    copies = ["copy of the input, 64 px", "copy of the input, 64 px, frames of clips"]
    assert list(rows) == ["slidergan_rad", copies[0], "slidergan_speech", copies[1]]
    assert int(rows["slidergan_speech"]["pairs"]) == EVALUATE.pairs_per_face, "one clip is held out"
    assert rows["slidergan_speech"]["recognition"] == "-"


def test_a_perfect_generator_has_no_distance_left(trained, monkeypatch):
    device = torch.device("cpu")
    candidate = read_candidate(trained["checkpoints"][0], trained["shards"], None, EVALUATE, device)
    pairs = held_out_pairs(candidate.pictures, candidate.conditions.usable, 4, 0)
    answers = iter(evaluation.seen_by(candidate, pairs.targets).split(EVALUATE.batch))

    class Perfect:
        def __call__(self, images, params):
            return Generated(next(answers), images[:, :1])

    monkeypatch.setattr(evaluation, "recognised", lambda *_: (float("nan"), float("nan")))
    scores, copied = score(candidate._replace(generator=Perfect()), pairs, EVALUATE)
    assert scores.ied == 0 and scores.better_than_copy == 1 and copied.ied > 0
    assert scores.regression_edited == scores.regression_real


def test_parameters_without_discrete_expressions_leave_a_dash(trained, tmp_path):
    inputs = {**trained, "checkpoints": trained["checkpoints"][:1]}
    rows, outputs = evaluate(inputs, tmp_path, replace(EVALUATE, expressions={"joy": {"component_3": 1.0}}))
    assert rows["slidergan_rad"]["recognition"] == "-"
    assert not (outputs["figures"] / "slidergan_rad_discrete_expressions.png").exists()


def test_checkpoints_of_other_shards_are_refused(trained, tmp_path):
    other = write_paired(tmp_path / "other.h5", model_digest="n")
    with pytest.raises(InputError, match=r"slidergan_rad\.pt: was trained with another model_digest"):
        evaluate({**trained, "shards": [other]}, tmp_path)


def test_a_subject_of_the_test_split_is_enough(trained, tmp_path):
    rows, _ = evaluate({**trained, "shards": [write_meshes(tmp_path / "m.h5", subjects=3)]}, tmp_path)
    assert int(rows["slidergan_rad"]["pairs"]) == 2 * EVALUATE.pairs_per_face, "one subject, two sessions"
