"""Weights on disk: plain state dictionaries with a description beside them, written whole, read without trust."""

import errno
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from models3d.errors import InputError
from models3d.face_model import LANDMARK_COUNT
from models3d.readers.fields import BROKEN_FILE
from models3d.whole_file import whole_file
from pipeline.gan.networks import Critic, Dimensions, Generator
from pipeline.gan.pictures import Condition
from pipeline.gan.state_check import check_state_file

State = dict[str, Any]
Network = TypeVar("Network", Generator, Critic)
Sizes = TypeVar("Sizes", bound=tuple)
LARGEST = 10_000
"""Channels, blocks or pixels that a file may state: more take for ever only to be counted."""
DISK_REMEDY = "free some space and run again: training goes on from the checkpoint that was there before"
REMEDY = "name a checkpoint of this pipeline, or delete it and run the workflow again"


class Description(NamedTuple):
    """What must be known to use the weights."""

    variant: str
    step: int
    dimensions: Dimensions
    condition: Condition
    names: tuple[str, ...]
    """Of the parameters that the networks take: components or action units."""
    condition_kind: str
    """`params` or `action_units`."""
    condition_origin: str
    """In words."""
    data_digest: str
    """Of the shards trained on."""
    held_out_share: float
    identity_network: str
    """Which F was in L_id, and its digest; `none` where L_id was left out."""
    settings: dict
    """Resolved: with what `on_cpu` changed."""


def write_state(path: Path, state: Mapping[str, object]) -> None:
    """Save whole or not at all; raises InputError if the disk is full, and what was there stays."""
    try:
        with whole_file(path) as temporary, temporary.open("wb") as stream:  # a name would stand in the file
            torch.save(dict(state), stream)
    except (OSError, RuntimeError) as error:
        if full(error):
            raise InputError(path, "the disk is full", DISK_REMEDY) from error
        raise


def full(error: BaseException) -> bool:
    """Whether the disk was. torch's zip writer says so in words only, when it closes the file."""
    return getattr(error, "errno", None) == errno.ENOSPC or any(
        words in str(error) for words in ("No space left", "file write failed", "unexpected pos")
    )


def read_state(path: Path) -> State:
    """A dictionary of tensors, numbers and text; raises InputError on anything else. No code of the file is run."""
    try:
        check_state_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises whatever its readers raise
        raise InputError(path, f"is no file of weights ({type(error).__name__})", REMEDY) from error
    if not isinstance(state, dict):
        raise InputError(path, f"holds a {type(state).__name__}, not weights by name", REMEDY)
    claimed, stored = claimed_bytes(state), path.stat().st_size
    if claimed > stored:
        raise InputError(path, f"claims {claimed} bytes of weights in a file of {stored}", REMEDY)
    return state


def claimed_bytes(state: object) -> int:
    """What all tensors would take in memory: one of stride 0 claims more than its file holds."""
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    held = state.values() if isinstance(state, Mapping) else state if isinstance(state, list | tuple) else ()
    return sum(map(claimed_bytes, held))


def describe(description: Description) -> str:
    """The description as JSON."""
    records = {"dimensions": description.dimensions._asdict(), "condition": description.condition._asdict()}
    return json.dumps({**description._asdict(), **records}, indent=1, sort_keys=True)


def description_of(path: Path, state: State) -> Description:
    """What a checkpoint says of itself; raises InputError if it says it in another form."""
    try:
        stated = json.loads(state["description"])
        condition: dict[str, Any] = {name: as_tuple(value) for name, value in stated.pop("condition").items()}
        dimensions = as_stated(Dimensions, stated.pop("dimensions"))
        names = tuple(stated.pop("names"))
        found = Description(dimensions=dimensions, condition=checked(Condition(**condition)), names=names, **stated)
    except BROKEN_FILE as error:
        raise InputError(path, f"does not describe itself as a checkpoint does ({error})", REMEDY) from error
    if len(condition["bounds"]) != len(condition["component_names"]):
        raise InputError(path, "has bounds of other components than it names", REMEDY)
    if len(found.names) != found.dimensions.params:
        raise InputError(path, f"names {len(found.names)} parameters of {found.dimensions.params}", REMEDY)
    return found


def checked(condition: Condition) -> Condition:
    """What an edit relies on; raises TypeError or ValueError if a part of it is of another form."""
    names, count = condition.component_names, len(condition.component_names)
    shapes = {"sigmas_mm": (count,), "bounds": (count, 2), "canonical_landmarks_px": (LANDMARK_COUNT, 2)}
    if not all(isinstance(name, str) for name in names) or type(condition.picture_px) is not int:
        raise TypeError("names that are no text, or picture_px that is no number")
    if not (0 < condition.range < math.inf and 0 < condition.picture_px <= LARGEST):
        raise ValueError(f"range {condition.range}, picture_px {condition.picture_px}")
    for name, shape in shapes.items():
        numbers = np.asarray(getattr(condition, name), np.float64)
        unsaid = name == "canonical_landmarks_px" and not numbers.size
        if not unsaid and not (numbers.shape == shape and np.isfinite(numbers).all()):
            raise ValueError(f"{name} is not {shape} finite numbers")
    return condition


def as_stated(kind: type[Sizes], stated: Mapping[str, object]) -> Sizes:
    """A record of sizes from JSON; raises TypeError or ValueError if one has another type or is no network's."""
    for name, expected in kind.__annotations__.items():
        value = stated[name]
        if type(value) is not expected and (type(value), expected) != (int, float):
            raise TypeError(f"{name} is {str(value)[:40]!r}")
        if isinstance(value, int | float) and not 0 <= value <= LARGEST:
            raise ValueError(f"{name} is {value}")
    return kind(**stated)


def as_tuple(value: object) -> object:
    """Lists of JSON as the tuples that they were."""
    return tuple(as_tuple(item) for item in value) if isinstance(value, list) else value


def load_weights(path: Path, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights by name; raises InputError as `check_fit` does."""
    check_fit(path, network, weights)
    network.load_state_dict(dict(weights))


def check_fit(path: Path, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Raise InputError on the first weight that is missing, unknown or of another shape. The network may be one
    without memory (of torch's device `meta`)."""
    if not isinstance(weights, Mapping):
        raise InputError(path, "holds no weights by name", REMEDY)
    expected = network.state_dict()
    for name, value in expected.items():
        if name not in weights:
            raise InputError(path, f"lacks '{name}'", REMEDY)
        if not isinstance(weights[name], Tensor) or weights[name].shape != value.shape:
            found = tuple(getattr(weights[name], "shape", ()))
            raise InputError(path, f"'{name}' has shape {found}, expected {tuple(value.shape)}", REMEDY)
    unknown = sorted(map(str, set(weights) - set(expected)))
    if unknown:
        raise InputError(path, f"has '{unknown[0]}', which the network has not", REMEDY)


def read_networks(path: Path) -> tuple[Generator, Critic, Description]:
    """The networks of a checkpoint, ready to use, and what the checkpoint says of itself.

    Raises InputError if it is no checkpoint, or its weights are not of the dimensions that it states.
    """
    state = read_state(path)
    description = description_of(path, state)
    return read_generator(path, state, description), read_critic(path, state, description), description


def read_generator(path: Path, state: State, description: Description) -> Generator:
    """The generator alone: all that an edit needs."""
    return loaded(path, Generator, state.get("generator"), description.dimensions)


def read_critic(path: Path, state: State, description: Description) -> Critic:
    """The critic, whose regression says which expression a picture has."""
    return loaded(path, Critic, state.get("critic"), description.dimensions)


def loaded(path: Path, kind: type[Network], weights: object, dimensions: Dimensions) -> Network:
    """A frozen network with weights whose shapes are checked before memory is taken."""
    with torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in kind(dimensions).state_dict().items()}
    if not isinstance(weights, dict) or expected != {
        name: tuple(getattr(value, "shape", ())) for name, value in weights.items()
    }:
        raise InputError(path, f"its {kind.__name__.lower()} is not of the dimensions that it states", REMEDY)
    network = kind(dimensions)
    load_weights(path, network, weights)
    return network.eval().requires_grad_(False)
