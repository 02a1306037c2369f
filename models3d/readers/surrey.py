"""The Surrey Face Model (Huber et al. 2016) and others in the format of eos, `.bin`.

A PCA model of identity (unit eigenvectors, VARIANCES, millimetres), with an expression model of its own or none:
PCA around a mean that is added to the face, or one-sided units. The Surrey model's six units are in a
file of their own, so a folder that holds both is read too.

The bytes are cereal's binary archive, read here and not by eos-py, whose native code trusts every length in them:
little-endian; the version (4); the shape model, the colour model; a flag, 1 if there is no expression model, else 0,
its kind (0 PCA, 1 units) and the model; what follows is not needed. A PCA model is mean, basis and variances as
matrices (rows, columns as i4, then f4 by column), then a count (u8) of triangles of three i4. Units are a count, then
for each its name (a length and characters) and a matrix.
"""

from pathlib import Path
from struct import unpack_from
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from models3d.face_model import Basis, FaceModel, empty_basis
from models3d.readers.conventions import MM_PER, check_unit, face_model, one_sided_basis, pca_basis
from models3d.readers.fields import MAX_ENTRIES, Fields, check_file, readable
from models3d.readers.landmark_file import read_landmarks

LAYOUT = "eos (a .bin of version 4, or a folder with sfm_shape_3448.bin and expression_blendshapes_3448.bin)"
LICENCE = "Surrey Face Model licence: non-commercial research, not to be passed on"
VERSION = 4
PCA, UNITS = 0, 1


class Pca(NamedTuple):
    """As the file has it."""

    mean: Float32[np.ndarray, "m 1"]
    basis: Float32[np.ndarray, "m k"]
    eigenvalues: Float32[np.ndarray, "k 1"]
    triangles: Int32[np.ndarray, "t 3"]


Units = dict[str, Float32[np.ndarray, "m 1"]]
"""Deformations by name."""


def read_surrey(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The model of a .bin, or of a folder; `landmarks` is needed, as eos keeps its own in another file.

    Raises InputError if a file is not in eos's format, or in an older version of it.
    """
    model_path = path / "sfm_shape_3448.bin" if path.is_dir() else path
    check_file(model_path, LAYOUT)
    shape, expression = readable(model_path, LAYOUT, lambda: _model(_Archive(model_path.read_bytes())))
    if path.is_dir():
        units_path = path / "expression_blendshapes_3448.bin"
        check_file(units_path, LAYOUT)
        expression = readable(units_path, LAYOUT, lambda: _units(_Archive(units_path.read_bytes())))
    return _converted(model_path, shape, expression, landmarks)


class _Archive:
    """Bytes that are read from the front; ValueError where there are not as many as they state."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0

    def take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self._data) - self._at:
            raise ValueError(f"{size} bytes are stated where {len(self._data) - self._at} are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, form: str, size: int) -> int:
        return unpack_from(f"<{form}", self.take(size))[0]

    def matrix(self) -> Float32[np.ndarray, "rows columns"]:
        rows, columns = self.number("i", 4), self.number("i", 4)
        if min(rows, columns) < 0:
            raise ValueError(f"a matrix of {rows} x {columns}")
        return np.frombuffer(self.take(4 * rows * columns), "<f4").reshape(rows, columns, order="F")

    def triangles(self) -> Int32[np.ndarray, "t 3"]:
        return np.frombuffer(self.take(12 * self.number("Q", 8)), "<i4").reshape(-1, 3)

    def text(self) -> str:
        return bytes(self.take(self.number("Q", 8))).decode()


def _model(archive: _Archive) -> tuple[Pca, Pca | Units | None]:
    """The shape model and the expression model."""
    version = archive.number("I", 4)
    if version != VERSION:
        raise ValueError(f"version {version}, not {VERSION}")
    shape, _ = _pca(archive), _pca(archive)
    if archive.number("B", 1):
        return shape, None
    kind = archive.number("i", 4)
    if kind not in (PCA, UNITS):
        raise ValueError(f"an expression model of kind {kind}")
    return shape, _pca(archive) if kind == PCA else _units(archive)


def _pca(archive: _Archive) -> Pca:
    return Pca(archive.matrix(), archive.matrix(), archive.matrix(), archive.triangles())


def _units(archive: _Archive) -> Units:
    count = archive.number("Q", 8)
    if count > MAX_ENTRIES:
        raise ValueError(f"{count} units")
    return {archive.text(): archive.matrix() for _ in range(count)}


def _converted(path: Path, shape: Pca, expression: Pca | Units | None, landmarks: Path | None) -> FaceModel:
    """The model of identity and of expression, if there is one."""
    fields = _fields(path, shape._asdict())
    mean = fields.interleaved("mean")
    unit = check_unit(path, "millimetres", mean)
    identity = pca_basis(fields, "basis", np.sqrt(fields.positive("eigenvalues")), len(mean), unit, "identity")
    motion = empty_basis(len(mean))
    if isinstance(expression, dict):
        motion = _one_sided(path, expression, len(mean))
    elif expression is not None:
        moving = _fields(path, expression._asdict())
        motion = pca_basis(moving, "basis", np.sqrt(moving.positive("eigenvalues")), len(mean), unit, "expression")
        mean = mean + moving.numbers("mean", (mean.size,)).reshape(mean.shape)
    return face_model(
        path,
        LAYOUT,
        LICENCE,
        unit,
        mean,
        triangles=fields.indices("triangles", (None, 3), 0, len(mean)),
        landmarks=read_landmarks(landmarks, path, mean, MM_PER[unit]),
        identity=identity,
        expression=motion,
    )


def _one_sided(path: Path, units: Units, vertex_count: int) -> Basis:
    fields = _fields(path, units)
    shapes = np.array([fields.numbers(name, (3 * vertex_count,)) for name in units], np.float32)
    return one_sided_basis(shapes.reshape(len(units), vertex_count, 3), tuple(units))


def _fields(path: Path, arrays: dict[str, np.ndarray]) -> Fields:
    return Fields(path, LAYOUT, {name: array.shape for name, array in arrays.items()}, lambda name: arrays[name])
