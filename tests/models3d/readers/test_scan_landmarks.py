import json

import numpy as np
import pytest

from models3d.errors import UnusableDatum
from models3d.readers.scan_landmarks import read_scan_landmarks


@pytest.fixture
def points(rng):
    return rng.normal(scale=50, size=(68, 3)).round(4)


def ljson(points, version=3) -> str:
    group = {"landmarks": {"points": points}, "labels": []}
    return json.dumps({"version": 3, "groups": {"LJSON": group}} if version == 3 else {"version": 2, **group})


def pts(points) -> str:
    return "version: 1\nn_points: 68\n{\n" + "\n".join(" ".join(map(str, row)) for row in points) + "\n}\n"


@pytest.mark.parametrize("version", [2, 3])
def test_ljson_goes_before_pts(tmp_path, points, version):
    (tmp_path / "scan.pts").write_text(pts(points + 1))
    np.testing.assert_array_equal(read_scan_landmarks(tmp_path / "scan.obj"), points + 1)
    (tmp_path / "scan.ljson").write_text(ljson(points.tolist(), version))
    np.testing.assert_array_equal(read_scan_landmarks(tmp_path / "scan.obj"), points)


def test_what_menpo_writes_is_read(tmp_path, points):
    import menpo.io
    from menpo.shape import PointCloud

    menpo.io.export_landmark_file(PointCloud(points), tmp_path / "scan.ljson")
    np.testing.assert_allclose(read_scan_landmarks(tmp_path / "scan.ply"), points)


def test_damaged_landmarks_have_reasons(tmp_path, points):
    unmarked = [[None] * 3, *points[1:].tolist()]
    for name, content, said in [
        ("a", None, r"no landmarks beside it \(\.ljson or \.pts\)"),
        ("b.ljson", "{", "cannot be read as landmarks"),
        ("c.ljson", "[1, 2]", "cannot be read as landmarks"),
        ("d.ljson", ljson(points[:67].tolist()), r"shape \(67, 3\), not \(68, 3\)"),
        ("e.ljson", ljson(unmarked), "leaves landmarks out"),
        ("f.pts", pts(points[:, :2]), r"shape \(68, 2\)"),
        ("g.pts", "68", "cannot be read as landmarks"),
        ("h.pts", pts(points).replace("}", "1 2\n}"), "cannot be read as landmarks"),
        ("i.ljson", " " * (2**20 + 1), "too large"),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_text(content)
        with pytest.raises(UnusableDatum, match=said):
            read_scan_landmarks(path.with_suffix(".ply"))
