"""A few hundred photos through every stage of photos, then 100 more, then a shard that is lost."""

import pytest
from measure import main


@pytest.mark.benchmark
def test_photos_through_all_stages(tmp_path):
    main(["--photos", "500", "--folder", str(tmp_path / "run")])
    print((tmp_path / "run/costs.csv").read_text())
