from dataclasses import replace

import numpy as np
import pytest
import torch

from models3d.camera import project, unpack
from models3d.errors import InputError
from models3d.face_model import empty_basis, synthesize
from models3d.label_errors import Calibration
from models3d.readers.native import read_native, write_model
from pipeline import fit_faces
from pipeline.calibration_file import Calibrations, write_calibrations
from pipeline.files import read_rejects
from pipeline.photo_tables import read_index, write_index
from pipeline.shards import read_shard
from tests.pipeline.fitted_photos import FIT, fit_inputs, fit_outputs, write_landmarks, write_photos

torch.set_num_threads(1)  # as the workflow's rules have it


@pytest.fixture(scope="module")
def folder(template_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit_faces")
    write_photos(folder, template_model)
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    return folder


def with_landmarks(folder, tmp_path, change):
    """The inputs with other landmarks: `change` works on ids and points in place."""
    found = read_shard(folder / "landmarks.h5", "landmarks")
    ids, points = found.text("id"), np.array(found["landmarks_px"])
    change(ids, points)
    write_landmarks(tmp_path / "landmarks.h5", ids, points)
    return {**fit_inputs(folder), "landmarks": tmp_path / "landmarks.h5"}


def test_the_shard_holds_the_faces(folder, template_model):
    fits = read_shard(folder / "fits.h5", "fits")
    assert fits.text("id") == [f"set/photo{row}.png" for row in range(6)]
    assert set(fits.text("status")) == {"converged"}
    assert (fits["residual"] < 0.02).all()
    vertices = synthesize(template_model, np.array(fits["identity"]), np.array(fits["expression"]))
    seen = project(unpack(np.array(fits["camera"])), vertices[:, template_model.landmarks])
    np.testing.assert_allclose(seen, fits["fitted_px"], atol=0.01)
    np.testing.assert_allclose(seen, fits["landmarks_px"], atol=5)
    assert read_rejects(folder / "rejects.csv") == []
    assert fits.attributes["model_digest"] == template_model.digest


def test_same_bytes_again_and_for_any_batch(folder, tmp_path):
    fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), FIT)
    assert (tmp_path / "fits.h5").read_bytes() == (folder / "fits.h5").read_bytes()
    fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), replace(FIT, batch=1))
    digests = {read_shard(path / "fits.h5", "fits").attributes["content_digest"] for path in (folder, tmp_path)}
    assert len(digests) == 1


def test_a_model_without_expressions_is_refused(folder, template_model, tmp_path):
    write_model(tmp_path / "model.h5", replace(template_model, expression=empty_basis(len(template_model.mean_mm))))
    with pytest.raises(InputError, match="has no expression components.* as the model's 'expression'"):
        fit_faces.run({**fit_inputs(folder), "model": tmp_path / "model.h5"}, fit_outputs(tmp_path), FIT)


def test_unusable_rows_become_rejects_with_a_reason(folder, tmp_path, rng):
    def spoil(ids, points):
        points[1, 5] = np.nan
        points[3] = 100
        points[4] += rng.normal(size=(68, 2)) * 15

    fit_faces.run(with_landmarks(folder, tmp_path, spoil), fit_outputs(tmp_path), FIT)
    rejects = read_rejects(tmp_path / "rejects.csv")
    assert [reject.id for reject in rejects] == [f"set/photo{row}.png" for row in (1, 3, 4)]
    assert {reject.stage for reject in rejects} == {"fit_faces"}
    for reject, word in zip(rejects, ("not finite", "no picture of a face", "misses the landmarks"), strict=True):
        assert word in reject.reason
    kept, whole = read_shard(tmp_path / "fits.h5", "fits"), read_shard(folder / "fits.h5", "fits")
    assert kept.text("id") == [f"set/photo{row}.png" for row in (0, 2, 5)]
    np.testing.assert_array_equal(kept["expression"], whole["expression"][[0, 2, 5]])


def test_standard_errors_are_calibrated_by_kind_and_residual(folder, tmp_path):
    plain = read_shard(folder / "fits.h5", "fits")
    by_residual = Calibration(scale=0.5, slope=1.0, typical=0.01, least=1e-4, most=1.0)
    far_too_wide = Calibration(scale=1e6, slope=0.0, typical=0.01, least=0.01, most=0.01)
    digest = plain.attributes["model_digest"]
    inputs = {**fit_inputs(folder), "calibration": tmp_path / "calibration.json"}
    write_calibrations(inputs["calibration"], Calibrations(far_too_wide, by_residual), {"model_digest": digest})
    fit_faces.run(inputs, fit_outputs(tmp_path), FIT)
    fits = read_shard(tmp_path / "fits.h5", "fits")
    wanted = plain["expression_sigma"] * 50 * plain["residual"][:, None]
    np.testing.assert_allclose(fits["expression_sigma"], wanted, rtol=1e-5)
    assert fits.attributes["calibration"]["detected"]["scale"] == 0.5
    write_calibrations(inputs["calibration"], Calibrations(by_residual, far_too_wide), {"model_digest": digest})
    fit_faces.run(inputs, fit_outputs(tmp_path), FIT)
    fits = read_shard(tmp_path / "fits.h5", "fits")
    bounds = read_native(folder / "model.h5").expression.bounds
    furthest = np.maximum(bounds[:, 1] - fits["expression"], fits["expression"] - bounds[:, 0])
    np.testing.assert_allclose(fits["expression_sigma"], furthest, rtol=1e-6)


def test_labels_that_say_little_are_rejected_where_that_is_asked(folder, tmp_path):
    sigma = read_shard(folder / "fits.h5", "fits")["expression_sigma"].mean(1)
    limit = float(np.sort(sigma)[2:4].mean())
    fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), replace(FIT, max_mean_sigma=limit))
    rejects = read_rejects(tmp_path / "rejects.csv")
    assert [reject.id for reject in rejects] == [f"set/photo{row}.png" for row in np.flatnonzero(sigma > limit)]
    assert len(rejects) == 3 and "standard deviations" in rejects[0].reason


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"scale": 1.0', '"scale": -1.0'),
        lambda text: text.replace('"scale": 1.0', '"scale": "1.0"'),
        lambda text: text.replace('"slope"', '"slop"'),
        lambda text: text.replace('"model_digest": "', '"model_digest": "f'),
        lambda text: "[]",
    ],
)
def test_a_calibration_that_is_none_is_refused(folder, tmp_path, change):
    inputs = {**fit_inputs(folder), "calibration": tmp_path / "calibration.json"}
    inputs["calibration"].write_text(change((folder / "calibration.json").read_text()))
    with pytest.raises(InputError, match="calibration.json.*[Dd]elete it"):
        fit_faces.run(inputs, fit_outputs(tmp_path), FIT)
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


PERSONS = ["set/ann", "", "set/ann", "set/bo", "set/ann", "set/bo", "set/cy", ""]


@pytest.fixture(scope="module")
def album(template_model, tmp_path_factory):
    """Three photos of ann, two of bo, one of cy, and two that name nobody; noisy marks."""
    folder = tmp_path_factory.mktemp("album")
    crowd = write_photos(folder, template_model, 8, PERSONS)
    noise = np.random.default_rng(5).normal(size=crowd.landmarks_px.shape) * 1.0
    write_landmarks(folder / "landmarks.h5", [f"set/photo{row}.png" for row in range(8)], crowd.landmarks_px + noise)
    fit_faces.run(fit_inputs(folder), fit_outputs(folder), FIT)
    return folder, crowd


def test_photos_of_one_person_share_an_identity(album, tmp_path):
    folder, crowd = album
    fits = read_shard(folder / "fits.h5", "fits")
    assert fits.text("person") == PERSONS
    rows = {name: [row for row, own in enumerate(PERSONS) if own == name] for name in PERSONS}
    for name in ("set/ann", "set/bo"):
        assert len(np.unique(fits["identity"][rows[name]], axis=0)) == 1
    index = [photo._replace(person="") for photo in read_index(folder / "index.csv")]
    write_index(tmp_path / "index.csv", index)
    fit_faces.run({**fit_inputs(folder), "index": tmp_path / "index.csv"}, fit_outputs(tmp_path), FIT)
    alone = read_shard(tmp_path / "fits.h5", "fits")
    single = rows[""] + rows["set/cy"]
    for name in ("identity", "expression", "expression_sigma", "camera"):
        np.testing.assert_array_equal(fits[name][single], alone[name][single])
    ann = rows["set/ann"]
    wrong = [np.linalg.norm(found["identity"][ann] - crowd.identity[ann]) for found in (fits, alone)]
    assert wrong[0] < 0.9 * wrong[1], "they help each other"


def test_people_depend_neither_on_the_batch_nor_on_each_other(album, tmp_path):
    folder, _ = album
    whole = read_shard(folder / "fits.h5", "fits")
    fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), replace(FIT, batch=1))
    assert read_shard(tmp_path / "fits.h5", "fits").attributes["content_digest"] == whole.attributes["content_digest"]
    found = read_shard(folder / "landmarks.h5", "landmarks")
    kept = [row for row, name in enumerate(PERSONS) if name != "set/bo"]
    write_landmarks(tmp_path / "landmarks.h5", [found.text("id")[row] for row in kept], found["landmarks_px"][kept])
    fit_faces.run({**fit_inputs(folder), "landmarks": tmp_path / "landmarks.h5"}, fit_outputs(tmp_path), FIT)
    fewer = read_shard(tmp_path / "fits.h5", "fits")
    for name in ("identity", "expression", "expression_sigma", "camera", "residual"):
        np.testing.assert_array_equal(fewer[name], whole[name][kept])


def test_a_bad_photo_does_not_spoil_the_others_of_its_person(album, tmp_path, rng):
    folder, _ = album
    found = read_shard(folder / "landmarks.h5", "landmarks")
    points = np.array(found["landmarks_px"])
    points[0] += rng.normal(size=(68, 2)) * 15
    write_landmarks(tmp_path / "landmarks.h5", found.text("id"), points)
    fit_faces.run({**fit_inputs(folder), "landmarks": tmp_path / "landmarks.h5"}, fit_outputs(tmp_path), FIT)
    fits = read_shard(tmp_path / "fits.h5", "fits")
    assert [reject.id for reject in read_rejects(tmp_path / "rejects.csv")] == ["set/photo0.png"]
    ann = [row for row, name in enumerate(fits.text("person")) if name == "set/ann"]
    assert len(ann) == 2 and len(np.unique(fits["identity"][ann], axis=0)) == 1


def test_too_many_rejects_stop_the_job(folder, tmp_path):
    with pytest.raises(InputError, match="6 of 6 were rejected.*max_reject_rate"):
        fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), replace(FIT, max_residual=1e-6, max_reject_rate=0.5))
    assert not list(tmp_path.iterdir()), "nothing half done is left"


def test_a_shard_without_a_single_face(folder, tmp_path):
    write_landmarks(tmp_path / "landmarks.h5", [], np.zeros((0, 68, 2)))
    inputs = {**fit_inputs(folder), "landmarks": tmp_path / "landmarks.h5"}
    fit_faces.run(inputs, fit_outputs(tmp_path), FIT)
    assert len(read_shard(tmp_path / "fits.h5", "fits")["residual"]) == 0


def test_the_focal_length_is_fixed_or_solved_for(folder, tmp_path):
    assert len({camera[6] for camera in read_shard(folder / "fits.h5", "fits")["camera"]}) == 1
    fit_faces.run(fit_inputs(folder), fit_outputs(tmp_path), replace(FIT, focal="solve"))
    assert len({camera[6] for camera in read_shard(tmp_path / "fits.h5", "fits")["camera"]}) == 6
