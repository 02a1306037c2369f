"""The README.md of an exported folder: a dataset card as the Hugging Face hub reads it, for people as well."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from models3d.errors import InputError
from pipeline.files import Paths, whole_file
from pipeline.flat_samples import columns_of
from pipeline.settings.dataset import DescribeExport
from pipeline.shard_meanings import PRODUCTS, meaning
from pipeline.shards import read_shard

STAGE = "describe_export"


class Group(NamedTuple):
    """The shards of one kind and dataset, as the card speaks of them."""

    kind: str
    dataset: str
    items: int
    components: Sequence[str]
    range: float


def run(inputs: Paths, outputs: Paths, settings: DescribeExport) -> None:
    """Write the card `outputs["card"]` of the files in its folder, exported from `inputs["shards"]`.

    exported  the files, named `<kind>/<dataset>/<shard>.<suffix>` below the card's folder

    Its first lines say which files make which configuration, one a kind and dataset.
    Raises InputError if there is nothing to describe.
    """
    if not inputs["exported"]:
        raise InputError(outputs["card"], "there are no exported files to describe", "name at least one dataset")
    found: dict[tuple[str, str], Group] = {}
    for path in inputs["shards"]:
        key = path.parent.parent.name, path.parent.name
        shard = read_shard(path, key[0])
        items = len(shard["id"]) + (found[key].items if key in found else 0)
        stated = shard.attributes
        found[key] = Group(*key, items, stated["component_names"], float(stated["range"]))  # type: ignore[arg-type]
    suffix = inputs["exported"][0].suffix
    with whole_file(outputs["card"]) as temporary:
        temporary.write_text(card(settings, list(found.values()), suffix), encoding="utf-8")


def card(settings: DescribeExport, groups: Sequence[Group], suffix: str) -> str:
    """The text: front matter, what it is, how much there is, what columns and components mean."""
    configs = [
        {"config_name": f"{group.kind}-{group.dataset}", "data_files": f"{group.kind}/{group.dataset}/*{suffix}"}
        for group in groups
    ]
    front = {"pretty_name": settings.name, "license": "other", "license_name": settings.licence, "configs": configs}
    stated = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]  # YAML holds JSON
    lines = ["---", *stated, "---", "", f"# {settings.name}", "", settings.description]
    lines += ["", f"Licence: {settings.licence}", "", "| kind | dataset | items | |", "| --- | --- | --- | --- |"]
    lines += [f"| {group.kind} | {group.dataset} | {group.items} | {PRODUCTS[group.kind]} |" for group in groups]
    for kind in dict.fromkeys(group.kind for group in groups):
        lines += ["", f"## {kind}", "", "| column | |", "| --- | --- |", "| image | PNG, aligned to the mean face |"]
        lines += [f"| {name} | {column_meaning(kind, name)} |" for name in columns_of(kind)]
    lines += ["", "## Components", ""]
    for group in groups:
        names = ", ".join(group.components)
        lines += [
            f"`params` of {group.kind}-{group.dataset}, where 1 is {group.range:g} standard deviations: {names}.",
            "",
        ]
    return "\n".join(lines)


def column_meaning(kind: str, column: str) -> str:
    """As of the array that the column comes from; arrays with several axes are flat."""
    return "original, neutral, random_00, ..." if column == "variant" else meaning(kind, column)
