"""All shards of one kind and dataset as one file, for people who want one: virtual, so nothing is copied."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from models3d.errors import InputError
from models3d.whole_file import whole_file
from pipeline.files import Paths
from pipeline.settings.dataset import JoinShards
from pipeline.shards import FILE_OPTIONS, LAYOUTS, SCHEMA_VERSION, read_shard, stated

STAGE = "join_shards"

SHARED = ("model_digest", "component_names", "range", "sigmas_mm")
"""Attributes that all of them have alike."""


def run(inputs: Paths, outputs: Paths, settings: JoinShards) -> None:
    """Join `inputs["shards"]` into `outputs["joined"]`.

    It names them by their places relative to itself, so the folder can move as a whole. Its arrays are read through
    HDF5; who wants to map them takes the shards.
    Raises InputError if they are not of one kind, model and setting.
    """
    path, kind, shards = outputs["joined"], settings.kind, inputs["shards"]
    parts = [read_shard(shard, kind) for shard in shards]
    if not parts:
        raise InputError(path, "there are no shards to join", "give at least one")
    for shard, part in zip(shards, parts, strict=True):
        for name in SHARED:
            if part.attributes.get(name) != parts[0].attributes.get(name):
                raise InputError(shard, f"has another {name} than {shards[0]}", "join shards of one model and setting")
    attributes = {name: parts[0].attributes[name] for name in SHARED if name in parts[0].attributes}
    attributes |= {"schema_version": SCHEMA_VERSION, "kind": kind}
    attributes["joined_digests"] = [part.attributes["content_digest"] for part in parts]
    with whole_file(path) as temporary, h5py.File(temporary, "w", **FILE_OPTIONS) as file:
        for name, (_, axes) in sorted(LAYOUTS[kind].items()):
            arrays = [part[name] for part in parts]
            if axes[0] == "item":
                join(file, name, arrays, [os.path.relpath(shard, path.parent) for shard in shards])
            elif all(np.array_equal(array, arrays[0]) for array in arrays):
                file.create_dataset(name, data=arrays[0], track_times=False)
            else:
                raise InputError(path, f"'{name}' differs from shard to shard", "join shards of one setting")
        for name, value in sorted(attributes.items()):
            file.attrs[name] = stated(value)


def join(file: h5py.File, name: str, arrays: Sequence[np.ndarray], sources: Sequence[str | Path]) -> None:
    """One virtual dataset: the arrays of that name in the source files, one after the other.

    Raises InputError if their items differ in shape.
    """
    shapes = {array.shape[1:] for array in arrays if len(array)} or {arrays[0].shape[1:]}
    if len(shapes) > 1:
        raise InputError(file.filename, f"'{name}' has items of shapes {sorted(shapes)}", "join shards of one setting")
    dtype = max((array.dtype for array in arrays), key=lambda dtype: dtype.itemsize)  # ids differ in length
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)  # which File.create_virtual_dataset leaves on
    space = h5py.h5s.create_simple((sum(map(len, arrays)), *shapes.pop()))
    start = 0
    for array, source in zip(arrays, sources, strict=True):
        if len(array):
            space.select_hyperslab((start, *[0] * (array.ndim - 1)), array.shape)
            creation.set_virtual(space, os.fsencode(source), name.encode(), h5py.h5s.create_simple(array.shape))
        start += len(array)
    space.select_all()
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(dtype, logical=True), space, creation)
