"""One variant of SliderGAN, trained from the shards."""

import importlib.util
import logging

from models3d.errors import InputError
from pipeline.files import Paths
from pipeline.gan.devices import choose_device
from pipeline.gan.distributed import launch
from pipeline.gan.options import resolve
from pipeline.gan.training import Job, train
from pipeline.settings.train import TrainSlidergan

STAGE = "train_slidergan"

logger = logging.getLogger(__name__)


def run(inputs: Paths, outputs: Paths, settings: TrainSlidergan) -> None:
    """Train on `inputs["shards"]`; write `outputs["checkpoint"]`, `outputs["history"]` and `outputs["samples"]`.

    shards        of any kind with images and parameters: paired epochs use `paired` and `meshes`, the others the rest
    identity      the network of L_id, from `train_identity` or released weights; may be absent if weight_id is 0
    action_units  optional: OpenFace's CSV, for condition `action_units`

    TensorBoard's files go to events/ beside the checkpoint. Beside it too lies the state of a training that was
    interrupted: running again goes on from there, with the same losses as if nothing had happened.
    Raises InputError where `training.train` does, or if a required GPU is missing.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("tensorboard", "is not installed", "run `make setup`, which installs what is pinned")
    identity, action_units = inputs.get("identity"), inputs.get("action_units")
    job = Job(
        shards=tuple(inputs["shards"]),
        identity=identity or None,
        action_units=action_units or None,
        checkpoint=outputs["checkpoint"],
        history=outputs["history"],
        samples=outputs["samples"],
        settings=settings,
    )
    device = choose_device(settings.gpu, STAGE)
    resolved = resolve(settings, device)
    logger.info("%s on %s", settings.variant, device)
    launch(train, job, resolved.gpus if device.type == "cuda" else 1, resolved.batch)
