"""Pictures of all kinds, their order, and the way to the device."""

import h5py
import numpy as np
import pytest
import torch

from models3d.errors import InputError
from pipeline.gan.batches import Reader, Share, grey_levels, prepared
from pipeline.gan.conditions import read_conditions
from pipeline.gan.order import PAIRED, UNPAIRED, Order, Schedule, groups_of_pairs, pictures_of_people
from pipeline.gan.pictures import is_held_out, read_pictures
from pipeline.shards import write_shard
from tests.pipeline.gan.made_shards import NAMES, VARIANTS, write_annotated, write_meshes, write_paired, write_speech

SCHEDULE = Schedule(paired_epochs=2, unpaired_epochs=2, batch=4, seed=5)


@pytest.fixture
def shards(tmp_path):
    return [
        write_paired(tmp_path / "paired.h5"),
        write_annotated(tmp_path / "annotated.h5"),
        write_meshes(tmp_path / "meshes.h5"),
    ]


def order_of(pictures, schedule=SCHEDULE):
    return Order(pictures, schedule, ~pictures.held_out)


def test_every_kind_is_read_by_one_path(shards):
    pictures = read_pictures(shards, 0.3)
    assert len(pictures.params) == 8 * VARIANTS + 12 + 20
    assert pictures.condition.component_names == tuple(NAMES)
    assert pictures.photo.sum() == 12
    first = pictures.starts[2]
    np.testing.assert_array_equal(pictures.image(int(first)), pictures.sources[2][0])
    assert pictures.ids[1] == "set/0.png#neutral" and pictures.neutral[1]
    assert not pictures.sources[0].flags.owndata and not pictures.sources[0].flags.writeable, "mapped, not copied"


def test_pairs_are_rendered_pictures_of_one_face_and_session(shards):
    pictures = read_pictures(shards, 0.3)
    assert not pictures.pairable[0], "the photo's parameters are a fit"
    groups = groups_of_pairs(pictures, ~pictures.held_out)
    for rows in groups:
        assert len(np.unique(pictures.group[rows])) == 1 and pictures.pairable[rows].all()
    meshes = [rows for rows in groups if rows[0] >= pictures.starts[2]]
    assert [len(rows) for rows in meshes] == [5, 5], "two sessions of the training subject, the other one is held out"
    people = pictures_of_people(pictures, ~pictures.held_out)
    assert [len(rows) for rows in people if rows[0] >= pictures.starts[2]] == [10], "of one person"


def test_frames_of_a_clip_are_pairs_and_photos(shards, tmp_path):
    alone = read_pictures([write_speech(tmp_path / "speech.h5", clips=3)], 0.3)
    assert [len(rows) for rows in groups_of_pairs(alone, ~alone.held_out)] == [5, 5] and alone.photo.all()
    pictures = read_pictures([*shards, write_speech(tmp_path / "speech.h5")], 0.3)
    speech = slice(-10, None)
    assert pictures.photo[speech].all() and pictures.pairable[speech].all()
    np.testing.assert_array_equal(pictures.held_out[speech], [False] * 5 + [True] * 5)


def test_photos_of_one_person_stand_on_one_side(tmp_path):
    people = [f"set/{number // 4}" for number in range(32)]
    shards = [write_paired(tmp_path / "00001.h5", 32, people=people), write_annotated(tmp_path / "annotated.h5")]
    pictures = read_pictures(shards, 0.4)
    by_person = pictures.held_out[: 32 * VARIANTS].reshape(8, 4 * VARIANTS)
    assert (by_person.all(1) | ~by_person.any(1)).all() and 0 < by_person[:, 0].sum() < 8
    assert len(np.unique(pictures.person[: 32 * VARIANTS])) == 8
    assert len(np.unique(pictures.group[: 32 * VARIANTS])) == 32, "pairs are of one photo all the same"
    assert len(np.unique(pictures.person[32 * VARIANTS :])) == 12, "photos that name nobody are of one person each"


def test_a_face_is_held_out_by_its_id_alone(shards):
    alone, together = read_pictures(shards[:1], 0.3), read_pictures(shards, 0.3)
    count = len(alone.params)
    np.testing.assert_array_equal(alone.held_out, together.held_out[:count])
    by_face = alone.held_out.reshape(-1, VARIANTS)
    assert (by_face.all(1) | ~by_face.any(1)).all() and 0 < by_face[:, 0].sum() < len(by_face)
    assert np.mean([is_held_out(str(face), 0.25) for face in range(4000)]) == pytest.approx(0.25, abs=0.03)


def test_an_epoch_shows_every_picture_once_and_pairs_are_of_one_face(shards):
    pictures = read_pictures(shards, 0.3)
    order = order_of(pictures)
    steps = [order.step(number) for number in range(order.steps)]
    paired = [step for step in steps if step.phase == PAIRED]
    pairable = np.concatenate(groups_of_pairs(pictures, ~pictures.held_out))
    first_epoch = np.concatenate([step.originals for step in paired[: len(paired) // 2]])
    assert len(set(first_epoch.tolist())) == len(first_epoch) == len(pairable) // 4 * 4
    for step in paired:
        np.testing.assert_array_equal(pictures.group[step.originals], pictures.group[step.targets])
        assert (step.originals != step.targets).all()
    for step in steps[len(paired) :]:
        assert step.phase == UNPAIRED and pictures.photo[step.originals].all()
    assert not pictures.held_out[np.concatenate([step.originals for step in steps])].any()
    assert not pictures.held_out[np.concatenate([step.targets for step in steps])].any()


def test_every_partner_is_as_likely(shards):
    pictures = read_pictures(shards, 0.0)
    order = order_of(pictures, SCHEDULE._replace(paired_epochs=200, unpaired_epochs=0))
    seen = np.concatenate([np.stack([s.originals, s.targets]) for s in map(order.step, range(order.steps))], axis=1)
    counts = np.bincount(seen[1][seen[0] == 2], minlength=VARIANTS)[:VARIANTS]
    assert counts[0] == counts[2] == 0
    assert counts[[1, 3, 4, 5]].min() > 0.6 * counts.sum() / 4


def test_the_order_follows_from_the_seed_and_the_step(shards):
    pictures = read_pictures(shards, 0.3)
    one, other = order_of(pictures), order_of(pictures)
    other.step(3)
    for number in (7, 0, 11):
        for a, b in zip(one.step(number)[1:], other.step(number)[1:], strict=True):
            np.testing.assert_array_equal(a, b)
    reseeded = order_of(pictures, SCHEDULE._replace(seed=6))
    assert (one.step(0).originals != reseeded.step(0).originals).any()


def reader(pictures, workers=1, share=None, placement="workers"):
    extra = () if share is None else (share,)
    return Reader(pictures, pictures.params, order_of(pictures), 64, torch.device("cpu"), placement, workers, *extra)


def test_the_number_of_workers_changes_nothing(shards):
    pictures = read_pictures(shards, 0.3)
    one, four = list(reader(pictures).batches(0)), list(reader(pictures, workers=4).batches(0))
    assert len(one) == len(four) == order_of(pictures).steps
    for a, b in zip(one, four, strict=True):
        for x, y in zip(a, b, strict=True):
            assert (x is None and y is None) or torch.equal(x, y)


def test_batches_hold_the_pictures_and_parameters_of_their_rows(shards):
    pictures = read_pictures(shards, 0.3)
    order = order_of(pictures)
    batches = reader(pictures, workers=2)
    for number, batch in enumerate(batches.batches(3), start=3):
        step = order.step(number)
        levels = grey_levels(batch.images)
        for place, row in enumerate(step.originals):
            np.testing.assert_array_equal(levels[place], pictures.image(int(row)))
        np.testing.assert_array_equal(batch.target_params.numpy(), pictures.params[step.targets])
        assert (batch.target_images is None) == (step.phase == UNPAIRED)
    assert batches.waited_s > 0


def test_processes_share_every_batch(shards):
    pictures = read_pictures(shards, 0.3)
    whole = next(reader(pictures).batches(0))
    halves = [next(reader(pictures, share=Share(rank, 2)).batches(0)) for rank in range(2)]
    for name in ("images", "params", "mix"):
        for rank, half in enumerate(halves):
            assert torch.equal(getattr(half, name), getattr(whole, name)[rank::2])


def test_grey_levels_survive_the_way_there_and_back():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(1, 16, 16, 3).contiguous()
    scaled = prepared(levels, 1)
    assert scaled.min() == -1 and scaled.max() == 1
    np.testing.assert_array_equal(grey_levels(scaled), levels.numpy())
    assert float(prepared(levels, 2)[0, 0, 0, 0]) == pytest.approx(np.mean([0, 1, 16, 17]) / 127.5 - 1, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_digest": "n"}, "another model_digest"),
        ({"range": 2.0}, "another range"),
        ({"component_names": ["a", "b", "c"]}, "another component_names"),
    ],
)
def test_shards_that_do_not_go_together_are_refused(shards, tmp_path, changed, message):
    other = write_annotated(tmp_path / "other.h5", **changed)
    with pytest.raises(InputError, match=rf"other\.h5.*{message}"):
        read_pictures([*shards, other], 0.3)


def test_another_number_of_parameters_is_named(shards, tmp_path):
    other = write_annotated(tmp_path / "other.h5", params=np.zeros((5, 4), np.float32))
    with pytest.raises(InputError, match=r"other\.h5: has 4 parameters where .*paired\.h5 has 3"):
        read_pictures([*shards, other], 0.3)


@pytest.mark.parametrize("value", [np.nan, 1.5, np.inf])
def test_parameters_that_are_no_numbers_in_the_range_are_refused(tmp_path, value):
    params = np.zeros((6, 3), np.float32)
    params[4, 1] = value
    with pytest.raises(InputError, match=r"1 images have parameters that are no numbers.*'set/104\.png' first"):
        read_pictures([write_annotated(tmp_path / "a.h5", params=params)], 0.3)


def test_pictures_that_are_no_grey_levels_are_refused(shards):
    with h5py.File(shards[1], "r+") as file:
        images = file["images"][:].astype(np.float32)
        images[0, 0, 0, 0] = np.nan
        del file["images"]
        file["images"] = images
    with pytest.raises(InputError, match=r"annotated\.h5: .*'images'.*[Dd]elete it and run the workflow again"):
        read_pictures(shards, 0.3)


def test_a_condition_says_how_far_each_component_goes(tmp_path):
    bounds = [[0.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]
    stated = read_pictures([write_annotated(tmp_path / "a.h5", bounds=bounds)], 0.3).condition
    assert stated.bounds == tuple(map(tuple, bounds)) and stated.picture_px == 64
    assert read_pictures([write_annotated(tmp_path / "b.h5", bounds=None)], 0.3).condition.bounds == ((-1.0, 1.0),) * 3


def test_a_missing_shard_a_foreign_file_and_a_kind_without_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.h5: is missing"):
        read_pictures([tmp_path / "gone.h5"], 0.3)
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match=r"text\.h5.*cannot be read as HDF5"):
        read_pictures([tmp_path / "text.h5"], 0.3)
    found = {
        "id": ["a"],
        "landmarks_px": np.zeros((1, 68, 2), np.float32),
        "source": ["mesh"],
        "faces": np.ones(1, np.int32),
    }
    write_shard(tmp_path / "landmarks.h5", "landmarks", found, {})
    with pytest.raises(InputError, match="expected a shard of kind annotated or paired .* found kind landmarks"):
        read_pictures([tmp_path / "landmarks.h5"], 0.3)
    with pytest.raises(InputError, match="there are no shards"):
        read_pictures([], 0.3)


def test_too_few_pictures_for_a_batch_are_named(tmp_path):
    pictures = read_pictures([write_annotated(tmp_path / "a.h5", photos=3)], 0.0)
    with pytest.raises(InputError, match="0 pictures with exact parameters do not fill a batch of 4"):
        order_of(pictures)
    with pytest.raises(InputError, match="3 photos do not fill a batch of 4"):
        order_of(pictures, SCHEDULE._replace(paired_epochs=0))


def test_known_actions_get_the_stated_noise(shards):
    pictures = read_pictures(shards, 0.3)
    exact = read_conditions(pictures, "params", None, 0.1, 0)
    noisy = read_conditions(pictures, "action_units", None, 0.1, 0)
    np.testing.assert_array_equal(exact.values, pictures.params)
    inside = np.abs(pictures.params) < 0.6
    assert (noisy.values - pictures.params)[inside].std() == pytest.approx(0.1, rel=0.1)
    assert np.abs(noisy.values).max() <= 1 and noisy.names == tuple(NAMES) and "noise of 0.1" in noisy.origin


def test_action_units_of_openface(shards, tmp_path):
    pictures = read_pictures(shards, 0.3)
    path = tmp_path / "au.csv"
    path.write_text("id, confidence, success, AU01_r, AU12_r, AU12_c\nset/0.png#neutral, 0.9, 1, 2.5, 5.0, 1\n"
                    "set/1.png#neutral, 0.2, 0, 1.0, 1.0, 0\n")  # fmt: skip
    found = read_conditions(pictures, "action_units", path, 0.0, 0)
    assert found.names == ("AU01_r", "AU12_r")
    np.testing.assert_allclose(found.values[1], [0.5, 1.0])
    assert found.usable.sum() == 1 and found.usable[1], "where OpenFace saw no face there is no condition"
    path.write_text("frame, AU01_r\n1, 2.5\n")
    with pytest.raises(InputError, match="no column 'id'"):
        read_conditions(pictures, "action_units", path, 0.0, 0)
    path.write_text("id, AU01_r\nset/0.png#neutral, much\n")
    with pytest.raises(InputError, match="line 2 holds no numbers"):
        read_conditions(pictures, "action_units", path, 0.0, 0)
    path.write_text("id, AU01_r\nelsewhere.png, 1\n")
    with pytest.raises(InputError, match="none of the training's pictures"):
        read_conditions(pictures, "action_units", path, 0.0, 0)
