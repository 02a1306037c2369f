"""An identity network for those who have no released one: ArcFace's, trained on the rendered identities."""

import json
import logging
from dataclasses import asdict, fields, replace

from models3d.errors import InputError
from models3d.whole_file import whole_file
from pipeline.files import Paths
from pipeline.gan.devices import choose_device
from pipeline.gan.identity_training import train_identity, verify, write_identity
from pipeline.gan.pictures import read_pictures
from pipeline.provenance import provenance
from pipeline.settings.train import TrainIdentity

STAGE = "train_identity"

logger = logging.getLogger(__name__)

FIXED = frozenset({"seed", "gpu", "on_cpu", "held_out_share"})
"""Settings that `on_cpu` may not change."""


def run(inputs: Paths, outputs: Paths, settings: TrainIdentity) -> None:
    """Train on the faces of `inputs["shards"]` (kinds `paired`, `meshes`); write `outputs["identity"]` and
    `outputs["report"]`, a JSON with the verification of held-out faces.

    Raises InputError if there are fewer than two faces, or `on_cpu` names a setting that there is not.
    """
    device = choose_device(settings.gpu, STAGE)
    resolved = for_device(settings, device.type)
    pictures = read_pictures(inputs["shards"], resolved.held_out_share)
    embed, shape = train_identity(pictures, resolved, device)
    found = verify(embed, pictures, resolved.seed, resolved.batch, device)
    logger.info("held-out faces: %s", found)
    stated = provenance(STAGE, resolved, inputs, data_digest=pictures.digest, verification=found._asdict())
    write_identity(outputs["identity"], embed.network, shape, stated)
    with whole_file(outputs["report"]) as temporary:
        temporary.write_text(json.dumps({**shape._asdict(), **stated}, indent=1, sort_keys=True), encoding="utf-8")


def for_device(settings: TrainIdentity, device: str) -> TrainIdentity:
    """The settings with what `on_cpu` changes, where there is no GPU."""
    if device != "cpu":
        return settings
    unknown = sorted(set(settings.on_cpu) - ({field.name for field in fields(settings)} - FIXED))
    if unknown:
        remedy = f"use some of {sorted(set(asdict(settings)) - FIXED)}"
        raise InputError("train_identity.on_cpu", f"there is no setting '{unknown[0]}'", remedy)
    return replace(settings, **settings.on_cpu)
