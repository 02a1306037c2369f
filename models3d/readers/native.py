"""This project's own file of a face model: HDF5, in the conventions of `models3d`, equal bytes for equal models.

    mean_mm (n, 3) f4, triangles (t, 3) i4, landmarks (68,) i4
    identity, expression, speech: groups of components (k, n, 3) f4, sigmas_mm (k,) f4, bounds (k, 2) f4, each
    with the attribute `names`, a JSON list
    attributes: kind "face_model", schema_version, name, source, licence, digest (`FaceModel.digest`)

A basis may have no components, so a file can hold an expression or speech basis alone, for `face_model.combine`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from models3d.errors import InputError
from models3d.face_model import LANDMARK_COUNT, Basis, FaceModel
from models3d.readers.fields import Fields, readable
from models3d.readers.hdf5 import Attributes, hdf5_content
from models3d.readers.landmark_file import read_landmarks
from models3d.whole_file import whole_file

KIND, SCHEMA_VERSION = "face_model", 1
LAYOUT = f"this project's face model (.h5, schema {SCHEMA_VERSION})"
PARTS = ("identity", "expression", "speech")
TEXTS = ("name", "source", "licence", "digest")


def write_model(path: Path, model: FaceModel) -> None:
    """Write the model, whole or not at all."""
    attributes = {text: getattr(model, text) for text in TEXTS}
    with whole_file(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        file.attrs.update({"kind": KIND, "schema_version": SCHEMA_VERSION, **attributes})
        for name in ("mean_mm", "triangles", "landmarks"):
            file.create_dataset(name, data=getattr(model, name), track_times=False)
        for part in PARTS:
            basis = getattr(model, part)
            group = file.create_group(part)
            group.attrs["names"] = json.dumps(basis.names)
            for name in ("components", "sigmas_mm", "bounds"):
                group.create_dataset(name, data=getattr(basis, name), track_times=False)


def read_native(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The model of a file; `landmarks` takes the place of its own.

    Raises InputError for another kind or schema of file, and if the content does not give the digest in it.
    """
    fields, attributes = hdf5_content(path, LAYOUT)
    texts = readable(path, LAYOUT, lambda: _texts(attributes))
    mean = fields.numbers("mean_mm", (None, 3)).astype(np.float32)
    bases = {part: _basis(fields, part, texts[part], len(mean)) for part in PARTS}
    model = FaceModel(
        name=texts["name"],
        mean_mm=mean,
        triangles=fields.indices("triangles", (None, 3), 0, len(mean)),
        landmarks=fields.indices("landmarks", (LANDMARK_COUNT,), 0, len(mean)),
        source=texts["source"],
        licence=texts["licence"],
        **bases,
    )
    if model.digest != texts["digest"]:
        raise InputError(
            path,
            f"its content has the digest {model.digest}, it states {texts['digest']}: it was changed or damaged",
            "delete it and build it again",
        )
    if landmarks is None:
        return model
    return replace(model, landmarks=read_landmarks(landmarks, path, mean, mm_per_unit=1.0))


def _texts(attributes: Mapping[str, Attributes]) -> dict[str, str]:
    """The file's texts by name, and the JSON of each part's component names by the part's; ValueError if it is
    another kind of file."""
    stated = attributes[""].get("kind"), attributes[""].get("schema_version")
    if stated != (KIND, SCHEMA_VERSION):
        raise ValueError(f"kind and schema {stated}, expected {(KIND, SCHEMA_VERSION)}")
    names = {part: str(attributes[part]["names"]) for part in PARTS}
    return {text: str(attributes[""][text]) for text in TEXTS} | names


def _basis(fields: Fields, part: str, names: str, vertex_count: int) -> Basis:
    parsed = readable(fields.path, LAYOUT, lambda: tuple(str(name) for name in json.loads(names)))
    count = len(parsed)
    components = fields.numbers(f"{part}/components", (count, vertex_count, 3))
    sigmas = fields.numbers(f"{part}/sigmas_mm", (count,))
    bounds = fields.numbers(f"{part}/bounds", (count, 2))
    return Basis(components.astype(np.float32), sigmas.astype(np.float32), bounds.astype(np.float32), parsed)
