"""How wrong the labels of the sample are: fits against the truth that only tests may read.

Reads what `make demo` made in results/; `make bench` prints the table.
"""

from pathlib import Path

import numpy as np
import pytest

from models3d.label_errors import coverage, held
from models3d.readers.native import read_native
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


def interval_columns(results: Path) -> dict[str, tuple[np.ndarray, ...]]:
    """By landmark source: errors of all coefficients, their standard errors, and which lie at a bound."""
    truth, model = read_shard(results / "sample/truth.h5", "truth"), read_native(results / "models/sample.h5")
    row_of = {f"sample/{name}": row for row, name in enumerate(truth.text("id"))}
    parts: dict[str, list[tuple[np.ndarray, ...]]] = {}
    for path in sorted((results / "fits/sample").glob("*.h5")):
        fits, found = read_shard(path, "fits"), read_shard(results / "landmarks/sample" / path.name, "landmarks")
        source = dict(zip(found.text("id"), found.text("source"), strict=True))
        true = truth["expression"][[row_of[name] for name in fits.text("id")]]
        columns = fits["expression"] - true, fits["expression_sigma"], held(fits["expression"], model.expression.bounds)
        for row, name in enumerate(fits.text("id")):
            parts.setdefault(source[name], []).append(tuple(column[row] for column in columns))
    return {name: tuple(map(np.array, zip(*rows, strict=True))) for name, rows in parts.items()}


@pytest.mark.benchmark
def test_standard_errors_hold_the_truth():
    """Of photos that the calibration never saw: it was learnt on people that the model rendered itself.

    A coefficient at a bound is held there with its truth as a rule, so it is counted apart: its interval is one-sided.
    """
    if not (RESULTS / "sample/truth.h5").is_file():
        pytest.skip("run `make demo` first")
    columns = interval_columns(RESULTS)
    columns["all"] = tuple(np.concatenate(parts) for parts in zip(*columns.values(), strict=True))
    print("\nshare of coefficients whose truth lies within one standard error; mean of those, in standard deviations")
    print(f"{'landmarks from':<16}{'photos':>7}{'covered':>9}{'at a bound':>12}{'(share)':>9}", end="")
    print(f"{'standard error':>16}{'rms error':>11}")
    for source, (errors, sigmas, at_bound) in columns.items():
        inside = ~at_bound
        print(
            f"{source:<16}{len(errors):>7}{coverage(errors[inside], sigmas[inside]):>9.1%}"
            f"{coverage(errors[at_bound], sigmas[at_bound]):>12.1%}{at_bound.mean():>9.0%}"
            f"{sigmas[inside].mean():>16.2f}{np.sqrt(np.mean(errors[inside] ** 2)):>11.2f}"
        )
    assert 0.60 <= coverage(errors[inside], sigmas[inside]) <= 0.76
