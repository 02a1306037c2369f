"""Every promise of the shards, kept and then broken, one at a time."""

import json
import shutil
from dataclasses import asdict

import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from pipeline.files import Reject, read_rejects, read_table, write_rejects
from pipeline.provenance import digest_of
from pipeline.settings.dataset import ValidateShards
from pipeline.shard_checks import CHECKS, disagreements, originals_that_differ, skipped
from pipeline.shards import LAYOUTS, Shard, content_digest, read_shard
from pipeline.validate_shards import reject_problems, run, summary_problems
from tests.pipeline.paired_people import PAIRS, write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset"))


def in_memory(shard: Shard) -> Shard:
    """A copy that can be changed; its digest is that of whatever is in it."""
    arrays = {name: array.copy() for name, array in shard.arrays.items()}
    return Shard(shard.kind, dict(shard.attributes), arrays)


@pytest.fixture
def annotated(dataset):
    return in_memory(read_shard(dataset["shards"][0], "annotated"))


@pytest.fixture
def paired(dataset):
    return in_memory(read_shard(dataset["shards"][1], "paired"))


@pytest.fixture
def meshes(rng):
    """Four meshes of two subjects, made up."""
    arrays = {
        "id": np.array([b"m/0", b"m/1", b"m/2", b"m/3"]),
        "subject": np.array([b"a", b"a", b"a", b"b"]),
        "session": np.array([b"1", b"1", b"2", b"1"]),
        "sequence": np.array([b"s"] * 4),
        "frame": np.arange(4, dtype=np.int32),
        "group": np.array([0, 0, 1, 2], np.int32),
        "split": np.array([b"train", b"train", b"train", b"test"]),
        "images": rng.integers(0, 255, (4, 8, 8, 3)).astype(np.uint8),
        "params": rng.uniform(-1, 1, (4, 3)).astype(np.float32),
        "residual": np.ones(4, np.float32),
        "camera": np.tile(np.float32([0, 0, 0, 0, 0, 600, 500, 4, 4]), (4, 1)),
        "crop": np.tile(np.float32([[1, 0, 0], [0, 1, 0]]), (4, 1, 1)),
    }
    settings = asdict(PAIRS)
    attributes = {
        "stage": "render_meshes", "seed": 0, "settings": settings, "settings_digest": digest_of(settings),
        "code_digest": "c", "model_digest": "m", "range": 3.0, "sigmas_mm": [1.0, 2.0, 3.0],
        "component_names": ["x", "y", "z"],
    }  # fmt: skip
    return Shard("meshes", attributes, arrays)


@pytest.fixture
def speech(meshes):
    """Two clips of two frames, made up."""
    shared = ("images", "params", "residual", "camera", "crop")
    arrays = {name: meshes.arrays[name] for name in shared} | {
        "id": np.array([b"l/0/08", b"l/0/07", b"l/1/07", b"l/1/08"]),
        "clip": np.array([b"l/0", b"l/0", b"l/1", b"l/1"]),
        "word": np.array([b"ABOUT"] * 4),
        "frame": np.array([8, 7, 7, 8], np.int32),
        "split": np.array([b"train", b"train", b"test", b"test"]),
        "method": np.array([b"mfcc_dtw"] * 4),
        "confidence": np.array([0.9, 0.9, 1, 1], np.float32),
        "identity": np.zeros((4, 2), np.float32),
        "landmarks_px": np.full((4, 68, 2), 4, np.float32),
    }
    return Shard("speech", dict(meshes.attributes), arrays)


def problems(shard: Shard) -> list[str]:
    """What is found in a shard that was written with what is in it now."""
    sealed = Shard(shard.kind, {**shard.attributes, "content_digest": content_digest(shard.arrays)}, shard.arrays)
    return [said for check in CHECKS[shard.kind] for said in check(sealed)]


def test_good_shards_have_no_problems(annotated, paired, meshes, speech):
    assert [problems(shard) for shard in (annotated, paired, meshes, speech)] == [[], [], [], []]
    assert {"annotated", "paired", "meshes", "speech"} == set(CHECKS) <= set(LAYOUTS)


BROKEN = {
    "one of no digest": (lambda s: s.arrays["params"].__setitem__((0, 2, 0), 7), "beyond [-1, 1]"),
    "not finite": (lambda s: s.arrays["camera"].__setitem__((0, 0), np.nan), "'camera' holds numbers"),
    "twice": (lambda s: s.arrays["id"].__setitem__(1, s.arrays["id"][0]), "stands in it 2 times"),
    "no id": (lambda s: s.arrays["id"].__setitem__(1, b""), "no id"),
    "blank": (lambda s: s.arrays["images"].__setitem__((1, 3), 0), "item 1 has 1 pictures of one colour"),
    "behind": (lambda s: s.arrays["camera"].__setitem__((0, 5), -1), "no positive tz_mm"),
    "no focal length": (lambda s: s.arrays["camera"].__setitem__((0, 6), 0), "no positive focal_px"),
    "sheared": (lambda s: s.arrays["crop"].__setitem__((0, 0, 1), 9), "no similarity"),
    "mirrored": (lambda s: s.arrays["crop"].__setitem__((0, 0), -s.arrays["crop"][0, 0]), "no similarity"),
    "vanishing": (lambda s: s.arrays["crop"].__setitem__(0, 0), "no similarity"),
    "moved neutral": (lambda s: s.arrays["params"].__setitem__((0, 1, 0), 0.5), "a neutral picture has parameters"),
    "drawn original": (lambda s: s.arrays["draws"].__setitem__((0, 0), 1), "draws are counted wrongly"),
    "undrawn": (lambda s: s.arrays["draws"].__setitem__((0, 3), 0), "draws are counted wrongly"),
    "redrawn": (lambda s: s.arrays["draws"].__setitem__((0, 3), 2), "expressions were drawn anew"),
    "invented": (lambda s: s.arrays["invented"].__setitem__((0, 2), 1.5), "outside [0, 1]"),
    "variants": (lambda s: s.arrays["variants"].__setitem__(0, b"photo"), "original, neutral, random_00"),
    "attributes": (lambda s: s.attributes.pop("seed"), "lacks the attributes ['seed']"),
    "settings": (lambda s: s.attributes["settings"].update(seed=9), "not what their digest says"),
    "names": (lambda s: s.attributes.update(component_names=["a"]), "1 component_names for 30"),
    "one name": (lambda s: s.attributes.update(component_names=["a"] * 30), "two components have one name"),
    "sigmas": (lambda s: s.attributes.update(sigmas_mm=[0.0] * 30), "standard deviation is not positive"),
    "range": (lambda s: s.attributes.update(range=0.0), "range 0.0 is not positive"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_promise_of_a_paired_shard_is_named(paired, how):
    change, said = BROKEN[how]
    paired.attributes["settings"] = dict(paired.attributes["settings"])
    change(paired)
    assert any(said in problem for problem in problems(paired)), problems(paired)


def test_a_content_that_is_not_its_digest_s(paired):
    paired.arrays["images"][0, 2, 5, 5] ^= 1
    assert [said for check in CHECKS["paired"] for said in check(paired)] == [
        "the content is not what its digest says: the file was changed or damaged"
    ]


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("residual", 0, -1, "a residual is negative"),
        ("params_sigma", (0, 2), 0, "a standard error is not positive"),
        ("status", 0, b"", "no status"),
        ("landmarks_px", 0, -900, "outside its image"),
        ("params", (0, 0), -1.5, "beyond [-1, 1]"),
    ],
)
def test_a_broken_promise_of_an_annotated_shard_is_named(annotated, name, place, value, said):
    annotated.arrays[name][place] = value
    assert any(said in problem for problem in problems(annotated))


@pytest.mark.parametrize(
    ("name", "row", "value", "said"),
    [
        ("split", 0, b"test", "subject 'a' is split into ['test', 'train']"),
        ("split", 3, b"valid", "subject 'b' is split into ['valid']"),
        ("group", 1, 2, "not one session of one subject"),
        ("group", 2, 0, "not one session of one subject"),
    ],
)
def test_a_broken_promise_of_a_meshes_shard_is_named(meshes, name, row, value, said):
    meshes.arrays[name] = meshes.arrays[name].astype("S5") if name == "split" else meshes.arrays[name]
    meshes.arrays[name][row] = value
    assert any(said in problem for problem in problems(meshes))


@pytest.mark.parametrize(
    ("name", "row", "value", "said"),
    [
        ("split", 0, b"test", "clip 'l/0' is of"),
        ("split", slice(0, 2), b"dev", "clip 'l/0' is of"),
        ("word", 3, b"", "clip 'l/1' is of"),
        ("frame", 0, 7, "a frame twice"),
        ("frame", 0, 29, "outside 0 to 28"),
        ("confidence", 2, 1.5, "a confidence lies outside"),
        ("landmarks_px", 0, -900, "outside its image"),
    ],
)
def test_a_broken_promise_of_a_speech_shard_is_named(speech, name, row, value, said):
    speech.arrays[name][row] = value
    assert any(said in problem for problem in problems(speech)), problems(speech)


def test_a_clip_that_was_rejected_has_no_frames(speech, tmp_path):
    shards = {tmp_path / "speech/set/00001.h5": speech}
    assert list(reject_problems(shards, [Reject("l/2", "align_speech", "silent audio")])) == []
    [said] = reject_problems(shards, [Reject("l/1", "fit_clips", "28 frames instead of 29")])
    assert said == "'l/1' was rejected by fit_clips and is in a 'speech' shard"


@pytest.mark.parametrize("name", ["model_digest", "range", "settings_digest", "component_names", "seed"])
def test_shards_of_a_dataset_agree(paired, tmp_path, name):
    other = in_memory(paired)
    other.arrays["id"] = np.array([b"x", b"y", b"z"])
    members = [(tmp_path / "1", paired), (tmp_path / "2", other)]
    assert list(disagreements(members)) == []
    other.attributes[name] = "another"
    assert list(disagreements(members)) == [(tmp_path / "2", f"another {name} than {tmp_path / '1'}")]


def test_an_id_stands_in_one_shard_only_and_images_have_one_size(paired, tmp_path):
    other = in_memory(paired)
    other.arrays["images"] = other.arrays["images"][:, :, :32]
    said = [problem for _, problem in disagreements([(tmp_path / "1", paired), (tmp_path / "2", other)])]
    assert said[0].startswith("images of another shape") and len(said) == 4
    assert said[1] == f"id 'set/photo0' is in {tmp_path / '1'} too"


@pytest.mark.parametrize("name", ["images", "params", "identity", "camera", "crop"])
def test_an_original_is_the_annotated_item(annotated, paired, name):
    assert list(originals_that_differ(paired, annotated)) == []
    annotated.arrays[name][1].reshape(-1)[0] += 1
    assert list(originals_that_differ(paired, annotated)) == [
        f"the original of 'set/photo1' has other {name} than its annotated item"
    ]


def test_pairs_are_of_annotated_items_in_their_order(annotated, paired):
    some = Shard("paired", {}, {"id": paired["id"][[0, 2]]})
    assert list(skipped(some, annotated, {"set/photo1"})) == []
    assert list(skipped(some, annotated, set())) == ["'set/photo1' is missing without a reason"]
    assert list(skipped(Shard("paired", {}, {"id": paired["id"][:1]}), annotated, set())) == [], "the first few"
    assert "another order" in next(skipped(Shard("paired", {}, {"id": paired["id"][::-1]}), annotated, set()))
    stranger = in_memory(paired)
    stranger.arrays["id"][0] = b"set/nobody"
    assert "'set/nobody' is not among the annotated items" in list(originals_that_differ(stranger, annotated))


def with_rejects(dataset, rows):
    shards = {path: read_shard(path, path.parent.parent.name) for path in dataset["shards"]}
    rejects = read_rejects(dataset["rejects"])
    return shards, [reject._replace(**row) for reject, row in zip(rejects * len(rows), rows, strict=True)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{}, {}], "'set/nobody' is rejected 2 times by detect_landmarks"),
        ([{"reason": ""}], "lacks its id, stage or reason"),
        ([{"id": "set/photo1"}], "rejected by detect_landmarks and is in a 'annotated' shard"),
        ([{"id": "set/photo1", "stage": "render_pairs"}], "rejected by render_pairs and is in a 'paired' shard"),
    ],
)
def test_rejects_say_why_and_stand_in_no_shard(dataset, rows, said):
    shards, rejects = with_rejects(dataset, [{}])
    assert list(reject_problems(shards, rejects)) == []
    shards, rejects = with_rejects(dataset, rows)
    assert any(said in problem for problem in reject_problems(shards, rejects))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["shards"].pop(), "there and not listed"),
        (lambda d: d["shards"].append({**d["shards"][0], "shard": "00009"}), "00009 is listed and not there"),
        (lambda d: d["shards"][0].update(items=99), "other items"),
        (lambda d: d["shards"][0].update(content_digest="0"), "another digest"),
        (lambda d: d["rejects"].update(fit_faces=5), "counts rejects as"),
    ],
)
def test_the_summary_is_of_these_shards(dataset, change, said):
    shards, rejects = with_rejects(dataset, [{}])
    described = json.loads(dataset["dataset"].read_text())
    assert list(summary_problems(shards, rejects, described)) == []
    change(described)
    assert any(said in problem for problem in summary_problems(shards, rejects, described))


def test_a_good_dataset_passes(dataset, tmp_path):
    run(dataset, {"report": tmp_path / "report.csv"}, ValidateShards())
    rows = read_table(tmp_path / "report.csv")
    assert [(row["kind"], row["items"], row["problem"]) for row in rows] == [
        ("annotated", "3", ""),
        ("paired", "3", ""),
    ]


def test_all_problems_are_in_the_report_and_the_first_in_the_error(dataset, tmp_path):
    shutil.copytree(dataset["dataset"].parent, tmp_path / "shards")
    annotated, paired = (tmp_path / "shards" / kind / "set/00001.h5" for kind in ("annotated", "paired"))
    with h5py.File(paired, "r+") as file:
        file["images"][0, 2, 0, 0, 0] ^= 1
    annotated.write_bytes(b"no shard")
    write_rejects(tmp_path / "shards/rejects.csv", [])
    broken = {"shards": [annotated, paired]} | {
        name: tmp_path / "shards" / dataset[name].name for name in ("dataset", "rejects")
    }
    with pytest.raises(InputError, match=r"found 4 problems.*cannot be read as HDF5.*content is not what"):
        run(broken, {"report": tmp_path / "report.csv"}, ValidateShards())
    found = [row["problem"] for row in read_table(tmp_path / "report.csv") if row["problem"]]
    assert len(found) == 4 and "counts rejects" in found[-1]
