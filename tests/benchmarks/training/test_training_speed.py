"""How fast a complete step is, against the same networks run eagerly, and how long training waits for its data.

Both optimisers' steps, the penalty and the identity loss of a 50-layer network, in one run, on made pictures in memory.
`make bench` prints the tables; without a GPU only a small one. On a GPU:

    python -m pytest tests/benchmarks/training -s -m benchmark
"""

import time
from typing import NamedTuple

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pipeline.gan import steps
from pipeline.gan.batches import Batch, Reader
from pipeline.gan.devices import Speed, set_up
from pipeline.gan.identity_network import Embedder, IdentityNetwork, IdentityShape, grid_for
from pipeline.gan.losses import Weights
from pipeline.gan.networks import Dimensions
from pipeline.gan.order import Order, Schedule
from pipeline.gan.pictures import read_pictures
from pipeline.gan.steps import Objective, Optimisation, Players
from tests.pipeline.gan.made_shards import write_paired

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
FULL = Dimensions(30, 128, 64, 64, 6, "instance", False, False)
SMALL = Dimensions(30, 64, 16, 8, 2, "none", True, True)
FACE = IdentityShape(50, 1.0, 112, 512) if GPU else IdentityShape(10, 0.125, 32, 64)
OBJECTIVE = Objective("ra_sigmoid", Weights(30, 10, 1000, 10, 10, 4, 0.3, 0), 0.0)
BATCHES = (16, 64, 128, 256) if GPU else (16,)
WARM_UP, REPEATS = (5, 20) if GPU else (1, 3)

WAYS = {
    "eager float32": Speed("float32", False, False, "none", False),
    "eager float32, TF32": Speed("float32", True, False, "none", False),
    "bf16": Speed("bf16", True, False, "none", False),
    "bf16, channels last, fused Adam": Speed("bf16", True, True, "none", True),
    "the same, compiled": Speed("bf16", True, True, "default", True),
    "the same, CUDA graphs": Speed("bf16", True, True, "reduce-overhead", True),
}
CPU_WAYS = ("eager float32", "eager float32, TF32")

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


class Measured(NamedTuple):
    images_per_s: float
    step_s: float
    flops: float


def players(speed: Speed) -> Players:
    set_up(speed, DEVICE)
    torch.manual_seed(0)
    embed = Embedder(IdentityNetwork(FACE), FACE, grid_for((), 128)).to(DEVICE)
    if speed.channels_last:
        embed = embed.to(memory_format=torch.channels_last)
    dimensions = FULL if GPU else SMALL
    return steps.make_players(dimensions, 0, OBJECTIVE, Optimisation(1e-4, (0.5, 0.999)), speed, DEVICE, embed)


def batch(count: int) -> Batch:
    side = (FULL if GPU else SMALL).size_px
    images, goals = (torch.rand(count, side, side, 3, device=DEVICE).permute(0, 3, 1, 2) * 2 - 1 for _ in range(2))
    params, wanted = (torch.rand(count, 30, device=DEVICE) * 2 - 1 for _ in range(2))
    return Batch(images, params, wanted, goals, torch.rand(count, device=DEVICE))


def step(team: Players, given: Batch) -> None:
    generated = steps.generate(team, given)
    steps.critic_step(team, given, generated.image)
    steps.generator_step(team, given, generated)


def clock() -> float:
    """Wall time of a GPU that has done its work; CPU time elsewhere, where others run too."""
    if GPU:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def measure(speed: Speed, count: int) -> Measured:
    team, given = players(speed), batch(count)
    for _ in range(WARM_UP):
        step(team, given)
    started = clock()
    for _ in range(REPEATS):
        step(team, given)
    taken = (clock() - started) / REPEATS
    if speed.compile == "none":
        with FlopCount() as counter:
            step(team, given)
        return Measured(count / taken, taken, float(counter.total))
    return Measured(count / taken, taken, float("nan"))


@pytest.mark.benchmark
def test_images_a_second_of_a_complete_step():
    name = torch.cuda.get_device_name() if GPU else "CPU"
    peak = next((value for part, value in PEAKS.items() if part in name), float("nan"))
    print(f"\n{name}; generator and critic at {'full size' if GPU else 'the size of on_cpu'}")
    print(f"{'':<34}{'batch':>6}{'images/s':>10}{'ms a step':>11}{'ratio':>7}{'TFLOP a step':>14}{'of peak':>9}")
    for count in BATCHES:
        base, flops = float("nan"), float("nan")
        for label, speed in WAYS.items():
            if not GPU and label not in CPU_WAYS:
                continue
            torch._dynamo.reset()
            try:
                found = measure(speed, count)
            except Exception as error:  # one way that fails must not hide the others' figures
                print(f"{label:<34}{count:>6}  failed: {type(error).__name__}: {str(error)[:100]}")
                continue
            if label == "eager float32":
                base = found.images_per_s
            flops = found.flops if found.flops == found.flops else flops  # a compiled step does the same work
            print(
                f"{label:<34}{count:>6}{found.images_per_s:>10.1f}{found.step_s * 1e3:>11.1f}"
                f"{found.images_per_s / base:>7.2f}{flops / 1e12:>14.3f}{flops / found.step_s / peak:>9.1%}"
            )
    assert base == base, "the eager step is the yardstick"


@pytest.mark.benchmark
def test_waiting_for_data(tmp_path):
    """Reading alone, as fast as it goes: what a step must outlast so that training never waits."""
    shards = [write_paired(tmp_path / "p.h5", faces=200)]
    pictures = read_pictures(shards, 0.0)
    count = 64
    order = Order(pictures, Schedule(3, 0, count, 0), ~pictures.held_out)
    print(f"\n{'data':<28}{'images/s':>10}")
    for placement, workers in (("workers", 1), ("workers", 2), ("workers", 4), *([("device", 0)] if GPU else [])):
        reader = Reader(pictures, pictures.params, order, 64, DEVICE, placement, workers)
        started = time.perf_counter()
        done = sum(len(given.images) for given in reader.batches(0))
        if GPU:
            torch.cuda.synchronize()
        print(f"{placement + f', {workers} threads':<28}{done / (time.perf_counter() - started):>10.0f}")
        assert done == order.steps * count


@pytest.mark.benchmark
def test_share_of_time_waiting_for_data(tmp_path):
    """A whole training of some steps, data included."""
    shards = [write_paired(tmp_path / "p.h5", faces=64)]
    pictures = read_pictures(shards, 0.0)
    count = 256 if GPU else 16
    order = Order(pictures, Schedule(20 if GPU else 1, 0, count, 0), ~pictures.held_out)
    team = players(everyday())
    side = (FULL if GPU else SMALL).size_px
    reader = Reader(pictures, pictures.params, order, min(side, pictures.size_px), DEVICE, "workers", 2)
    given = batch(count)
    started = clock()
    for number, read in enumerate(reader.batches(0)):
        images = (
            torch.nn.functional.interpolate(read.images, size=side) if side != read.images.shape[-1] else read.images
        )
        step(team, given._replace(images=images))
        if number == 20:
            break
    taken = clock() - started
    print(f"\nwaited {reader.waited_s:.3f} s of {taken:.1f} s: {reader.waited_s / taken:.2%}")


def everyday() -> Speed:
    """How training runs if nothing is set."""
    return WAYS["bf16, channels last, fused Adam"] if GPU else WAYS["eager float32"]
