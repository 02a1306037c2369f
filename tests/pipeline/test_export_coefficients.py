import csv

import numpy as np
import pytest
from pyarrow import parquet

from models3d.errors import InputError
from pipeline import export_coefficients
from pipeline.settings.dataset import ExportCoefficients
from pipeline.shards import write_shard

NAMES = ["jaw_open", "smile"]


def annotated(path, count: int, first: int = 0, **changes):
    rng = np.random.default_rng(first)
    arrays = {
        "id": [f"set/é{first + row}, one.png" for row in range(count)],
        "person": ["set/Zoë", "", "set/Zoë"][:count],
        "images": np.zeros((count, 4, 4, 3), np.uint8),
        "params": rng.normal(size=(count, 2)).astype(np.float32),
        "params_sigma": rng.random((count, 2)).astype(np.float32),
        "identity": rng.normal(size=(count, 3)).astype(np.float32),
        "camera": rng.normal(size=(count, 9)).astype(np.float32) * 1000,
        "landmarks_px": np.zeros((count, 68, 2), np.float32),
        "crop": np.zeros((count, 2, 3), np.float32),
        "residual": rng.random(count).astype(np.float32),
        "status": ["converged", "unfinished", "converged"][:count],
    }
    write_shard(path, "annotated", arrays, {"model_digest": "a", "component_names": NAMES, "range": 3.0, **changes})
    return arrays


@pytest.fixture
def shards(tmp_path):
    paths = [tmp_path / "00001.h5", tmp_path / "00002.h5", tmp_path / "00003.h5"]
    return paths, [
        annotated(path, count, first) for path, count, first in zip(paths, (3, 0, 2), (0, 3, 3), strict=True)
    ]


def export(paths, table):
    export_coefficients.run({"shards": paths}, {"table": table}, ExportCoefficients())
    return table


def numbers_of(arrays):
    """All columns of numbers in their order."""
    parts = [
        np.concatenate([part[name] for part in arrays]) for name in ("params", "params_sigma", "identity", "camera")
    ]
    return np.column_stack([np.concatenate([part["residual"] for part in arrays]), *parts])


def test_a_csv_holds_the_same_numbers(shards, tmp_path):
    paths, arrays = shards
    with export(paths, tmp_path / "all.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][:8] == ["id", "person", "status", "residual", *NAMES, "jaw_open_sigma", "smile_sigma"]
    assert rows[0][8:11] == ["identity_000", "identity_001", "identity_002"]
    assert rows[0][11:] == ["rx_rad", "ry_rad", "rz_rad", "tx_mm", "ty_mm", "tz_mm", "focal_px", "cx_px", "cy_px"]
    assert [row[0] for row in rows[1:]] == [f"set/é{row}, one.png" for row in range(5)]
    assert [row[1] for row in rows[1:]] == ["set/Zoë", "", "set/Zoë", "set/Zoë", ""]
    assert [row[2] for row in rows[1:]] == ["converged", "unfinished", "converged", "converged", "unfinished"]
    np.testing.assert_array_equal(np.array([row[3:] for row in rows[1:]]).astype(np.float32), numbers_of(arrays))


def test_a_parquet_file_holds_the_same_numbers(shards, tmp_path):
    paths, arrays = shards
    table = parquet.read_table(export(paths, tmp_path / "all.parquet"))
    with export(paths, tmp_path / "all.csv").open(newline="", encoding="utf-8") as stream:
        assert table.column_names == next(csv.reader(stream))
    assert table["id"].to_pylist() == [f"set/é{row}, one.png" for row in range(5)]
    assert table["status"].to_pylist() == ["converged", "unfinished", "converged", "converged", "unfinished"]
    columns = table.columns[3:]
    assert {str(column.type) for column in columns} == {"float"}
    np.testing.assert_array_equal(np.column_stack([column.to_numpy() for column in columns]), numbers_of(arrays))
    assert table.schema.metadata[b"range"] == b"3.0" and table.schema.metadata[b"model_digest"] == b"a"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_same_bytes_again(shards, tmp_path, suffix):
    first, second = (export(shards[0], tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
    assert first == second


def test_refuses_what_it_cannot_write_or_mix(shards, tmp_path):
    paths, _ = shards
    with pytest.raises(InputError, match=r"'\.xlsx' cannot be written.*\.csv or \.parquet"):
        export(paths, tmp_path / "all.xlsx")
    with pytest.raises(InputError, match="no shards"):
        export([], tmp_path / "all.csv")
    annotated(tmp_path / "other.h5", 1, model_digest="b")
    with pytest.raises(InputError, match="another model_digest"):
        export([paths[0], tmp_path / "other.h5"], tmp_path / "all.csv")
    assert not list(tmp_path.glob("all.*"))


def test_shards_without_a_single_face(tmp_path):
    annotated(tmp_path / "00001.h5", 0)
    assert len(export([tmp_path / "00001.h5"], tmp_path / "all.csv").read_text().splitlines()) == 1
    assert parquet.read_table(export([tmp_path / "00001.h5"], tmp_path / "all.parquet")).num_rows == 0
