"""The file of `learn_landmarks`: HDF5, equal bytes for equal content.

vertices (m,) i4; habits/: shift_mm (68, 3), gains_mm (68, 3, k), whitening (136, 136) f4
marked/, detected/: whitening (2m, 2m), regressor/: centre (d,), scale (d,), offset (d, 2m), offset_bias (2m,),
log_sigma (d, 2m), log_sigma_bias (2m,) f4
attributes: kind "learnt_landmarks", schema_version, model_digest, content_digest, fit (JSON: the options of the
landmark fit whose offsets were learnt), and what it was made from
"""

import hashlib
from collections.abc import Mapping
from math import prod
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Int32

from models3d.errors import InputError
from models3d.face_model import LANDMARK_COUNT
from models3d.learnt_offsets import DetectorHabits, LearntLandmarks, LearntOffsets, Regressor
from models3d.readers.fields import Fields, readable
from models3d.readers.hdf5 import Attributes, hdf5_content
from models3d.whole_file import whole_file

KIND, SCHEMA_VERSION = "learnt_landmarks", 2
LAYOUT = f"this project's dense landmarks (.h5, schema {SCHEMA_VERSION})"
SOURCES = ("marked", "detected")


def write_learnt_landmarks(path: Path, learnt: LearntLandmarks, attributes: Mapping[str, str | int | float]) -> None:
    """Write the file, whole or not at all."""
    arrays = named_arrays(learnt)
    stated = {"kind": KIND, "schema_version": SCHEMA_VERSION, "model_digest": learnt.marked.model_digest}
    with whole_file(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        file.attrs.update({**attributes, **stated, "content_digest": content_digest(learnt)})
        for name in sorted(arrays):
            file.create_dataset(name, data=arrays[name], track_times=False)


def named_arrays(learnt: LearntLandmarks) -> dict[str, np.ndarray]:
    """The arrays by their names in the file."""
    arrays: dict[str, np.ndarray] = {"vertices": learnt.marked.vertices}
    arrays |= {f"habits/{name}": array for name, array in learnt.habits._asdict().items()}
    for source in SOURCES:
        offsets: LearntOffsets = getattr(learnt, source)
        arrays[f"{source}/whitening"] = offsets.whitening
        arrays |= {f"{source}/regressor/{name}": array for name, array in offsets.regressor._asdict().items()}
    return arrays


def read_learnt_landmarks(path: Path) -> tuple[LearntLandmarks, Mapping[str, str]]:
    """What a file holds, and its attributes that are text.

    Raises InputError for another kind or schema of file, arrays that do not fit together, or a changed content.
    """
    fields, attributes = hdf5_content(path, LAYOUT)
    texts = readable(path, LAYOUT, lambda: _texts(attributes[""]))
    vertices = fields.indices("vertices", (None,), 0, np.iinfo(np.int32).max)
    offsets = {source: _offsets(fields, source, texts["model_digest"], vertices) for source in SOURCES}
    learnt = LearntLandmarks(_habits(fields), **offsets)
    if content_digest(learnt) != texts["content_digest"]:
        raise InputError(path, "its content is not what it states: it was changed or damaged", "learn it again")
    return learnt, texts


def _habits(fields: Fields) -> DetectorHabits:
    count, outputs = LANDMARK_COUNT, 2 * LANDMARK_COUNT
    shapes = {"shift_mm": (count, 3), "gains_mm": (count, 3, None), "whitening": (outputs, outputs)}
    return DetectorHabits(**{name: _floats(fields, f"habits/{name}", shape) for name, shape in shapes.items()})


def _offsets(fields: Fields, source: str, digest: str, vertices: Int32[np.ndarray, " m"]) -> LearntOffsets:
    outputs, width = 2 * len(vertices), prod(fields.shape(f"{source}/regressor/centre"))
    shapes = {
        "centre": (width,), "scale": (width,), "offset": (width, outputs), "offset_bias": (outputs,),
        "log_sigma": (width, outputs), "log_sigma_bias": (outputs,),
    }  # fmt: skip
    arrays = {name: _floats(fields, f"{source}/regressor/{name}", shape) for name, shape in shapes.items()}
    whitening = _floats(fields, f"{source}/whitening", (outputs, outputs))
    return LearntOffsets(digest, vertices, Regressor(**arrays), whitening)


def content_digest(learnt: LearntLandmarks) -> str:
    """SHA-256 over the model's digest and the arrays; the first 16 hex digits."""
    sha = hashlib.sha256(learnt.marked.model_digest.encode())
    for name, array in sorted(named_arrays(learnt).items()):
        sha.update(f"{name}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:16]


def _floats(fields: Fields, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    return fields.numbers(name, shape).astype(np.float32)


def _texts(attributes: Attributes) -> dict[str, str]:
    """The file's texts by name; ValueError if it is another kind of file."""
    stated = attributes.get("kind"), attributes.get("schema_version")
    if stated != (KIND, SCHEMA_VERSION):
        raise ValueError(f"kind and schema {stated}, expected {(KIND, SCHEMA_VERSION)}")
    texts = {name: value for name, value in attributes.items() if isinstance(value, str)}
    for name in ("model_digest", "content_digest", "fit"):
        if name not in texts:
            raise ValueError(f"no attribute {name}")
    return texts
