"""Speech of the made clips against their truth; `make bench` prints the tables.

The clips are in results/speech_sample (or SPEECH_SAMPLE_DIR), the face model in results/models/sample.h5. Time errors
are of every frame within a word, in seconds of the clip: where its moment was found in the take, against where the same
share of the same phone is. Coefficients are compared as what they move, |U sigma (p - p*)| over |U sigma p*| in mm, and
in standard deviations, which make little of the first components and much of the last.
"""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from models3d.face_model import FaceModel, combine
from models3d.fitting.joint_fit import JointFitOptions, fit_together
from models3d.fitting.landmark_fit import fit_landmarks
from models3d.readers.native import read_native, write_model
from pipeline import align_speech, build_speech_model, fit_clips, index_takes, list_clips
from pipeline.clip_media import read_frames, read_sound
from pipeline.clip_tables import ClipRow, read_clips
from pipeline.face_detector import FaceDetector
from pipeline.fit_options import landmark_fit_options
from pipeline.lrw import FRAMES, SIDE_PX, frame_times_s, read_duration, word_span_s
from pipeline.mouth_region import speech_coefficients
from pipeline.provenance import ROOT
from pipeline.settings.speech import AlignSpeech, BuildSpeechModel, FitClips, IndexTakes, ListClips
from pipeline.shards import Shard, read_shard
from pipeline.speech_features import normalised, speech_features, windows_between
from pipeline.word_matching import Calibration, best_match, takes_of

SAMPLE = Path(os.environ.get("SPEECH_SAMPLE_DIR", ROOT / "results/speech_sample"))
MODEL = ROOT / "results/models/sample.h5"
BUILD = BuildSpeechModel(seed=0, components=10, inner_mm=14.0, outer_mm=32.0, rank=60, max_reject_rate=1.0)
FIT = FitClips(
    seed=0, speech_sigma=0.15, smoothness=30.0, joint_iterations=5, min_confidence=0.5, min_face_px=40, iterations=30,
    landmark_sigma=0.02, identity_weight=1.0, expression_weight=1.0, focal="solve", focal_ratio=1.5,
    focal_log_sigma=0.35, max_turn_degrees=75.0, max_residual=0.1, max_reject_rate=1.0, size_px=128, face_scale=0.7,
    range_sigma=3.0,
)  # fmt: skip

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(
        not (SAMPLE / "truth.h5").is_file() or not MODEL.is_file(), reason="make the speech sample and its model first"
    ),
]


@dataclass(frozen=True, eq=False)
class Made:
    """The sample through the stages up to the alignments."""

    model: FaceModel
    rows: list[ClipRow]
    takes: Shard
    alignments: Shard
    truth: Shard

    def true_row(self, clip: str) -> int:
        return self.truth.text("id").index(clip.split("/", 1)[1])

    def true_speech(self, clip: str) -> np.ndarray:
        per_action = speech_coefficients(self.model.speech, self.model.expression.displacements_mm)
        return self.truth["speech_actions"][self.true_row(clip)] @ per_action


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("speech")
    manifest = SAMPLE / "4d_speech/manifest.csv"
    outputs = {name: folder / f"speech.{name}" for name in ("components", "rejects")}
    build_speech_model.run({"manifest": manifest, "template": MODEL}, {**outputs, "model": folder / "speech.h5"}, BUILD)
    face = read_native(MODEL)
    model = combine("sample_speech", face, face, read_native(folder / "speech.h5"))
    write_model(folder / "model.h5", model)
    inputs = {"manifest": manifest, "model": folder / "model.h5"}
    index_takes.run(inputs, {"takes": folder / "takes.h5", "rejects": folder / "takes.csv"}, IndexTakes(0.0))
    listing = ListClips("sample", str(SAMPLE / "lrw/lipread_mp4"), None, 1, 10**4)
    list_clips.run({}, {"listings": [folder / "clips.csv"]}, listing)
    inputs = {"listing": folder / "clips.csv", "model": folder / "model.h5", "takes": folder / "takes.h5"}
    outputs = {"alignments": folder / "alignments.h5", "rejects": folder / "alignments.csv"}
    align_speech.run(inputs, outputs, AlignSpeech(0.0, 4, "none", 1.0))
    takes, found = read_shard(folder / "takes.h5", "takes"), read_shard(folder / "alignments.h5", "alignments")
    return Made(model, read_clips(folder / "clips.csv"), takes, found, read_shard(SAMPLE / "truth.h5", "speech_truth"))


def finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)].astype(float)


def test_time_errors(made):
    errors = []
    for clip, take, times in zip(
        made.alignments.text("id"), made.alignments.text("take"), made.alignments["take_times_s"], strict=True
    ):
        own = finite(made.truth["boundaries_s"][made.true_row(clip)])
        other = finite(made.truth["take_boundaries_s"][made.truth.text("take").index(take)])
        inside = np.isfinite(times) & (frame_times_s() >= own[0]) & (frame_times_s() <= own[-1])
        true = np.interp(frame_times_s()[inside], own, other)
        tempo = (own[-1] - own[0]) / (other[-1] - other[0])
        errors += (np.abs(times[inside] - true) * tempo).tolist()
    median, high = np.percentile(errors, [50, 90]) * 1000
    print(f"\ntime error of {len(errors)} frames: median {median:.1f} ms, 90th percentile {high:.1f} ms")


def test_coefficients(made):
    sigmas, rows = made.model.speech.sigmas_mm, []
    for clip, coefficients in zip(made.alignments.text("id"), made.alignments["coefficients"], strict=True):
        given = np.isfinite(coefficients[:, 0])
        true = made.true_speech(clip)[given]
        off = coefficients[given] - true
        rows.append(
            [np.linalg.norm(off * scale) / np.linalg.norm(true * scale) for scale in (sigmas, np.ones_like(sigmas))]
        )
    for name, values in zip(("what they move, mm", "standard deviations"), np.array(rows).T, strict=True):
        quarters = np.percentile(values, [50, 90, 100])
        print(
            f"\nspeech coefficients, {name}: median {quarters[0]:.2f}, 90th {quarters[1]:.2f}, worst {quarters[2]:.2f}"
        )


def test_wrong_words(made):
    takes = takes_of(made.takes)
    by_word = {word: [take for take in takes if take.word == word] for word in {take.word for take in takes}}
    curve = Calibration(**made.takes.attributes["calibration"])
    right, wrong = [], []
    for row in (row for row in made.rows if row.word in by_word):
        features = speech_features(read_sound(Path(row.path)))
        first, end = windows_between(*word_span_s(read_duration(Path(row.text))), len(features))
        heard = normalised(features[first:end])
        for word in sorted(by_word):
            (right if word == row.word else wrong).append(best_match(heard, word, by_word, curve).confidence)
    print(f"\nconfidence in {len(right)} right words: lowest {min(right):.2f}, median {np.median(right):.2f}")
    print(f"confidence in {len(wrong)} wrong words: highest {max(wrong):.2f}, median {np.median(wrong):.2f}")


def test_lips_and_speed(made):
    """Expression with and without speech held, and the processor's time a frame of every step."""
    speaking = fit_clips.prepared(made.model, FIT)
    mute = fit_clips.prepared(replace(made.model, speech=made.model.speech.first(1)), FIT)
    place = {name: row for row, name in enumerate(made.alignments.text("id"))}
    detector, spent = FaceDetector(FIT.min_confidence), np.zeros(5)
    energies = {"speech held": np.zeros(3), "expression alone": np.zeros(3)}
    clips = [row for row in made.rows if row.id in place]
    for row in clips:
        aligned = np.array(made.alignments["coefficients"][place[row.id]])
        marks = [time.process_time()]
        frames = read_frames(Path(row.path))
        marks.append(time.process_time())
        tracked = fit_clips.track(frames, detector, FIT.min_face_px)
        marks.append(time.process_time())
        fit = fit_clips.fit_clip(tracked, aligned, speaking)
        marks.append(time.process_time())
        features = speech_features(read_sound(Path(row.path)))
        first, end = windows_between(*word_span_s(read_duration(Path(row.text))), len(features))
        takes = takes_of(made.takes)
        by_word = {word: [take for take in takes if take.word == word] for word in {take.word for take in takes}}
        best_match(normalised(features[first:end]), row.word, by_word, Calibration(0.7, 0.01))
        marks.append(time.process_time())
        spent += [*np.diff(marks), marks[-1] - marks[0]]
        energies["speech held"] += leaked(made, row, fit.expression, aligned)
        energies["expression alone"] += leaked(made, row, alone(tracked, mute), aligned)
    count = FRAMES * len(clips)
    for name, seconds in zip(("decode", "landmarks", "joint fit", "alignment", "all"), spent, strict=True):
        print(f"\n{name}: {1000 * seconds / count:.1f} ms a frame, {count / seconds:.0f} frames a second", end="")
    for name, (leak, whole, speech) in energies.items():
        print(
            f"\n{name}: expression off by {np.sqrt(leak / speech):.2f}, whole face by {np.sqrt(whole / speech):.2f}"
            " of what speech moves",
            end="",
        )
    print()


def alone(tracked: fit_clips.Tracked, fitter: fit_clips.Fitter) -> np.ndarray:
    """The expression of a fit that knows nothing of speech."""
    each = landmark_fit_options(FIT)
    only = replace(fitter.model, expression=fitter.model.expression.first(fitter.expressions))
    seen = only, fit_clips.landmark_points(only), tracked.landmarks_px
    sizes = np.full((FRAMES, 2), SIDE_PX, float)
    start = fit_landmarks(*seen, sizes, tracked.slides, each)
    together = JointFitOptions(replace(each, iterations=FIT.joint_iterations), FIT.smoothness, one_camera=True)
    return fit_together(*seen, sizes, tracked.slides, start, [range(FRAMES)], together).expression


def leaked(made: Made, row: ClipRow, found: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """Squared mm over the word's frames: expression minus mood, whole motion minus the true one, speech itself."""
    truth, given = made.true_row(row.id), np.isfinite(aligned[:, 0])
    count = len(made.model.expression)
    mood, spoken = (made.truth[name][truth][given] for name in ("expression", "speech_actions"))
    basis = made.model.motion.displacements_mm.reshape(len(made.model.motion), -1)
    gram = basis.astype(np.float64) @ basis.T

    def energy(coefficients: np.ndarray) -> float:
        part = gram[: coefficients.shape[1], : coefficients.shape[1]]
        return float(np.einsum("fi,ij,fj->", coefficients, part, coefficients))

    whole = found[given].astype(np.float64)
    whole[:, :count] -= mood + spoken
    return np.array([energy(found[given][:, :count] - mood), energy(whole), energy(spoken)])
