"""Path helpers, shard names, wildcard constraints. The one place that reads `config`."""

import gc
from dataclasses import fields
from pathlib import Path

from snakemake.exceptions import WorkflowError

from models3d.errors import InputError
from pipeline.config_check import check_config
from pipeline.index_dataset import describe_dataset
from pipeline.list_clips import write_clip_listings
from pipeline.list_meshes import write_mesh_listings
from pipeline.list_photos import write_listings
from pipeline.provenance import code_digest
from pipeline.run_lock import join_runs
from pipeline.settings.meshes import ListMeshes
from pipeline.settings.photos import CalibrateLabels, LearnLandmarks, LearnTexture
from pipeline.settings.reading import read_settings
from pipeline.settings.speech import FitClips, ListClips

try:
    check_config(config, Path(workflow.basedir) / "workflow/schemas/config.schema.json")
except InputError as error:
    raise WorkflowError(str(error)) from error

# Rows and jobs live to the end: looking for dead ones took a tenth of a large dry run.
gc.set_threshold(100_000, 50, 100)

RESULTS = config["results"]
SAMPLE = f"{RESULTS}/sample"


def present(section):
    """What a section names, without what the user has set to null."""
    return {name: entry for name, entry in config[section].items() if entry}


def is_made(path):
    """Whether the workflow itself makes what lies there."""
    return str(path).startswith(f"{SAMPLE}/")


DATASETS, MESH_DATASETS = present("datasets"), present("mesh_datasets")
EXPRESSION_MODELS = present("expression_models")
SPEECH_DATABASES, CLIP_DATASETS = present("speech_databases"), present("clip_datasets")
MADE = [name for name, dataset in DATASETS.items() if is_made(dataset["root"])]


wildcard_constraints:
    database="[A-Za-z0-9_-]+",
    dataset="[A-Za-z0-9_-]+",
    kind="[a-z]+",
    model="[A-Za-z0-9_-]+",
    shard=r"\d{5}",
    variant="[A-Za-z0-9_-]+",


def shard_names(dataset):
    """00001, 00002, ...: their number is fixed by the configuration, so no checkpoint is needed."""
    return [f"{number:05d}" for number in range(1, dataset["shards"] + 1)]


def all_shards(pattern, names=tuple(DATASETS), datasets=DATASETS):
    """A path pattern with {dataset} and {shard}, for every shard of the named ones among the datasets."""
    return [
        pattern.format(dataset=name, shard=shard)
        for name in names
        for shard in shard_names(datasets[name])
    ]


def listing_of(dataset):
    """What decides which photos stand in which shard: the rest of a dataset's section does not."""
    return {key: dataset[key] for key in ("layout", "root", "shards", "shard_size")}


def mesh_listing_of(name):
    """The same for a set of meshes, and which subjects are for testing."""
    keys = ("manifest", "shards", "sessions_per_shard", "test_share")
    return {"dataset": name, **{key: MESH_DATASETS[name][key] for key in keys}}


def clip_listing_of(name):
    """The same for a set of clips."""
    keys = ("root", "released", "shards", "shard_size")
    return {"dataset": name, **{key: CLIP_DATASETS[name][key] for key in keys}}


def model_file(dataset):
    """The native file of the face model that a dataset goes with."""
    return f"{RESULTS}/models/{dataset['model']}.h5"


def model_of(wildcards):
    """That of the photos of a wildcard."""
    return model_file(DATASETS[wildcards.dataset])


def with_crop(section):
    """A section with the size, place of the face and range of the annotated images, which it shares."""
    return {**config["annotate_faces"], **config[section]}


def gathered(record, *sections):
    """The settings of a stage's record from several sections, the last one first: nothing else reruns the stage."""
    merged = {
        key: value for section in sections for key, value in config[section].items()
    }
    return {field.name: merged[field.name] for field in fields(record)}


def stage(name, settings=None):
    """The params of a stage's rule: its settings and the digest of its code. A change of either reruns it."""
    return {
        "settings": config[name] if settings is None else settings,
        "code": code_digest(name),
    }


def log_of(path):
    return f"{RESULTS}/logs/{path}.log"


def benchmark_of(path):
    return f"{RESULTS}/benchmarks/{path}.tsv"


def where_to_look():
    """The last words of a run: what was made, and the pictures to open."""
    summary = Path(RESULTS) / "shards/dataset.json"
    sheets = sorted(Path(RESULTS).glob("sheets/*/*.png"))
    sheets += sorted(Path(RESULTS).glob("sheets/speech/*"))
    sheets += sorted(Path(RESULTS).glob("gan/*/samples.png"))
    sheets += sorted(Path(RESULTS).glob("evaluation/report.html"))
    lines = [describe_dataset(summary)] if summary.is_file() else []
    lines += ["Pictures to look at:", *(f"  {sheet}" for sheet in sheets)]
    if list(Path(RESULTS).glob("gan/*/checkpoint.pt")):
        lines += ["Sliders to move: `make sliders`"]
    return "\n".join(lines)


# Listings of the user's own photos, meshes and clips are brought up to date here, once, not in a job: only the shards in
# which something changed get a new file, so only they run again. What the workflow makes is listed by a rule.
if workflow.is_main_process:
    if join_runs(Path()):
        print(
            "An earlier run was killed. None is alive here now: its locks are taken away.",
            file=sys.stderr,
        )
    try:
        for name, dataset in DATASETS.items():
            if name not in MADE:
                write_listings(
                    dataset=name,
                    folder=Path(RESULTS) / "listings" / name,
                    **listing_of(dataset),
                )
        for name, meshes in MESH_DATASETS.items():
            if not is_made(meshes["manifest"]):
                write_mesh_listings(
                    read_settings(ListMeshes, mesh_listing_of(name)),
                    Path(RESULTS) / "mesh_listings" / name,
                )
        for name, clips in CLIP_DATASETS.items():
            if not is_made(clips["root"]):
                write_clip_listings(
                    read_settings(ListClips, clip_listing_of(name)),
                    Path(RESULTS) / "clip_listings" / name,
                )
    except InputError as error:
        raise WorkflowError(str(error)) from error
