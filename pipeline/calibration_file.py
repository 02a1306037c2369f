"""The file of what standard errors must be multiplied by: a JSON, by the kind of landmarks of a photo."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32

from models3d.errors import InputError
from models3d.label_errors import Calibration
from models3d.readers.fields import BROKEN_FILE
from pipeline.files import whole_file

REMEDY = "delete it and run the workflow again"


class Calibrations(NamedTuple):
    """Of fits to the landmarks of files, and to a detector's."""

    marked: Calibration
    detected: Calibration

    def factors(
        self, from_files: Bool[np.ndarray, " n"], residuals: Float[np.ndarray, " n"]
    ) -> Float32[np.ndarray, " n"]:
        """The factor of every photo; NaN where the residual is."""
        return np.where(from_files, self.marked.factors(residuals), self.detected.factors(residuals))


def write_calibrations(path: Path, calibrations: Calibrations, stated: Mapping[str, object]) -> None:
    """stated  what it was learnt from and how it did, `model_digest` among it"""
    described = {kind: calibration._asdict() for kind, calibration in calibrations._asdict().items()}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps({**stated, **described}, indent=1) + "\n", encoding="utf-8")


def read_calibrations(path: Path, model_digest: str) -> Calibrations:
    """Raises InputError if the file is none of these, or was learnt with another model."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        own, kinds = described["model_digest"], [Calibration(**described[kind]) for kind in Calibrations._fields]
    except BROKEN_FILE as error:
        raise InputError(path, f"is no calibration of labels ({error})", REMEDY) from error
    numbers = np.array(kinds, object)
    if not all(isinstance(number, float) and np.isfinite(number) and number >= 0 for number in numbers.ravel()):
        raise InputError(path, f"holds what are no factors: {kinds}", REMEDY)
    if own != model_digest:
        raise InputError(path, "was learnt with another face model", REMEDY)
    return Calibrations(*kinds)
