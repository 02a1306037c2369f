import json

import pytest

from models3d.errors import InputError
from pipeline.describe_export import run
from pipeline.flat_samples import columns_of
from pipeline.settings.dataset import DescribeExport
from tests.pipeline.gan.made_shards import NAMES, write_annotated, write_paired

SETTINGS = DescribeExport("Faces: made", "Pictures of faces.", "CC0-1.0")


def test_the_card_names_files_counts_columns_and_components(tmp_path):
    shards = [write_paired(tmp_path / f"paired/set/0000{n}.h5", faces=n + 2) for n in (1, 2)]
    shards.append(write_annotated(tmp_path / "annotated/set/00001.h5"))
    exported = [tmp_path / "out" / path.relative_to(tmp_path).with_suffix(".parquet") for path in shards]
    run({"exported": exported, "shards": shards}, {"card": tmp_path / "out/README.md"}, SETTINGS)
    _, front, text = (tmp_path / "out/README.md").read_text().split("---\n", 2)
    stated = {line.split(": ", 1)[0]: json.loads(line.split(": ", 1)[1]) for line in front.splitlines()}
    assert stated["pretty_name"] == "Faces: made" and stated["license_name"] == "CC0-1.0"
    assert stated["configs"] == [
        {"config_name": "paired-set", "data_files": "paired/set/*.parquet"},
        {"config_name": "annotated-set", "data_files": "annotated/set/*.parquet"},
    ]
    assert "| paired | set | 7 |" in text and "| annotated | set | 12 |" in text
    for column in columns_of("paired"):
        assert f"| {column} |" in text
    assert f"`params` of paired-set, where 1 is 3 standard deviations: {', '.join(NAMES)}." in text


def test_nothing_to_describe_is_a_mistake(tmp_path):
    with pytest.raises(InputError, match="no exported files"):
        run({"exported": [], "shards": []}, {"card": tmp_path / "README.md"}, SETTINGS)
