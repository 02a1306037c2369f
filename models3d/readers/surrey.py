"""The Surrey Face Model (Huber et al. 2016) and others in the format of eos, `.bin`, read by eos-py.

A PCA model of identity (unit eigenvectors, VARIANCES, millimetres), with an expression model of its own or none:
PCA around a mean that is added to the face, or one-sided units. The Surrey model's six units are in a
file of their own, so a folder that holds both is read too.

eos-py is native code that trusts its files: a damaged one can end the process. Give it none from strangers.
"""

from pathlib import Path
from typing import Any

import numpy as np

from models3d.errors import InputError
from models3d.face_model import Basis, FaceModel, empty_basis
from models3d.readers.conventions import MM_PER, check_unit, face_model, one_sided_basis, pca_basis
from models3d.readers.fields import Fields, check_file, readable
from models3d.readers.landmark_file import read_landmarks

LAYOUT = "eos (a .bin, or a folder with sfm_shape_3448.bin and expression_blendshapes_3448.bin)"
LICENCE = "Surrey Face Model licence: non-commercial research, not to be passed on"


def read_surrey(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The model of a .bin, or of a folder; `landmarks` is needed, as eos keeps its own in another file.

    Raises InputError if eos-py is not installed or cannot read the file.
    """
    try:
        from eos import morphablemodel as eos  # optional: no other reader needs it
    except ImportError as error:
        raise InputError(path, "is read through eos-py, which is not installed", "pip install eos-py") from error
    model_path = path / "sfm_shape_3448.bin" if path.is_dir() else path
    check_file(model_path, LAYOUT)
    model = readable(model_path, LAYOUT, lambda: eos.load_model(str(model_path)))
    expression = model.get_expression_model()
    if path.is_dir():
        units_path = path / "expression_blendshapes_3448.bin"
        check_file(units_path, LAYOUT)
        expression = readable(units_path, LAYOUT, lambda: eos.load_blendshapes(str(units_path)))
    return _converted(model_path, model.get_shape_model(), expression, landmarks)


def _converted(path: Path, shape: Any, expression: Any, landmarks: Path | None) -> FaceModel:
    """The model of eos's PcaModel of identity and its expression model: a PcaModel, a list of Blendshapes, or None."""
    fields = _pca_fields(path, shape)
    mean = fields.interleaved("mean")
    unit = check_unit(path, "millimetres", mean)
    identity = pca_basis(fields, "basis", np.sqrt(fields.positive("eigenvalues")), len(mean), unit, "identity")
    motion = empty_basis(len(mean))
    if isinstance(expression, list):
        motion = _units(path, expression, len(mean))
    elif expression is not None:
        moving = _pca_fields(path, expression)
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


def _pca_fields(path: Path, pca: Any) -> Fields:
    arrays = {
        "mean": np.asarray(pca.get_mean()),
        "basis": np.asarray(pca.get_orthonormal_pca_basis()),
        "eigenvalues": np.asarray(pca.get_eigenvalues()),
        "triangles": np.asarray(pca.get_triangle_list()),
    }
    return Fields(path, LAYOUT, {name: array.shape for name, array in arrays.items()}, lambda name: arrays[name])


def _units(path: Path, blendshapes: list, vertex_count: int) -> Basis:
    arrays = {unit.name: np.asarray(unit.deformation) for unit in blendshapes}
    fields = Fields(path, LAYOUT, {name: array.shape for name, array in arrays.items()}, lambda name: arrays[name])
    shapes = np.array([fields.numbers(name, (3 * vertex_count,)) for name in arrays])
    return one_sided_basis(shapes.reshape(len(arrays), vertex_count, 3), tuple(arrays))
