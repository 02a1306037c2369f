"""People of the sample whose fits are the truth: what the warp does is then all that can be wrong with a picture."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from models3d.camera import Camera, pack
from models3d.face_model import FaceModel
from models3d.readers.native import write_model
from models3d.warp.portrait import Fit, Photo, Portrait, portrait
from models3d.warp.warp_model import WarpModel, warp_model
from pipeline.crops import canonical_landmarks_px, crop_matrix, cut
from pipeline.photo_tables import Photo as IndexedPhoto
from pipeline.photo_tables import write_index
from pipeline.provenance import file_digest
from pipeline.sample.emotionet import take_photo
from pipeline.sample.population import Population, make_population
from pipeline.seeds import generator
from pipeline.settings.sample import MakeSample
from pipeline.shards import write_shard

COUNT, PHOTO_PX = 3, 300
FACE_SCALE = 0.7


class Person(NamedTuple):
    photo: np.ndarray
    camera: Camera
    identity: np.ndarray
    expression: np.ndarray
    landmarks_px: np.ndarray


@dataclass(frozen=True, eq=False)
class Crowd:
    model: FaceModel
    drawn: WarpModel
    people: list[Person]


@cache
def population() -> Population:
    return make_population(MakeSample(7, 20, COUNT, 1, 1, 1, 1, PHOTO_PX))


@cache
def crowd() -> Crowd:
    """Three people in three photos, and the model ready for the warp."""
    people = []
    for number in range(COUNT):
        identity, expression, photo = take_photo(population(), generator(1, "tests", number), PHOTO_PX)
        people.append(Person(photo.image, photo.camera, identity, expression, photo.landmarks_px))
    return Crowd(population().model, warp_model(population().model), people)


@cache
def portrait_of(number: int, size_px: int = 128) -> Portrait:
    """A person as `pipeline.portraits.fit_portrait` makes them ready, without its files."""
    model, person = crowd().model, crowd().people[number]
    crop = crop_matrix(person.landmarks_px, canonical_landmarks_px(model, size_px, FACE_SCALE))
    margin = size_px // 4
    canvas = cut(person.photo, crop + np.float32([[0, 0, margin], [0, 0, margin]]), size_px + 2 * margin)
    photo = Photo(canvas, size_px, crop.astype(np.float64), person.landmarks_px.astype(np.float64))
    return portrait(crowd().drawn, Fit(person.camera, person.identity, person.expression), photo)


def expression(**coefficients: float) -> np.ndarray:
    """One row of coefficients, zero but for the named ones."""
    names = crowd().model.expression.names
    row = np.zeros((1, len(names)), np.float32)
    for name, value in coefficients.items():
        row[0, names.index(name)] = value
    return row


def write_people(folder: Path) -> dict[str, Path]:
    """Photos, index.csv, fits.h5 and model.h5: the inputs of `render_pairs`."""
    rows = []
    for number, person in enumerate(crowd().people):
        path = folder / f"photo{number}.png"
        Image.fromarray(person.photo).save(path)
        rows.append(IndexedPhoto(f"set/photo{number}", str(path), "", "", file_digest(path), PHOTO_PX, PHOTO_PX))
    write_index(folder / "index.csv", rows)
    write_model(folder / "model.h5", crowd().model)
    write_fits(folder / "00001.h5", range(COUNT))
    return {"index": folder / "index.csv", "fits": folder / "00001.h5", "model": folder / "model.h5"}


def write_fits(path: Path, numbers: range) -> None:
    """A `fits` shard of some of the people."""
    people = [crowd().people[number] for number in numbers]
    count = len(people)
    landmarks = np.array([person.landmarks_px for person in people], np.float32).reshape(-1, 68, 2)
    components = len(crowd().model.identity), len(crowd().model.expression)
    arrays = {
        "id": [f"set/photo{number}" for number in numbers],
        "person": [f"person {number % 2}" if number < 3 else "" for number in numbers],
        "camera": np.array([pack(person.camera) for person in people], np.float32).reshape(-1, 9),
        "identity": np.array([person.identity for person in people], np.float32).reshape(-1, components[0]),
        "expression": np.array([person.expression for person in people], np.float32).reshape(-1, components[1]),
        "expression_sigma": np.full((count, components[1]), 0.5, np.float32),
        "landmarks_px": landmarks,
        "fitted_px": landmarks,
        "residual": np.linspace(0.02, 0.01, count, dtype=np.float32),
        "status": ["converged"] * count,
        "iterations": np.ones(count, np.int32),
    }
    attributes = {"model_digest": crowd().model.digest, "settings": {"seed": 3}}
    write_shard(path, "fits", arrays, attributes)
