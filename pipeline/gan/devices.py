"""What makes a step fast, and on which device: precision, memory layout, compilation."""

from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import nn

from models3d.errors import InputError

COMPILE_MODES = ("none", "default", "reduce-overhead", "max-autotune-no-cudagraphs")
"""As of `torch.compile`; `reduce-overhead` replays CUDA graphs."""


class Speed(NamedTuple):
    """How the networks are run."""

    precision: str
    """bf16: autocast of everything but the gradient penalty; float32: none of it."""
    tf32: bool
    """Whether a GPU may round the factors of float32 products to 10 bits."""
    channels_last: bool
    compile: str
    fused: bool
    """Whether Adam updates all weights in one kernel."""


def choose_device(gpu: str, stage: str, rank: int = 0) -> torch.device:
    """The device for a stage's setting `auto`, `required` or `off`; raises InputError if a required GPU is missing."""
    found = torch.cuda.is_available() and gpu != "off"
    if gpu == "required" and not found:
        remedy = f"set {stage}.gpu to auto to do with a CPU what it can, or use a machine with a GPU"
        raise InputError(f"{stage}.gpu", "torch sees no GPU", remedy)
    return torch.device("cuda", rank) if found else torch.device("cpu")


def set_up(speed: Speed, device: torch.device) -> None:
    """Settings of torch as a whole, for this process."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.backends.cuda.matmul.allow_tf32 = speed.tf32
    torch.backends.cudnn.allow_tf32 = speed.tf32
    torch.backends.cudnn.benchmark = device.type == "cuda"


def autocast(speed: Speed, device: torch.device) -> AbstractContextManager:
    """The region in which convolutions may run in bf16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=speed.precision == "bf16")


def placed(network: nn.Module, speed: Speed, device: torch.device) -> nn.Module:
    """The network on its device, in the memory layout asked for."""
    layout = torch.channels_last if speed.channels_last else torch.contiguous_format
    return network.to(device=device, memory_format=layout)  # type: ignore[call-overload]


def compiled(network: nn.Module, speed: Speed) -> nn.Module:
    """The same weights behind a compiled forward; its inputs must keep their shape."""
    if speed.compile == "none":
        return network
    mode = None if speed.compile == "default" else speed.compile
    return torch.compile(network, mode=mode, dynamic=False)  # type: ignore[return-value]


def adam(network: nn.Module, learning_rate: float, betas: tuple[float, float], speed: Speed) -> torch.optim.Adam:
    """Adam over all weights that learn."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    return torch.optim.Adam(weights, lr=learning_rate, betas=betas, fused=speed.fused)
