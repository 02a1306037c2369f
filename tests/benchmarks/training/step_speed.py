"""A complete step of training, timed and counted: both optimisers, the penalty, the identity loss."""

import time
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pipeline.gan import steps
from pipeline.gan.batches import Batch
from pipeline.gan.devices import Speed, set_up
from pipeline.gan.identity_network import Embedder, IdentityNetwork, IdentityShape, grid_for
from pipeline.gan.losses import Weights
from pipeline.gan.networks import Dimensions
from pipeline.gan.steps import Objective, Optimisation, Players

FULL = Dimensions(30, 128, 64, 64, 6, "instance", False, False)
SMALL = Dimensions(30, 64, 16, 8, 2, "none", True, True)
"""The paper's networks, and those of `train_slidergan.on_cpu`."""
FACE, SMALL_FACE = IdentityShape(50, 1.0, 112, 512), IdentityShape(10, 0.125, 56, 64)
OBJECTIVE = Objective("ra_sigmoid", Weights(30, 10, 1000, 10, 10, 4, 0.3, 0), 0.0)

EAGER, EAGER_TF32 = "eager float32", "eager float32, TF32"
WAYS = {
    EAGER: Speed("float32", False, False, "none", False),
    EAGER_TF32: Speed("float32", True, False, "none", False),
    "bf16": Speed("bf16", True, False, "none", False),
    "bf16, channels last, fused Adam": Speed("bf16", True, True, "none", True),
    "the same, compiled": Speed("bf16", True, True, "default", True),
    "the same, CUDA graphs": Speed("bf16", True, True, "reduce-overhead", True),
}
CPU_WAYS = (EAGER, "bf16, channels last, fused Adam")

PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}
"""Dense bf16 operations a second of the makers' sheets, by a part of the device's name."""


class FlopCount(TorchDispatchMode):
    """Operations of convolutions and matrix products; torch's own counter refuses second derivatives."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        self.total += count(*args, **(kwargs or {}), out_val=out) if count else 0
        return out


class Case(NamedTuple):
    """What is run where."""

    dimensions: Dimensions
    face: IdentityShape
    device: torch.device


class Measured(NamedTuple):
    way: str
    batch: int
    images_per_s: float
    step_s: float


def players(case: Case, speed: Speed, objective: Objective = OBJECTIVE) -> Players:
    """New networks, with the identity network in the layout of the others."""
    if case.device.type != "meta":
        set_up(speed, case.device)
    torch.manual_seed(0)
    embed = Embedder(IdentityNetwork(case.face), case.face, grid_for((), 128)).to(case.device)
    if speed.channels_last:
        embed = embed.to(memory_format=torch.channels_last)
    optimisation = Optimisation(1e-4, (0.5, 0.999))
    return steps.make_players(case.dimensions, 0, objective, optimisation, speed, case.device, embed)


def batch(case: Case, count: int) -> Batch:
    """A paired batch of noise."""
    side, device, params = case.dimensions.size_px, case.device, case.dimensions.params
    images, goals = (torch.rand(count, side, side, 3, device=device).permute(0, 3, 1, 2) * 2 - 1 for _ in range(2))
    p, wanted = (torch.rand(count, params, device=device) * 2 - 1 for _ in range(2))
    return Batch(images, p, wanted, goals, torch.rand(count, device=device))


def step(team: Players, given: Batch) -> None:
    """What one step of `pipeline.gan.training` does."""
    generated = steps.generate(team, given)
    steps.critic_step(team, given, generated.image)
    steps.generator_step(team, given, generated)


def count_operations(case: Case, count: int) -> dict[str, float]:
    """Floating-point operations of a step, all of it and its parts; on torch's meta device, which computes nothing."""
    case = case._replace(device=torch.device("meta"))
    # autocast knows no meta device, and float32 asks nothing of it
    team, given = players(case, WAYS[EAGER])._replace(device=torch.device("cpu")), batch(case, count)
    counted = {}
    with FlopCount() as counter:
        generated = steps.generate(team, given)
    counted["generator, first pass"] = float(counter.total)
    with FlopCount() as counter:
        steps.critic_step(team, given, generated.image)
    counted["critic's step, penalty included"] = float(counter.total)
    with FlopCount() as counter:
        steps.generator_step(team, given, generated)
    counted["generator's step, identity included"] = float(counter.total)
    return counted | {"the step": sum(counted.values())}


def clock(device: torch.device) -> float:
    """Wall time of a GPU that has done its work; CPU time elsewhere, where others run too."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def measure(case: Case, way: str, count: int, warm_up: int, repeats: int) -> Measured:
    """Images a second of a complete step."""
    torch._dynamo.reset()
    team, given = players(case, WAYS[way]), batch(case, count)
    for _ in range(warm_up):
        step(team, given)
    started = clock(case.device)
    for _ in range(repeats):
        step(team, given)
    taken = (clock(case.device) - started) / repeats
    return Measured(way, count, count / taken, taken)
