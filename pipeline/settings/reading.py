"""From a section of the validated configuration to the record of its stage."""

from dataclasses import fields
from typing import TypeVar

Settings = TypeVar("Settings")


def read_settings(record: type[Settings], section: dict) -> Settings:
    """The record of a stage from its section. The schema has checked names and ranges already."""
    lists_as_tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}
    return record(**{field.name: lists_as_tuples[field.name] for field in fields(record)})  # type: ignore[arg-type]
