"""What every rule promises, read from the rules themselves."""

import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import yaml
from fake_workflow import JOBS, PRODUCERS, RULES

from pipeline import settings
from pipeline.fit_options import FitSettings
from pipeline.provenance import ROOT


def test_targets_stand():
    promised = {
        "all",
        "annotated",
        "paired",
        "meshes",
        "speech",
        "dataset",
        "joined",
        "validate",
        "coefficients",
        "export",
        "train",
        "evaluate",
    }
    promised |= {"describe_croissant", "count_fates", "draw_statistics", "draw_training"}
    assert promised <= set(RULES)
    assert len(JOBS) >= 8


@pytest.mark.parametrize("name", JOBS)
def test_every_job_declares_what_a_cluster_needs(name):
    body = JOBS[name]
    for directive in ("log:", "threads:", "mem_mb=", "runtime=", "conda:", '"../scripts/stage.py"'):
        assert directive in body, f"{name} lacks {directive}"
    assert "benchmark:" in body or name not in PRODUCERS
    assert "code" in body or "**stage(" in body, f"{name} does not rerun when its code changes"


@pytest.mark.parametrize("name", JOBS)
def test_a_rule_is_named_like_its_stage(name):
    assert (ROOT / f"pipeline/{name}.py").is_file()


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/rules").glob("*.smk")), ids=lambda path: path.name)
def test_no_logic_in_rules(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s+(run|shell):\s*$", text, re.MULTILINE)


def test_conda_environments_agree_with_the_pinned_requirements():
    pinned = dict(
        re.match(r"([\w.-]+)(?:\[\w+\])?==([\w.]+)", line).groups()
        for name in ("build", "requirements", "no-deps")
        for line in (ROOT / f"envs/{name}.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    named = {match for body in JOBS.values() for match in re.findall(r'"../../(envs/\w+\.yaml)"', body)}
    assert named == {str(path.relative_to(ROOT)) for path in (ROOT / "envs").glob("*.yaml")}
    for path in named:
        for package, version in pip_pins(ROOT / path):
            assert pinned[package] == version, f"{path}: {package}"


def pip_pins(path: Path) -> list[tuple[str, str]]:
    entries = yaml.safe_load(path.read_text())["dependencies"]
    pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    return [tuple(line.split("==")) for line in pip]


def test_schema_and_records_agree(config_schema):
    """One says meaning, unit and range, the other the type; neither may know a key that the other does not."""
    definitions = {name: entry["properties"] for name, entry in config_schema["$defs"].items()}
    sections = {
        "".join(part.title() for part in name.split("_")): section["properties"]
        for name, section in config_schema["properties"].items()
        if "properties" in section
    }
    sections["BuildModels"] = definitions["model"]
    sections["ListPhotos"] = without(definitions["dataset"] | {"dataset": {}}, "model")
    sections["ListMeshes"] = without(definitions["mesh_dataset"] | {"dataset": {}}, "registered", "unit_mm", "model")
    sections["ListClips"] = without(
        definitions["clip_dataset"] | {"dataset": {}}, "released_basis", "database", "model"
    )
    sections["MakeSpeechSample"] |= {"seed": {}, "identity_components": {}}
    shared = {name: {} for name, value in vars(FitSettings).items() if isinstance(value, property)}
    for name in ("FitClips", "LearnLandmarks", "LearnTexture"):
        sections[name] |= shared
    sections["FitClips"] |= sections["AnnotateFaces"]
    sections["BuildExpressionModel"] |= without(definitions["expression_model"], "meshes")
    for name in ("RenderPairs", "RenderMeshes"):
        sections[name] |= sections["AnnotateFaces"]
    sections["DrawSliders"] |= without(sections["AnnotateFaces"], "range_sigma")
    sections["CalibrateLabels"] |= sections["FitFaces"]
    sections["JoinShards"] = {"kind": {}}
    sections["DrawStatistics"] = {"kind": {}}
    sections["CountFates"]["max_pixels"] = sections["IndexImages"]["max_pixels"]
    sections["DescribeExport"] = without(sections["DescribeCroissant"], "url", "creators")
    sections["ExportShard"] |= {"kind": {}}
    sections["Plan"] = without(sections["Plan"], "costs") | {"cores": {}, "snakefile": {}, "config": {}}
    sections["Explain"] = {"shard": {}, "snakefile": {}, "config": {}}
    sections["TrainSlidergan"] |= {"variant": {}, "changes": {}}
    for name in ("IndexMeshes", "RegisterMeshes"):
        sections[name]["unit_mm"] = definitions["mesh_dataset"]["unit_mm"]
    modules = [import_module(f"pipeline.settings.{found.name}") for found in iter_modules(settings.__path__)]
    records = {name: value for module in modules for name, value in vars(module).items() if is_dataclass(value)}
    assert set(sections) | {"IndexDataset", "ValidateShards", "ExportCoefficients", "DrawTraining"} == set(records)
    for name, properties in sections.items():
        assert {field.name for field in fields(records[name])} == set(properties), name


def without(properties: dict, *names: str) -> dict:
    return {name: value for name, value in properties.items() if name not in names}


def test_the_schema_is_closed_and_explains_itself(config_schema):
    def walk(node, place):
        if isinstance(node, dict):
            if "properties" in node:
                assert node["additionalProperties"] is False, place
                for key, child in node["properties"].items():
                    assert "description" in child or "$ref" in child, f"{place}.{key}"
            for key, child in node.items():
                walk(child, f"{place}.{key}")

    walk(config_schema, "schema")
