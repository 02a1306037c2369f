"""Speech of the made clips against their truth; `make bench-speech` prints the tables.

The clips, the database of other speakers and the speech basis are made here, with the settings of config.yaml; only
their number is larger than in the demo. Coefficients are compared as what they move, |U sigma (p - p*)| over
|U sigma p*| in mm, which is the norm of p = U'd before it is divided by standard deviations; and in standard
deviations, in which a component that moves a vertex by less than 0.1 mm counts as much as the one that opens the jaw.
"""

import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from models3d.face_model import FaceModel, combine
from models3d.fitting.joint_fit import JointFitOptions, fit_together
from models3d.fitting.landmark_fit import fit_landmarks
from models3d.readers.native import read_native, write_model
from pipeline import (
    align_speech,
    build_speech_model,
    fit_clips,
    index_phones,
    index_takes,
    list_clips,
    make_speech_sample,
)  # fmt: skip
from pipeline.clip_media import read_frames, read_sound
from pipeline.clip_tables import ClipRow, read_clips
from pipeline.face_detector import FaceDetector
from pipeline.fit_options import landmark_fit_options
from pipeline.forced_alignment import PhoneAligner
from pipeline.lrw import FRAMES, SAMPLE_RATE, SIDE_PX, frame_times_s, read_duration, word_span_s
from pipeline.mouth_region import speech_coefficients
from pipeline.phone_matching import instances, put_together
from pipeline.provenance import ROOT
from pipeline.sample.population import make_population
from pipeline.settings.speech import (
    AlignSpeech,
    BuildSpeechModel,
    FitClips,
    IndexPhones,
    IndexTakes,
    ListClips,
    MakeSpeechSample,
)  # fmt: skip
from pipeline.shards import Shard, read_shard
from pipeline.speech_features import normalised, speech_features, windows_between
from pipeline.word_matching import Calibration, Take, matches, takes_of

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SAMPLE = MakeSpeechSample(seed=0, identity_components=60, words=6, clips_per_word=3, speakers=4)


def shipped(record, *sections):
    """The settings of config.yaml, the last section first; a whole number stands for a fraction there."""
    values = {key: value for section in sections for key, value in CONFIG[section].items()}
    kinds = {field.name: field.type for field in fields(record)}
    return record(**{name: float(values[name]) if kind is float else values[name] for name, kind in kinds.items()})


FIT = shipped(FitClips, "fit_faces", "annotate_faces", "fit_clips")
ALIGN = replace(shipped(AlignSpeech, "align_speech"), min_confidence=0.0, second_aligner="pocketsphinx")
WARPED, FORCED = align_speech.WARPED, align_speech.FORCED
VISIBLE_MM = 0.1
"""A component whose standard deviation moves no vertex as far is printed apart."""

pytestmark = pytest.mark.benchmark


@dataclass(frozen=True, eq=False)
class Made:
    """The sample through the stages up to the alignments."""

    model: FaceModel
    rows: list[ClipRow]
    takes: Shard
    phones: Shard
    alignments: Shard
    truth: Shard

    def true_row(self, clip: str) -> int:
        return self.truth.text("id").index(clip.split("/", 1)[1])

    def true_speech(self, clip: str, said: str = "speech_actions") -> np.ndarray:
        per_action = speech_coefficients(self.model.speech, self.model.expression.displacements_mm)
        return self.truth[said][self.true_row(clip)] @ per_action

    def aligned(self, clip: str) -> np.ndarray:
        return np.array(self.alignments["coefficients"][self.alignments.text("id").index(clip)])

    def by_method(self, method: str) -> list[str]:
        pairs = zip(self.alignments.text("id"), self.alignments.text("method"), strict=True)
        return [clip for clip, how in pairs if how == method]

    def by_word(self) -> dict[str, list[Take]]:
        takes = takes_of(self.takes)
        return {word: [take for take in takes if take.word == word] for word in {take.word for take in takes}}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("speech")
    clips, manifest = folder / "lrw", folder / "4d/manifest.csv"
    names = {"clip": clips / "ABOUT/train/ABOUT_00001.mp4", "released": folder / "lrw3d/speech.h5"}
    make_speech_sample.run({}, {**names, "manifest": manifest, "truth": folder / "truth.h5"}, SAMPLE)
    face = make_population(SAMPLE).model
    write_model(folder / "face.h5", face)
    outputs = {name: folder / f"speech.{name}" for name in ("components", "rejects")} | {"model": folder / "speech.h5"}
    inputs = {"manifest": manifest, "template": folder / "face.h5"}
    build_speech_model.run(inputs, outputs, shipped(BuildSpeechModel, "build_speech_model"))
    model = combine("sample_speech", face, face, read_native(folder / "speech.h5"))
    write_model(folder / "model.h5", model)
    inputs = {name: folder / f"{name}.h5" for name in ("model", "takes", "phones")} | {"manifest": manifest}
    index_takes.run(inputs, {"takes": inputs["takes"], "rejects": folder / "takes.csv"}, IndexTakes(0.0))
    outputs = {"phones": inputs["phones"], "rejects": folder / "phones.csv"}
    index_phones.run(inputs, outputs, shipped(IndexPhones, "index_phones"))
    list_clips.run({}, {"listings": [folder / "clips.csv"]}, ListClips("sample", str(clips), None, 1, 10**4))
    outputs = {"alignments": folder / "alignments.h5", "rejects": folder / "alignments.csv"}
    align_speech.run({**inputs, "listing": folder / "clips.csv"}, outputs, ALIGN)
    kinds = {"takes": inputs["takes"], "phones": inputs["phones"], "alignments": outputs["alignments"]}
    shards = [read_shard(path, kind) for kind, path in kinds.items()]
    return Made(model, read_clips(folder / "clips.csv"), *shards, read_shard(folder / "truth.h5", "speech_truth"))


def finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)].astype(float)


def test_time_errors(made):
    """Of every frame within a word, in seconds of the clip: where its moment was found in the take, against where the
    same share of the same phone is."""
    errors: list[float] = []
    columns = (made.alignments.text("id"), made.alignments.text("take"), made.alignments["take_times_s"])
    for clip, take, times in zip(*columns, strict=True):
        if not take:
            continue
        own = finite(made.truth["boundaries_s"][made.true_row(clip)])
        other = finite(made.truth["take_boundaries_s"][made.truth.text("take").index(take)])
        inside = np.isfinite(times) & (frame_times_s() >= own[0]) & (frame_times_s() <= own[-1])
        true = np.interp(frame_times_s()[inside], own, other)
        tempo = (own[-1] - own[0]) / (other[-1] - other[0])
        errors += (np.abs(times[inside] - true) * tempo).tolist()
    median, high = np.percentile(errors, [50, 90]) * 1000
    print(f"\ntime error of {len(errors)} frames: median {median:.1f} ms, 90th percentile {high:.1f} ms")


def off_by(made: Made, found: dict[str, np.ndarray], what: str) -> None:
    """Print errors of speech coefficients of clips, NaN outside the words, relative to the norm of the true ones."""
    sigmas, rows, parts = made.model.speech.sigmas_mm, [], []
    seen = sigmas * np.linalg.norm(made.model.speech.components, axis=2).max(axis=1) >= VISIBLE_MM
    for clip, coefficients in found.items():
        given = np.isfinite(coefficients[:, 0])
        true = made.true_speech(clip)[given]
        off = coefficients[given] - true
        scales = (sigmas, np.ones_like(sigmas), seen.astype(float))
        rows.append([np.linalg.norm(off * scale) / np.linalg.norm(true * scale) for scale in scales])
        parts.append([(off**2).sum(axis=0), (true**2).sum(axis=0)])
    names = ("what they move, mm", "standard deviations", f"the {seen.sum()} that move {VISIBLE_MM} mm, in them")
    for name, values in zip(names, np.array(rows).T, strict=True):
        median, high, worst = np.percentile(values, [50, 90, 100])
        print(f"\n{what}, {name}: median {median:.2f}, 90th {high:.2f}, worst {worst:.2f}", end="")
    errors, truth = np.sum(parts, axis=0)
    print(f"\n{what}, each component: {' '.join(f'{value:.2f}' for value in np.sqrt(errors / truth))}")


def test_coefficients(made):
    """The floor of what sound can say: the truth of somebody who says the same at the same moments, without the
    speaker's own way."""
    plain = {clip: made.true_speech(clip, "plain_actions") for clip in made.by_method(WARPED)}
    given = {clip: np.isfinite(made.aligned(clip)) for clip in plain}
    off_by(made, {clip: np.where(given[clip], plain[clip], np.nan) for clip in plain}, "without style")
    off_by(made, {clip: made.aligned(clip) for clip in made.by_method(WARPED)}, "aligned")
    off_by(made, {clip: made.aligned(clip) for clip in made.by_method(FORCED)}, "by phones, of a word no take says")


def test_words_put_together_from_the_phones_of_others(made):
    """The second aligner on words that the database has, their own takes withheld."""
    aligner, known, found = PhoneAligner(), instances(made.takes, made.phones), {}
    for row in (row for row in made.rows if row.id in made.by_method(WARPED)):
        others = {phone: [one for one in said if one.take.word != row.word] for phone, said in known.items()}
        start_s, end_s = word_span_s(read_duration(Path(row.text)))
        sound = read_sound(Path(row.path))[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        spoken = aligner.align(sound, row.word)
        coefficients = put_together(spoken, start_s, frame_times_s(), others)
        found[row.id] = np.where(np.isfinite(made.aligned(row.id)), coefficients, np.nan)
    off_by(made, found, "by phones of other words")


def test_wrong_words(made):
    by_word, curve = made.by_word(), Calibration(**made.takes.attributes["calibration"])
    right, wrong = [], []
    for row in (row for row in made.rows if row.word in by_word):
        heard = heard_in(row)
        for word in sorted(by_word):
            (right if word == row.word else wrong).append(matches(heard, word, by_word, curve)[0].confidence)
    print(f"\nconfidence in {len(right)} right words: lowest {min(right):.2f}, median {np.median(right):.2f}")
    print(f"confidence in {len(wrong)} wrong words: highest {max(wrong):.2f}, median {np.median(wrong):.2f}")
    for clip in made.by_method(FORCED):
        sure = made.alignments["confidence"][made.alignments.text("id").index(clip)]
        print(f"confidence by phones in {clip}: {sure:.2f}")


def heard_in(row: ClipRow) -> np.ndarray:
    """The word's features in a clip."""
    features = speech_features(read_sound(Path(row.path)))
    first, end = windows_between(*word_span_s(read_duration(Path(row.text))), len(features))
    return normalised(features[first:end])


def test_lips_and_speed(made):
    """Who moves the lips: expression with and without speech held; and the processor's time a frame of every step."""
    speaking = fit_clips.prepared(made.model, FIT)
    mute = fit_clips.prepared(replace(made.model, speech=made.model.speech.first(1)), FIT)
    by_word, curve = made.by_word(), Calibration(**made.takes.attributes["calibration"])
    detector, spent = FaceDetector(FIT.min_confidence), np.zeros(5)
    energies = {"speech held": np.zeros(3), "expression alone": np.zeros(3)}
    clips = [row for row in made.rows if row.id in made.by_method(WARPED)]
    shown = {}
    for row in clips:
        aligned = made.aligned(row.id)
        marks = [time.process_time()]
        frames = read_frames(Path(row.path))
        marks.append(time.process_time())
        tracked = fit_clips.track(frames, detector, FIT.min_face_px)
        marks.append(time.process_time())
        fit = fit_clips.fit_clip(tracked, aligned, speaking)
        marks.append(time.process_time())
        matches(heard_in(row), row.word, by_word, curve)
        marks.append(time.process_time())
        spent += [*np.diff(marks), marks[-1] - marks[0]]
        held = np.isfinite(aligned[:, 0])
        shown[row.id] = np.where(held[:, None], fit.expression[:, speaking.expressions :], np.nan)
        energies["speech held"] += leaked(made, row, fit.expression, held)
        energies["expression alone"] += leaked(made, row, alone(tracked, mute), held)
    count = FRAMES * len(clips)
    for name, seconds in zip(("decode", "landmarks", "joint fit", "alignment", "all"), spent, strict=True):
        print(f"\n{name}: {1000 * seconds / count:.1f} ms a frame, {count / seconds:.0f} frames a second", end="")
    for name, (leak, whole, speech) in energies.items():
        print(
            f"\n{name}: expression off by {np.sqrt(leak / speech):.2f}, whole face by {np.sqrt(whole / speech):.2f}"
            " of what speech moves",
            end="",
        )
    off_by(made, shown, "in the shard")


def alone(tracked: fit_clips.Tracked, fitter: fit_clips.Fitter) -> np.ndarray:
    """The expression of a fit that knows nothing of speech."""
    each = landmark_fit_options(FIT)
    only = replace(fitter.model, expression=fitter.model.expression.first(fitter.expressions))
    seen = only, fit_clips.landmark_points(only), tracked.landmarks_px
    sizes = np.full((FRAMES, 2), SIDE_PX, float)
    start = fit_landmarks(*seen, sizes, tracked.slides, each)
    together = JointFitOptions(replace(each, iterations=FIT.joint_iterations), FIT.smoothness, one_camera=True)
    return fit_together(*seen, sizes, tracked.slides, start, [range(FRAMES)], together).expression


def leaked(made: Made, row: ClipRow, found: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Squared mm over the word's frames: expression minus mood, whole motion minus the true one, speech itself."""
    truth = made.true_row(row.id)
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
