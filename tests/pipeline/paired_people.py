"""The settings of a small synthesis, and its shards with the tables beside them."""

from pathlib import Path

from pipeline import annotate_faces, index_dataset, render_pairs
from pipeline.files import Reject, write_rejects
from pipeline.settings.dataset import IndexDataset
from pipeline.settings.paired import RenderPairs
from pipeline.settings.photos import AnnotateFaces
from tests.warped_people import write_people

PAIRS = RenderPairs(
    size_px=64,
    face_scale=0.7,
    range_sigma=3.0,
    seed=0,
    expressions=4,
    distribution="normal",
    spread=1.0,
    max_invented=0.1,
    max_invented_eye=0.5,
    max_folded=0.05,
    max_draws=20,
    backend="numba",
    max_reject_rate=1.0,
)


def outputs(folder: Path) -> dict[str, Path]:
    return {"shard": folder / "00001.h5", "rejects": folder / "00001.rejects.csv"}


def write_dataset(folder: Path) -> dict[str, object]:
    """Annotated and paired shards of one dataset, dataset.json and rejects.csv: the inputs of `validate_shards`."""
    inputs, shards = write_people(folder), folder / "shards"
    annotated, paired = shards / "annotated/set/00001.h5", shards / "paired/set/00001.h5"
    kept = AnnotateFaces(PAIRS.size_px, PAIRS.face_scale, PAIRS.range_sigma)
    annotate_faces.run(inputs, {"shard": annotated}, kept)
    render_pairs.run(inputs, {"shard": paired, "rejects": folder / "pairs.rejects.csv"}, PAIRS)
    write_rejects(folder / "photos.rejects.csv", [Reject("set/nobody", "detect_landmarks", "no face found")])
    tables = {"dataset": shards / "dataset.json", "rejects": shards / "rejects.csv"}
    found = {"shards": [annotated, paired], "rejects": [folder / "photos.rejects.csv", folder / "pairs.rejects.csv"]}
    index_dataset.run(found, tables, IndexDataset())
    return {"shards": [annotated, paired], **tables}
