"""Every rule with stages that do nothing: what a setting reruns, and what runs side by side."""

import copy
import csv
import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from dry_runs import dry_runs
from fake_workflow import DEFAULTS, PRODUCERS, TARGETS, everything, fake_workflow, settings_of
from snakemake.utils import update_config
from snakemake_run import snakemake

from models3d.errors import InputError
from pipeline.config_check import check_config
from pipeline.provenance import ROOT

SCHEMA = ROOT / "workflow/schemas/config.schema.json"


class Finished(NamedTuple):
    """A run of all rules."""

    root: Path
    folder: Path
    config: dict


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    root = fake_workflow(tmp_path_factory.mktemp("fake"))
    folder = tmp_path_factory.mktemp("run")
    config = everything(folder)
    run = snakemake(folder, *TARGETS, config=config, cores=4, root=root)
    assert run.returncode == 0, run.stdout
    return Finished(root, folder, config)


@pytest.fixture(scope="module")
def ran(finished) -> list[dict[str, str]]:
    with (finished.folder / "fake_jobs.csv").open() as stream:
        return list(csv.DictReader(stream, ("rule", "start", "end", "gpu")))


def test_the_targets_reach_every_rule(ran):
    missed = PRODUCERS - {job["rule"] for job in ran}
    assert not missed, f"no target makes them under tests/helpers/fake_workflow.py's configuration: {missed}"


def test_rules_that_want_a_gpu_run_one_at_a_time(ran):
    spans = [(float(job["start"]), float(job["end"])) for job in ran if job["gpu"] != "0"]
    assert len(spans) >= 5
    for (start, end), (other_start, other_end) in combinations(spans, 2):
        assert end <= other_start or other_end <= start


def test_other_rules_run_side_by_side(ran):
    spans = sorted((float(job["start"]), float(job["end"])) for job in ran if job["gpu"] == "0")
    assert any(other_start < end for (_, end), (other_start, _) in pairwise(spans))


NO_SETTINGS = {
    "results",
    "train_variants",
    "variant_shards",
    "export_shard",
    "speech_databases",
    "identity_weights",
    "action_units",
    "plan",
    "shard",
}
"""Sections that say where files are, which jobs there are, or what is asked; not what a stage does."""
SECTIONS = sorted(set(DEFAULTS) - NO_SETTINGS)
HOW_MANY_JOBS = "shards"
MAPS = {name for name, section in json.loads(SCHEMA.read_text())["properties"].items() if "propertyNames" in section}
"""Sections of named entries."""


class Change(NamedTuple):
    """One setting with another value."""

    config: dict
    readers: set[str]


def one_change(section: str, config: dict) -> Change:
    """Change the first setting of a section that some stage reads, and may be changed; of all its entries, if it has.

    Who reads it follows from the records of the stages, not from the rules.
    """
    entries = merged(config)[section] if section in MAPS else {None: merged(config)[section]}
    used = {name: entry for name, entry in entries.items() if entry is not None}
    for key in dict.fromkeys(key for entry in used.values() for key in entry if key != HOW_MANY_JOBS):
        readers = readers_of(section, key)
        for other in (
            other for entry in used.values() for other in other_values(entry.get(key)) if other != entry[key]
        ):
            mine = {name: {key: other} for name, entry in used.items() if key in entry}
            changed = copy.deepcopy(config)
            update_config(changed, {section: mine if section in MAPS else mine[None]})
            if readers and is_valid(merged(changed)):
                return Change(changed, readers)
    raise AssertionError(f"no stage reads {section}: is it a section for nothing?")


def merged(config: dict) -> dict:
    """The defaults, with a user's file over them."""
    whole = copy.deepcopy(DEFAULTS)
    update_config(whole, config)
    return whole


def readers_of(section: str, key: str) -> set[str]:
    """The rules whose records have this setting, from this section."""
    field = "changes" if section == "slidergan_variants" else key
    return {rule for rule in PRODUCERS if field in settings_of(rule) and home_of(rule, field) == section}


def home_of(rule: str, field: str) -> str:
    """The section that a rule has a setting from: its own, or of those with such a key the one that it has most of."""
    if field in keys_of(rule):
        return rule
    foreign = settings_of(rule) - keys_of(rule)
    having = [section for section in DEFAULTS if field in keys_of(section)]
    return max(having, key=lambda section: (len(keys_of(section) & foreign), -len(keys_of(section))), default="")


def keys_of(section: str) -> set[str]:
    """Of a section, or of its entries if they are named; `slidergan_variants` are changes to another section."""
    if section == "slidergan_variants":
        return {"changes"}
    stated = DEFAULTS.get(section)
    if section in MAPS:
        return {key for entry in stated.values() for key in entry}
    return set(stated) if isinstance(stated, dict) else set()


def other_values(value: object) -> Iterator[object]:
    """Others of the same kind, where there are any that change no file's name."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (type(value)(value * 0.9), value + 1)
    elif isinstance(value, str) and " " in value:
        yield f"{value}, and more"
    elif isinstance(value, dict):
        yield from ({**value, key: other} for key, old in value.items() for other in other_values(old) if other != old)


def is_valid(config: dict) -> bool:
    try:
        check_config(config, SCHEMA)
    except InputError:
        return False
    return True


@pytest.fixture(scope="module")
def plans(finished) -> dict[str, tuple[Change, str]]:
    """What would run after a change of each section."""
    changes = {section: one_change(section, finished.config) for section in SECTIONS}
    said = dry_runs(finished.root, finished.folder, {name: change.config for name, change in changes.items()}, TARGETS)
    return {name: (change, said[name]) for name, change in changes.items()}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_setting_reruns_exactly_the_stages_that_read_it(plans, section):
    change, said = plans[section]
    reasons = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    reason: (.*)$", said, re.MULTILINE)
    changed = {rule for rule, reason in reasons if "Params have changed" in reason}
    # of a job whose inputs change as well Snakemake says only that
    assert changed <= change.readers <= {rule for rule, _ in reasons}, said[-3000:]
    for rule, reason in reasons:
        assert rule in changed or reason.startswith("Input files updated by another job"), f"{rule}: {reason}"
