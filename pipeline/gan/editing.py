"""Edits of one aligned picture with a trained checkpoint: arrays in, arrays out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from models3d.errors import InputError
from pipeline.gan.batches import prepared, reduction
from pipeline.gan.checkpoints import Description, read_networks
from pipeline.gan.devices import choose_device
from pipeline.gan.networks import Critic, Generator


class Editor(NamedTuple):
    """A checkpoint, ready to use."""

    generator: Generator
    critic: Critic
    description: Description
    device: torch.device


class Edits(NamedTuple):
    """What a generator makes of one picture, at its own size; levels from 0 to 255, not rounded."""

    original: Float32[np.ndarray, "s s 3"]
    """I_org as the generator saw it."""
    images: Float32[np.ndarray, "n s s 3"]
    """I_gen, the composite of eq. 4."""
    masks: Float32[np.ndarray, "n s s"]
    """G_m: 1 means generated."""


def read_editor(path: Path, gpu: str = "auto") -> Editor:
    """The networks of a checkpoint on the device that `gpu` asks for.

    Raises InputError if there is no such file, it is no checkpoint, its weights are not of the dimensions that it
    states, or it does not say how its pictures were aligned.
    """
    if not path.is_file():
        raise InputError(path, "there is no such checkpoint", "run `make demo`, which trains one, or name yours")
    generator, critic, description = read_networks(path)
    if len(description.condition.canonical_landmarks_px) == 0:
        remedy = "train it on shards of this pipeline's photos, which say so"
        raise InputError(path, "does not say where its pictures have the landmarks of a face", remedy)
    reduction(description.condition.picture_px, description.dimensions.size_px)
    device = choose_device(gpu, "edit")
    return Editor(generator.to(device), critic.to(device), description, device)


def edit(editor: Editor, picture: UInt8[np.ndarray, "h w 3"], params: Float[np.ndarray, "n p"]) -> Edits:
    """An aligned picture with each of the parameters."""
    seen = _seen(editor, picture)
    wanted = torch.from_numpy(np.ascontiguousarray(params, np.float32)).to(editor.device)
    with torch.inference_mode():
        made = editor.generator(seen.expand(len(wanted), -1, -1, -1), wanted)
    return Edits(_levels(seen)[0], _levels(made.image), made.mask[:, 0].cpu().numpy())


def read_expression(editor: Editor, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, " p"]:
    """The parameters that D reads off an aligned picture, cut to [-1, 1] (eq. 7's regression)."""
    with torch.inference_mode():
        found = editor.critic(_seen(editor, picture)).params[0]
    return found.clamp(-1, 1).cpu().numpy()


def _seen(editor: Editor, picture: UInt8[np.ndarray, "h w 3"]) -> torch.Tensor:
    """The picture as training prepares it."""
    factor = reduction(picture.shape[0], editor.description.dimensions.size_px)
    return prepared(torch.from_numpy(picture[None]).to(editor.device), factor)


def _levels(images: torch.Tensor) -> Float32[np.ndarray, "n s s 3"]:
    return ((images.float() + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1).contiguous().cpu().numpy()
