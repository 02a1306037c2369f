"""What stages that turn coefficients into labels make sure of before they start, and say in the end."""

import numpy as np

from models3d.errors import InputError
from models3d.face_model import Basis, FaceModel
from pipeline.shards import Shard


def check_range(model: str, expression: Basis, range_sigma: float) -> None:
    """Raise InputError unless every coefficient within its bounds gives a parameter within [-1, 1]."""
    reach = np.abs(expression.bounds).max(1)
    if (reach > range_sigma).any():
        worst = int(reach.argmax())
        raise InputError(
            f"model {model}",
            f"its component {expression.names[worst]} reaches {reach[worst]:.3g} standard deviations, "
            f"the range of the parameters is {range_sigma:.3g}",
            f"set annotate_faces.range_sigma to {reach[worst]:.3g} or more",
        )


def check_moves(model: FaceModel) -> None:
    """Raise InputError if the model has no expressions."""
    if not len(model.motion):
        raise InputError(
            f"model {model.name}",
            "has no expression components: there is nothing to annotate photos with",
            "name a file that brings them as the model's 'expression'",
        )


def check_model(fits: Shard, model: FaceModel, item: object) -> None:
    """Raise InputError unless the fits are of this model."""
    if fits.attributes["model_digest"] != model.digest:
        raise InputError(item, "was fitted with another model", "delete it and run the workflow again")


def label_attributes(model: FaceModel, range_sigma: float, basis: Basis | None = None) -> dict[str, object]:
    """The attributes by which the `params` of a shard are read: whose components they are of, and in what unit.

    basis  of the parameters, if not the model's expression
    """
    basis = basis or model.expression
    return {
        "model": model.name,
        "model_digest": model.digest,
        "range": range_sigma,
        "sigmas_mm": basis.sigmas_mm.tolist(),
        "component_names": list(basis.names),
        "bounds": (basis.bounds / np.float32(range_sigma)).tolist(),
    }
