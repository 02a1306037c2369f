"""Face models of any supported format, combined and cut to size, as one native file."""

import logging
from dataclasses import replace
from pathlib import Path

from models3d.errors import InputError
from models3d.face_model import FaceModel, combine
from models3d.readers import read_face_model
from models3d.readers.native import write_model
from pipeline.files import Paths
from pipeline.settings.models import BuildModels

STAGE = "build_models"
log = logging.getLogger(STAGE)


def run(inputs: Paths, outputs: Paths, settings: BuildModels) -> None:
    """Read identity, expression and speech, put them on one topology and keep the first components of each.

    inputs   identity; expression, speech and landmarks where the settings name them
    outputs  model, the native file

    Raises InputError for a file that cannot be read, and for parts on different topologies.
    """
    landmarks = inputs.get("landmarks")
    name = Path(outputs["model"]).stem
    sources = {"identity": settings.identity, "expression": settings.expression, "speech": settings.speech}
    parts = {part: _read(part, inputs[part], source["reader"], landmarks) for part, source in sources.items() if source}
    model = _cut(combine(name, **parts), settings)
    if not len(model.motion):
        log.warning("%s has no expression: expressions can be learnt on it, but no photo annotated with it", name)
    write_model(outputs["model"], model)


def _read(part: str, path: Path, reader: str, landmarks: Path | None) -> FaceModel:
    model = read_face_model(reader, path, landmarks)
    count = len(getattr(model, part))
    log.info("%s: %d %s components on %d vertices (%s)", path, count, part, len(model.mean_mm), model.source)
    if not count:
        raise InputError(path, f"brings no {part} components", f"name another file as the model's '{part}'")
    return model


def _cut(model: FaceModel, settings: BuildModels) -> FaceModel:
    """At most so many components of each part, the first ones; a file that has fewer gives all."""
    return replace(
        model,
        identity=model.identity.first(settings.identity_components),
        expression=model.expression.first(settings.expression_components),
        speech=model.speech.first(settings.speech_components),
    )
