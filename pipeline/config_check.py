"""Checking a configuration against its closed schema, with sentences that say what to change."""

import difflib
import json
from collections.abc import Iterable
from pathlib import Path

from jsonschema import Draft202012Validator, ValidationError

from models3d.errors import InputError

REFERENCES = (
    ("datasets", "model", "models"),
    ("mesh_datasets", "model", "models"),
    ("expression_models", "meshes", "mesh_datasets"),
    ("speech_databases", "model", "models"),
    ("clip_datasets", "model", "models"),
    ("clip_datasets", "database", "speech_databases"),
)
"""Section, the key of its entries that is a name, and the section that it must stand in."""


def check_config(config: dict, schema_path: Path) -> None:
    """Raise InputError for the first key or value that the schema does not admit.

    A misspelt key is named together with the nearest valid one; nothing has run by then. Beyond the
    schema, what an entry refers to by name (REFERENCES) must be there.
    """
    schema = json.loads(schema_path.read_text(encoding="utf-8"))
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: _place(error.absolute_path))
    for error in map(_innermost, errors):
        raise InputError(_place(error.absolute_path), *_explain(error))
    for section, key, known in REFERENCES:
        for name, entry in config[section].items():
            if entry and entry[key] not in config[known]:
                problem = f"there is no '{entry[key]}' among the {known}"
                raise InputError(f"config: {section}.{name}.{key}", problem, nearest(entry[key], config[known]))
    for section in ("train_variants", "variant_shards"):
        for name in config[section]:
            if name not in config["slidergan_variants"]:
                problem = f"there is no '{name}' among the slidergan_variants"
                raise InputError(f"config: {section}", problem, nearest(name, config["slidergan_variants"]))


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the nearest known one, and all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean '{close[0]}'? " if close else "") + f"known: {', '.join(known)}"


def _innermost(error: ValidationError) -> ValidationError:
    """Of a value that is neither null nor what else it may be: what is wrong with it as the latter."""
    inner = [other for other in error.context or () if other.validator != "type" or other.validator_value != "null"]
    return _innermost(inner[0]) if inner else error


def _place(path: Iterable[str | int]) -> str:
    return "config: " + (".".join(map(str, path)) or "top level")


def _explain(error: ValidationError) -> tuple[str, str]:
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))[0]
        return f"unknown key '{unknown}'", nearest(unknown, known)
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return f"missing keys {', '.join(missing)}", "config.yaml holds the defaults: is it read?"
    what = error.schema.get("description", "see workflow/schemas/config.schema.json")
    return error.message, f"expected: {what}"
