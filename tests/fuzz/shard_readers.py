"""This project's own files that people pass on: shards, textures, checkpoints, weights of identity networks."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import torch

from models3d.fitting.texture_model import TextureModel
from pipeline.edit.slider_values import sliders_of
from pipeline.gan.editing import read_editor
from pipeline.gan.identity_network import IdentityNetwork, IdentityShape, grid_for, read_identity
from pipeline.gan.identity_training import write_identity
from pipeline.shards import content_digest, read_shard
from pipeline.texture_file import read_texture, write_texture
from tests.fuzz.model_readers import FACE, Starts, hdf5, outside_links, saved
from tests.fuzz.packing import members_of, stored
from tests.fuzz.subject import Subject, Valid
from tests.pipeline.gan.made_shards import write_annotated, write_paired
from tests.pipeline.tiny_checkpoint import write_checkpoint

SHAPE = IdentityShape(10, 1 / 32, 32, 8)
PLACES = {"annotated": write_annotated, "paired": write_paired}


def without_checksums(made: Path, written: Path) -> bytes:
    """The arrays and attributes of an HDF5 file in the oldest version of the format."""
    with h5py.File(written) as file:
        arrays, attributes = {name: item[()] for name, item in file.items()}, dict(file.attrs)
    return hdf5(made, arrays, attributes, "earliest")


def make_shards(made: Path, secret: Path) -> list[Valid]:
    files = []
    for kind, write in PLACES.items():
        path = write(made.with_name(f"made_{kind}.h5"), 2)
        files += [Valid(f"{kind}.h5", path.read_bytes()), Valid(f"{kind}.h5", without_checksums(made, path))]
    links = [replace(link, name="paired.h5", beside={}) for link in outside_links(made, secret, "params")]
    return [*files, *links]


def read_whole(path: Path) -> object:
    shard = read_shard(path, path.stem)
    return shard.text("id"), content_digest(shard.arrays)


def make_textures(made: Path, secret: Path) -> list[Valid]:
    vertices = np.arange(5, dtype=np.int32)
    texture = TextureModel(vertices, np.ones((5, 3), np.float32), np.ones((2, 5, 3), np.float32), 0.5)
    written, attributes = (
        made.with_name("made_texture.h5"),
        {"model_digest": FACE.digest, "size_px": 128, "face_scale": 0.7},
    )
    newest = saved(written, lambda path: write_texture(path, texture, attributes))
    return [Valid("a.h5", newest), Valid("a.h5", without_checksums(made, written))]


def torch_file(made: Path, state: object) -> bytes:
    return saved(made.with_suffix(".pt"), lambda path: torch.save(state, path))


def make_checkpoints(made: Path, secret: Path) -> list[Valid]:
    weights = torch.load(write_checkpoint(made.with_suffix(".pt")), weights_only=True)
    described = weights.pop("description").encode()

    def with_description(content: bytes) -> bytes:
        return torch_file(made, {**weights, "description": content.decode("utf-8", "replace")})

    return [
        *opened(with_description(described), secret),
        Valid("a.pt", described, with_description),
        Valid("a.pt", torch_file(made, {"step": 1}), hostile=True),
        Valid(
            "a.pt",
            with_description(described.replace(b'"residual_blocks": 1', b'"residual_blocks": 99999999')),
            hostile=True,
        ),
    ]


def read_edited(path: Path) -> object:
    """Whatever an edit takes from a checkpoint."""
    description = read_editor(path, "off").description
    return sliders_of(description), grid_for(description.condition.canonical_landmarks_px, 64)


def opened(whole: bytes, secret: Path) -> list[Valid]:
    """The file, its pickle alone, and pickles that would run something."""
    members = members_of(whole)
    [name] = [name for name in members if name.endswith("data.pkl")]
    pack = stored(members, name)
    return [
        Valid("a.pt", whole),
        Valid("a.pt", members[name], pack),
        Valid("a.pt", pack(pickle.dumps({"step": Starts(str(secret))}, protocol=2)), hostile=True),
        Valid("a.pt", pickle.dumps({"step": Starts(str(secret))}, protocol=2), hostile=True),
    ]


def make_identity(made: Path, secret: Path) -> list[Valid]:
    network = IdentityNetwork(SHAPE)
    own = saved(made.with_suffix(".pt"), lambda path: write_identity(path, network, SHAPE, {}))
    described = json.dumps({"shape": SHAPE._asdict()}).encode()

    def with_description(content: bytes) -> bytes:
        text = content.decode("utf-8", "replace")
        return torch_file(made, {"identity": network.state_dict(), "description": text})

    released = IdentityNetwork(IdentityShape(18, 1 / 32, 32, 8)).state_dict()
    wide = described.replace(str(SHAPE.width).encode(), b"300")
    return [
        *opened(own, secret),
        Valid("a.pt", described, with_description),
        Valid("a.pt", with_description(wide), hostile=True),
        Valid("a.pt", torch_file(made, released)),
    ]


SUBJECTS = {
    "shards_h5": Subject(read_whole, make_shards),
    "texture_h5": Subject(lambda path: read_texture(path, FACE), make_textures),
    "checkpoint": Subject(read_edited, make_checkpoints),
    "identity_weights": Subject(read_identity, make_identity),
}
