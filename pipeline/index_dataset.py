"""The dataset as a whole: `dataset.json` and `rejects.csv` beside the shards."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from pipeline.files import Paths, read_rejects, whole_file, write_rejects
from pipeline.provenance import provenance
from pipeline.settings.dataset import IndexDataset
from pipeline.shards import SCHEMA_VERSION, Shard, read_shard

STAGE = "index_dataset"


def run(inputs: Paths, outputs: Paths, settings: IndexDataset) -> None:
    """Collect every shard's digest, count and label statistics, and every reject of every stage."""
    shards = [(path, read_shard(path, path.parent.parent.name)) for path in inputs["shards"]]
    rejects = sorted(reject for path in inputs["rejects"] for reject in read_rejects(path))
    described = {
        "schema_version": SCHEMA_VERSION,
        "provenance": provenance(STAGE, settings, inputs),
        "shards": [describe_shard(path, shard) for path, shard in shards],
        "statistics": {kind: label_statistics(kind, [shard for _, shard in shards]) for kind in kinds_of(shards)},
        "rejects": dict(sorted(Counter(reject.stage for reject in rejects).items())),
    }
    with whole_file(outputs["dataset"]) as temporary:
        temporary.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    write_rejects(outputs["rejects"], rejects)


def kinds_of(shards: list[tuple[Path, Shard]]) -> list[str]:
    """The kinds of shard there are, in alphabetical order."""
    return sorted({shard.kind for _, shard in shards})


def describe_shard(path: Path, shard: Shard) -> dict[str, object]:
    """One line of `dataset.json`: where a shard is, how much it holds, what identifies it."""
    return {
        "kind": shard.kind,
        "dataset": path.parent.name,
        "shard": path.stem,
        "items": len(shard["id"]),
        "content_digest": shard.attributes["content_digest"],
        "model_digest": shard.attributes["model_digest"],
    }


def label_statistics(kind: str, shards: list[Shard]) -> list[dict[str, object]]:
    """Mean and standard deviation of `params`, a row for every set of components that occurs.

    Every image counts, so a pair's item as often as it has variants.
    Datasets fitted with different models have different components, and are never averaged together.
    """
    groups: dict[tuple[str, ...], list[np.ndarray]] = {}
    for shard in shards:
        if shard.kind == kind:
            names: tuple[str, ...] = tuple(shard.attributes["component_names"])  # type: ignore[arg-type]
            groups.setdefault(names, []).append(np.asarray(shard["params"], np.float64).reshape(-1, len(names)))
    rows: list[dict[str, object]] = []
    for names, parts in groups.items():
        params = np.concatenate(parts)
        if len(params):
            moments = {"mean": params.mean(0).round(6).tolist(), "std": params.std(0).round(6).tolist()}
            rows.append({"components": list(names), "items": len(params), **moments})
    return rows


def describe_dataset(path: Path) -> str:
    """A few lines for people: what `dataset.json` counts."""
    described = json.loads(path.read_text(encoding="utf-8"))
    counts: Counter[tuple[str, str]] = Counter()
    for shard in described["shards"]:
        counts[shard["kind"], shard["dataset"]] += shard["items"]
    lines = [f"  {kind:<10} {dataset:<12} {items:>8} items" for (kind, dataset), items in sorted(counts.items())]
    rejected = ", ".join(f"{count} by {stage}" for stage, count in described["rejects"].items()) or "none"
    return "\n".join(["Shards:", *lines, f"Rejected: {rejected} ({path.parent / 'rejects.csv'} says why)"])
