"""The file of a texture model: a shard of kind `texture`, its items the components.

It may say that there were too few photos to learn one.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.texture_model import TextureModel
from pipeline.shards import read_shard, write_shard


def write_texture(path: Path, texture: TextureModel | None, attributes: Mapping[str, object]) -> None:
    """Write what was learnt; None for nothing, with the reason among the attributes."""
    if texture is None:
        nothing = np.zeros((0, 3), np.float32)
        texture = TextureModel(np.zeros(0, np.int32), nothing, nothing[None, :, :][:0], 0.0)
    arrays = {
        "id": [f"texture_{number:03d}" for number in range(len(texture.components))],
        "components": texture.components,
        "mean": texture.mean,
        "vertices": texture.vertices,
    }
    write_shard(path, "texture", arrays, {**attributes, "noise": texture.noise})


def read_texture(path: Path, model: FaceModel) -> TextureModel | None:
    """The texture of a file, or None if there were too few photos to learn one.

    Raises InputError if it is of another face model.
    """
    shard = read_shard(path, "texture")
    if shard.attributes["model_digest"] != model.digest:
        raise InputError(path, "was learnt with another face model", "delete it and run the workflow again")
    if not len(shard["vertices"]):
        return None
    vertices, mean, components = (np.array(shard[name]) for name in ("vertices", "mean", "components"))
    if vertices.min() < 0 or vertices.max() >= len(model.mean_mm):
        raise InputError(path, "names vertices that the model does not have", "delete it and run the workflow again")
    return TextureModel(vertices, mean, components, float(shard.attributes["noise"]))  # type: ignore[arg-type]
