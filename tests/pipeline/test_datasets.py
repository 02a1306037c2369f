"""The data sets for other people's training loops."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from models3d.errors import InputError
from pipeline.datasets import ShardImages, ShardPairs, shard_paths
from pipeline.shards import read_shard
from tests.pipeline.gan.made_shards import NAMES, VARIANTS, write_annotated, write_meshes, write_paired


@pytest.fixture
def folder(tmp_path):
    write_annotated(tmp_path / "annotated/set/00001.h5")
    write_paired(tmp_path / "paired/set/00001.h5")
    write_meshes(tmp_path / "meshes/clips/00001.h5")
    (tmp_path / "paired/set.h5").write_bytes(b"a joined file is no shard")
    return tmp_path


def test_shards_are_found_by_kind_and_dataset(folder):
    assert [path.parts[-3] for path in shard_paths(folder)] == ["annotated", "paired", "meshes"]
    assert [path.parts[-2] for path in shard_paths(folder, ["meshes", "paired"], "clips")] == ["clips"]
    with pytest.raises(InputError, match="holds no shards of speech"):
        shard_paths(folder, ["speech"])


def test_pictures_come_as_the_shards_hold_them(folder):
    images = ShardImages(shard_paths(folder, ["annotated"]))
    shard = read_shard(folder / "annotated/set/00001.h5", "annotated")
    assert len(images) == 12 and images.components == tuple(NAMES) and images.range == 3.0
    item = images[5]
    np.testing.assert_array_equal(item["image"].permute(1, 2, 0), shard["images"][5])
    np.testing.assert_array_equal(item["params"], shard["params"][5])
    assert item["id"] == shard.text("id")[5] and item["exact"] is False
    halved = ShardImages(shard_paths(folder, ["annotated"]), transform=lambda image: image / 2)
    torch.testing.assert_close(halved[5]["image"], item["image"] / 2)


def test_splits_share_no_face(folder):
    parts = {split: ShardImages(shard_paths(folder), split, 0.3) for split in ("train", "test", "all")}
    faces = {split: {item["id"].split("#")[0] for item in part} for split, part in parts.items()}
    assert faces["train"] and faces["test"] and not faces["train"] & faces["test"]
    assert len(parts["train"]) + len(parts["test"]) == len(parts["all"]) == 12 + 8 * VARIANTS + 20
    with pytest.raises(InputError, match="split 'val'"):
        ShardImages(shard_paths(folder), "val")


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_give_the_same_batches(folder, start):
    images = ShardImages(shard_paths(folder))
    alone = list(DataLoader(images, batch_size=16))
    several = list(DataLoader(images, batch_size=16, num_workers=2, multiprocessing_context=start))
    assert len(alone) == len(several) == 5
    for one, other in zip(alone, several, strict=True):
        assert one["id"] == other["id"] and one["image"].dtype == torch.uint8
        torch.testing.assert_close(one["image"], other["image"])
        torch.testing.assert_close(one["params"], other["params"])


def test_what_is_mapped_is_not_pickled(folder):
    images = ShardImages(shard_paths(folder))
    content = pickle.dumps(images)
    assert len(content) < 2000
    assert len(pickle.loads(content)) == len(images)


def test_a_pair_is_two_exact_pictures_of_one_face_and_session(folder):
    pairs = ShardPairs(shard_paths(folder))
    assert len(pairs) == 8 * (VARIANTS - 1) + 20
    exact = {tuple(item["params"].tolist()) for item in ShardImages(shard_paths(folder)) if item["exact"]}
    for item in pairs:
        assert tuple(item["target_params"].tolist()) in exact
        assert not torch.equal(item["original_params"], item["target_params"])
        torch.testing.assert_close(
            item["original"][:, 0, 0], item["target"][:, 0, 0]
        )  # one background a face and session


def test_targets_change_with_the_epoch_and_nothing_else(folder):
    def targets(pairs):
        return torch.stack([item["target_params"] for item in pairs])

    pairs, again = ShardPairs(shard_paths(folder)), ShardPairs(shard_paths(folder))
    first = targets(pairs)
    torch.testing.assert_close(first, targets(again))
    again.set_epoch(1)
    assert not torch.equal(first, targets(again))
    assert not torch.equal(first, targets(ShardPairs(shard_paths(folder), seed=1)))
    torch.testing.assert_close(targets(pickle.loads(pickle.dumps(again))), targets(again))


def test_photos_alone_make_no_pairs(folder):
    with pytest.raises(InputError, match="no face has two pictures"):
        ShardPairs(shard_paths(folder, ["annotated"]))
