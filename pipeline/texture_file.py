"""The file of a texture model: a shard of kind `texture`, its items the components.

It may say that there were too few photos to learn one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.texture_model import TextureModel
from models3d.readers.fields import readable
from pipeline.shards import read_shard, write_shard


class LearntTexture(NamedTuple):
    """What a file holds."""

    texture: TextureModel | None
    """None if there were too few photos to learn one."""
    reason: str
    """Why there is none, or nothing."""
    size_px: int
    """Side of the crops that it was learnt from, and the share of it that the face takes."""
    face_scale: float
    digest: str
    """Of the content."""


def write_texture(path: Path, texture: TextureModel | None, attributes: Mapping[str, object]) -> None:
    """Write what was learnt; None for nothing, with the reason among the attributes.

    attributes  with `size_px`, `face_scale` and `model_digest`
    """
    if texture is None:
        nothing = np.zeros((0, 3), np.float32)
        texture = TextureModel(np.zeros(0, np.int32), nothing, nothing[None, :, :][:0], 0.0)
    arrays = {
        "id": [f"texture_{number:03d}" for number in range(len(texture.components))],
        "components": texture.components,
        "mean": texture.mean,
        "vertices": texture.vertices,
    }
    write_shard(path, "texture", arrays, {"reason": "", **attributes, "noise": texture.noise})


def read_texture(path: Path, model: FaceModel) -> LearntTexture:
    """What was learnt. Raises InputError if it is of another face model, or not as `write_texture` leaves it."""
    return readable(path, "what learn_texture writes", lambda: _read(path, model))


def _read(path: Path, model: FaceModel) -> LearntTexture:
    shard = read_shard(path, "texture")
    stated = shard.attributes
    if stated["model_digest"] != model.digest:
        raise InputError(path, "was learnt with another face model", "delete it and run the workflow again")
    texture = None
    if len(shard["vertices"]):
        vertices, mean, components = (np.array(shard[name]) for name in ("vertices", "mean", "components"))
        if vertices.min() < 0 or vertices.max() >= len(model.mean_mm):
            problem = "names vertices that the model does not have"
            raise InputError(path, problem, "delete it and run the workflow again")
        texture = TextureModel(vertices, mean, components, float(stated["noise"]))  # type: ignore[arg-type]
    size, scale = int(stated["size_px"]), float(stated["face_scale"])  # type: ignore[call-overload,arg-type]
    return LearntTexture(texture, str(stated["reason"]), size, scale, str(stated["content_digest"]))
