"""How wrong the labels of the sample are: fits against the truth that only tests may read.

Reads what `make demo` made in results/; `make bench` prints the table.
"""

from pathlib import Path

import numpy as np
import pytest

from pipeline.provenance import ROOT
from pipeline.shards import read_shard

RESULTS = ROOT / "results"
INNER = slice(17, 68)


def label_errors(results: Path) -> dict[str, list[tuple[float, ...]]]:
    """By landmark source: median landmark error, mean of the inner ones, of all, and relative expression error."""
    truth = read_shard(results / "sample/truth.h5", "truth")
    row_of = {f"sample/{name}": row for row, name in enumerate(truth.text("id"))}
    errors: dict[str, list[tuple[float, ...]]] = {}
    for path in sorted((results / "fits/sample").glob("*.h5")):
        fits, found = read_shard(path, "fits"), read_shard(results / "landmarks/sample" / path.name, "landmarks")
        source = dict(zip(found.text("id"), found.text("source"), strict=True))
        for row, name in enumerate(fits.text("id")):
            true_px, p = truth["landmarks_px"][row_of[name]], truth["expression"][row_of[name]]
            off = np.linalg.norm(fits["fitted_px"][row] - true_px, axis=1) / np.linalg.norm(true_px[36] - true_px[45])
            wrong = np.linalg.norm(fits["expression"][row] - p) / np.linalg.norm(p)
            errors.setdefault(source[name], []).append((np.median(off), off[INNER].mean(), off.mean(), wrong))
    return errors


@pytest.mark.benchmark
def test_labels_of_the_sample():
    if not (RESULTS / "sample/truth.h5").is_file():
        pytest.skip("run `make demo` first")
    errors = label_errors(RESULTS)
    errors["all"] = [row for rows in errors.values() for row in rows]
    print("\nmedian over photos; landmark errors in % of the inter-ocular distance")
    print(f"{'landmarks from':<16}{'photos':>7}{'median':>9}{'inner':>9}{'all 68':>9}{'expression':>12}")
    for source, rows in errors.items():
        median, inner, everything, wrong = np.median(rows, axis=0)
        print(f"{source:<16}{len(rows):>7}{median:>9.1%}{inner:>9.1%}{everything:>9.1%}{wrong:>12.2f}")
    assert np.median([row[0] for row in errors["all"]]) < 0.03
