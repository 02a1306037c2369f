import pytest

from pipeline.select_faces import run, shares
from pipeline.settings.paired import SelectFaces
from tests.warped_people import write_fits


@pytest.mark.parametrize(
    ("counts", "wanted", "taken"),
    [([5, 5, 5], 7, [5, 2, 0]), ([5, 5], 100, [5, 5]), ([0, 3, 0, 4], 4, [0, 3, 0, 1]), ([], 3, []), ([4], 0, [0])],
)
def test_the_first_shards_give_all_they_have(counts, wanted, taken):
    assert shares(counts, wanted) == taken


def test_shards_added_at_the_end_change_no_other():
    assert shares([3, 1, 5, 9, 9], 8)[:3] == shares([3, 1, 5], 8)


def test_the_table_names_every_shard(tmp_path):
    for number, count in enumerate((2, 3, 1), start=1):
        write_fits(tmp_path / f"{number:05d}.h5", range(count))
    run({"fits": sorted(tmp_path.glob("*.h5"))}, {"selected": tmp_path / "selected.csv"}, SelectFaces(4))
    assert (tmp_path / "selected.csv").read_text() == "shard,faces\n00001,2\n00002,2\n00003,0\n"
