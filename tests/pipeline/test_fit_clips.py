"""Clips fitted to landmarks that a stand-in for the detector gives, so that the truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from models3d.camera import Camera, project
from models3d.errors import InputError, UnusableDatum
from models3d.face_model import basis_from_displacements, synthesize
from models3d.landmarks import LandmarkSource
from models3d.readers.native import write_model
from pipeline import draw_speech_sheet, fit_clips, list_clips
from pipeline.face_detector import Face, FaceDetector
from pipeline.files import read_rejects
from pipeline.lrw import FRAMES
from pipeline.sample.clips_layout import write_clip
from pipeline.settings.speech import DrawSpeechSheet, FitClips, ListClips
from pipeline.shards import read_shard, write_shard
from tests.conftest import bump
from tests.pipeline.talking_clips import pictures, talking_clip

FIT = FitClips(
    seed=0,
    speech_sigma=0.15,
    smoothness=30.0,
    joint_iterations=5,
    min_confidence=0.5,
    min_face_px=40,
    iterations=30,
    landmark_sigma=0.02,
    identity_weight=1.0,
    expression_weight=1.0,
    focal="solve",
    focal_ratio=1.5,
    focal_log_sigma=0.35,
    max_turn_degrees=75.0,
    max_residual=0.1,
    max_reject_rate=1.0,
    size_px=48,
    face_scale=0.7,
    range_sigma=3.0,
)
SPAN = (9, 20)


@pytest.fixture(scope="module")
def talker(template_model):
    """The template with a jaw that opens and lips that part as its speech."""
    mean, marks = template_model.mean_mm, template_model.landmarks
    moves = [bump(mean, marks[8], 22, (0, -5, -1)), bump(mean, marks[57], 9, (0, -2, 2))]
    return replace(template_model, speech=basis_from_displacements(np.stack(moves), ("speech_01", "speech_02")))


def moving(talker):
    """True expression and speech of a clip's frames, and its landmarks."""
    time = np.linspace(0, 2 * np.pi, FRAMES)
    expression = np.zeros((FRAMES, 10), np.float32)
    expression[:, 0] = expression[:, 1] = 1.0
    speech = np.stack([1 - np.cos(2 * time), np.sin(2 * time)], axis=1).astype(np.float32)
    camera = Camera(np.array([0.05, 0.1, 0]), np.array([0.0, 20, 900]), np.asarray(600.0), np.full(2, 128.0))
    faces = synthesize(talker, np.zeros((FRAMES, 0), np.float32), np.concatenate([expression, speech], axis=1))
    points = project(camera, faces[:, talker.landmarks])
    return expression, speech, points.astype(np.float32)


@pytest.fixture
def made(tmp_path, talker, monkeypatch):
    """Three clips, their alignments, and a detector that knows where the face is."""
    for split in ("test", "train", "val"):
        talking_clip(tmp_path / "lrw", "ABOUT", split)
    expression, speech, points = moving(talker)
    seen = iter(range(10**6))

    class Detector(FaceDetector):
        def __init__(self, min_confidence: float) -> None: ...

        def largest_face(self, photo):
            return Face(points[next(seen) % FRAMES], LandmarkSource.MESH, 1)

    monkeypatch.setattr(fit_clips, "FaceDetector", Detector)
    write_model(tmp_path / "model.h5", talker)
    listing = ListClips("set", str(tmp_path / "lrw"), None, 1, 9)
    list_clips.run({}, {"listings": [tmp_path / "clips.csv"]}, listing)
    aligned = np.full((3, FRAMES, 2), np.nan, np.float32)
    aligned[:, slice(*SPAN)] = speech[slice(*SPAN)]
    write_shard(
        tmp_path / "alignments.h5",
        "alignments",
        {
            "id": [f"set/ABOUT/{split}/ABOUT_00001" for split in ("train", "val", "test")],
            "word": ["ABOUT"] * 3,
            "method": ["mfcc_dtw"] * 3,
            "take": ["t"] * 3,
            "confidence": np.ones(3, np.float32),
            "span": np.tile(np.array(SPAN, np.int32), (3, 1)),
            "coefficients": aligned,
            "take_times_s": np.zeros((3, FRAMES), np.float32),
        },
        {"model_digest": talker.digest, "settings": {}},
    )
    inputs = {name: tmp_path / f"{name}.h5" for name in ("model", "alignments")}
    outputs = {"shard": tmp_path / "speech.h5", "rejects": tmp_path / "rejects.csv"}
    return tmp_path, {**inputs, "listing": tmp_path / "clips.csv"}, outputs, expression, speech


def test_a_shard_of_clips(made, talker):
    folder, inputs, outputs, expression, speech = made
    fit_clips.run(inputs, outputs, FIT)
    shard = read_shard(outputs["shard"], "speech")
    count = SPAN[1] - SPAN[0]
    assert shard["images"].shape == (3 * count, 48, 48, 3) and shard["params"].shape == (3 * count, 12)
    assert shard.attributes["component_names"] == list(talker.motion.names)
    assert shard.text("split") == ["train"] * count + ["val"] * count + ["test"] * count
    frames = shard["frame"]
    assert sorted(frames[:count]) == list(range(*SPAN)) != frames[:count].tolist()
    assert frames[count:].tolist() == [*range(*SPAN)] * 2
    params = 3 * shard["params"][count : 2 * count]
    assert np.abs(params[:, 10:] - speech[slice(*SPAN)]).max() < 0.3
    assert np.linalg.norm(params[:, :10] - expression[slice(*SPAN)]) < 0.6 * np.linalg.norm(expression[slice(*SPAN)])
    assert shard["residual"].max() < 0.03
    once = outputs["shard"].read_bytes()
    fit_clips.run(inputs, outputs, FIT)
    assert outputs["shard"].read_bytes() == once
    sheets = {"sheets": folder / "sheets"}
    shards = {"model": inputs["model"], "shards": [outputs["shard"]], "listings": [inputs["listing"]]}
    draw_speech_sheet.run(shards, sheets, DrawSpeechSheet(clips_each=1, tile_px=64))
    assert [path.name for path in sheets["sheets"].iterdir()] == ["ABOUT.png"]


def test_clips_that_cannot_be_used_are_rejects(made):
    folder, inputs, outputs, *_ = made
    write_clip(folder / "lrw/ABOUT/train/ABOUT_00001.mp4", pictures(28), None)
    cut = folder / "lrw/ABOUT/val/ABOUT_00001.mp4"
    cut.write_bytes(cut.read_bytes()[:3000])
    fit_clips.run(inputs, outputs, FIT)
    reasons = {reject.id.split("/")[2]: reject.reason for reject in read_rejects(outputs["rejects"])}
    assert reasons.keys() == {"train", "val"}
    assert reasons["train"] == "28 frames instead of 29" and "cannot be decoded" in reasons["val"]
    assert set(read_shard(outputs["shard"], "speech").text("split")) == {"test"}


def test_a_set_without_a_usable_clip_is_an_empty_shard(made):
    folder, inputs, outputs, *_ = made
    for path in folder.glob("lrw/ABOUT/*/*.mp4"):
        path.write_bytes(b"")
    fit_clips.run(inputs, outputs, FIT)
    assert read_shard(outputs["shard"], "speech")["images"].shape == (0, 48, 48, 3)
    with pytest.raises(InputError, match="3 of 3 were rejected"):
        fit_clips.run(inputs, outputs, replace(FIT, max_reject_rate=0.5))


def test_what_was_heard_is_where_the_prior_pulls(talker):
    fitter = fit_clips.prepared(talker, FIT)
    aligned = np.array([[1.5, -2.0], [np.nan, np.nan]], np.float32)
    prior = fit_clips.speech_prior(aligned, fitter)
    first = 7 + len(talker.identity) + len(talker.expression)
    own = FIT.expression_weight
    weight, centre = prior.weight[0, first : first + 2].numpy(), prior.centre[0, first : first + 2].numpy()
    np.testing.assert_allclose(weight + own, FIT.speech_sigma**-2, rtol=1e-5)
    np.testing.assert_allclose(weight * centre / (weight + own), aligned[0], rtol=1e-5)
    assert not prior.weight[1].any() and np.count_nonzero(prior.weight[0]) == 2


def test_speech_must_be_firmer_than_the_prior(talker):
    with pytest.raises(InputError, match="speech_sigma"):
        fit_clips.speech_prior(np.zeros((1, 2), np.float32), fit_clips.prepared(talker, replace(FIT, speech_sigma=1.0)))


def test_a_model_without_speech(template_model):
    with pytest.raises(InputError, match="no speech components"):
        fit_clips.prepared(template_model, FIT)


def test_a_face_in_too_few_frames():
    class Blind(FaceDetector):
        def __init__(self) -> None: ...

        def largest_face(self, photo):
            raise UnusableDatum("no face found")

    with pytest.raises(UnusableDatum, match="in 0 of 29 frames"):
        fit_clips.track(pictures(), Blind(), 40)
