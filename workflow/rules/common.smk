"""Path helpers, shard names, wildcard constraints. The one place that reads `config`."""

from pathlib import Path

from snakemake.exceptions import WorkflowError

from models3d.errors import InputError
from pipeline.config_check import check_config
from pipeline.index_dataset import describe_dataset
from pipeline.list_photos import write_listings
from pipeline.provenance import code_digest

try:
    check_config(config, Path(workflow.basedir) / "workflow/schemas/config.schema.json")
except InputError as error:
    raise WorkflowError(str(error)) from error

RESULTS = config["results"]
SAMPLE = f"{RESULTS}/sample"
DATASETS = {name: dataset for name, dataset in config["datasets"].items() if dataset}
MADE = [
    name
    for name, dataset in DATASETS.items()
    if str(dataset["root"]).startswith(f"{SAMPLE}/")
]


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    model="[A-Za-z0-9_-]+",
    shard=r"\d{5}",


def shard_names(dataset):
    """00001, 00002, ...: their number is fixed by the configuration, so no checkpoint is needed."""
    return [f"{number:05d}" for number in range(1, DATASETS[dataset]["shards"] + 1)]


def all_shards(pattern, datasets=tuple(DATASETS)):
    """A path pattern with {dataset} and {shard}, for every shard of the datasets."""
    return [
        pattern.format(dataset=name, shard=shard)
        for name in datasets
        for shard in shard_names(name)
    ]


def listing_of(dataset):
    """What decides which photos stand in which shard: the rest of a dataset's section does not."""
    return {key: dataset[key] for key in ("layout", "root", "shards", "shard_size")}


def model_of(wildcards):
    """The native file of the face model that a dataset is fitted with."""
    return f"{RESULTS}/models/{DATASETS[wildcards.dataset]['model']}.h5"


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


def not_built_yet(target):
    """The input of a target that has no stages yet: planning a run that asks for it stops with this sentence."""

    def refuse(wildcards):
        raise WorkflowError(
            f"'{target}' has no stages in this version. Ask for 'annotated', 'dataset' or 'all'."
        )

    return refuse


def where_to_look():
    """The last words of a run: what was made, and the pictures to open."""
    summary = Path(RESULTS) / "shards/dataset.json"
    sheets = sorted(Path(RESULTS).glob("sheets/*/*.png"))
    lines = [describe_dataset(summary)] if summary.is_file() else []
    return "\n".join(
        [*lines, "Pictures to look at:", *(f"  {sheet}" for sheet in sheets)]
    )


# Listings of the user's own photos are brought up to date here, once, not in a job: only the shards in
# which something changed get a new file, so only they run again. Photos the workflow makes are listed by a rule.
if workflow.is_main_process:
    try:
        for name, dataset in DATASETS.items():
            if name not in MADE:
                write_listings(
                    dataset=name,
                    folder=Path(RESULTS) / "listings" / name,
                    **listing_of(dataset),
                )
    except InputError as error:
        raise WorkflowError(str(error)) from error
