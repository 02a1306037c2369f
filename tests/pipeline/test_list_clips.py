"""Listings of an LRW folder."""

import os

import pytest

from models3d.errors import InputError
from pipeline import list_clips
from pipeline.clip_tables import read_clips
from pipeline.settings.speech import ListClips


def folder(root, names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def settings(root, released=None, shards=2, size=2) -> ListClips:
    return ListClips("set", str(root), released, shards, size)


CLIPS = ("WATER/test/WATER_00001.mp4", "ABOUT/train/ABOUT_00002.mp4", "ABOUT/train/ABOUT_00001.mp4")


def test_clips_stand_in_order_of_word_split_and_name(tmp_path):
    folder(tmp_path, [*CLIPS, "ABOUT/train/ABOUT_00001.txt", "ABOUT/other/ABOUT_00009.mp4", "notes.txt"])
    rows = list_clips.clips(settings(tmp_path))
    assert [row.id for row in rows] == [f"set/{CLIPS[place][:-4]}" for place in (2, 1, 0)]
    assert (rows[0].word, rows[0].split, rows[2].split) == ("ABOUT", "train", "test")
    assert rows[0].text == str(tmp_path / "ABOUT/train/ABOUT_00001.txt")


def test_released_files_are_found_by_name(tmp_path):
    folder(tmp_path / "lrw", CLIPS)
    folder(tmp_path / "lrw3d", ["WATER/test/WATER_00001.npz"])
    rows = list_clips.clips(settings(tmp_path / "lrw", str(tmp_path / "lrw3d")))
    assert [row.released for row in rows] == ["", "", str(tmp_path / "lrw3d/WATER/test/WATER_00001.npz")]


def test_shards_of_a_size(tmp_path):
    folder(tmp_path / "lrw", CLIPS)
    outputs = [tmp_path / f"{number}.csv" for number in (1, 2)]
    list_clips.run({}, {"listings": outputs}, settings(tmp_path / "lrw"))
    assert [len(read_clips(path)) for path in outputs] == [2, 1]
    assert read_clips(outputs[0])[0].stamp == "-"


def test_only_a_shard_in_which_a_file_changed_is_written_again(tmp_path):
    root = folder(tmp_path / "lrw", CLIPS)
    list_clips.write_clip_listings(settings(root), tmp_path)
    before = [(tmp_path / f"0000{number}.csv").stat().st_mtime_ns for number in (1, 2)]
    os.utime(root / CLIPS[0], ns=(1, 1))
    list_clips.write_clip_listings(settings(root), tmp_path)
    after = [(tmp_path / f"0000{number}.csv").stat().st_mtime_ns for number in (1, 2)]
    assert before[0] == after[0] and before[1] != after[1]


def test_more_clips_than_the_shards_hold(tmp_path):
    folder(tmp_path, CLIPS)
    with pytest.raises(InputError, match="Set clip_datasets.set.shards to 2"):
        list(list_clips.listings(list_clips.clips(settings(tmp_path)), settings(tmp_path, shards=1)))


def test_a_folder_without_clips(tmp_path):
    with pytest.raises(InputError, match="holds no clips"):
        list_clips.clips(settings(tmp_path / "nowhere"))
