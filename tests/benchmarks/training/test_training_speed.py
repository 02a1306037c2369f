"""How fast a complete step is, what it counts, and how long training waits for its data.

`make bench-training` prints the tables; without a GPU only those of the small networks, and the count at full size.
On a GPU, `on_gpu.py` beside this file does all of it, trains, and writes a section of RESULTS.md.
"""

import time

import pytest
import torch

from pipeline.gan.batches import Reader
from pipeline.gan.order import Order, Schedule
from pipeline.gan.pictures import read_pictures
from tests.benchmarks.training.step_speed import (
    CPU_WAYS,
    EAGER,
    FACE,
    FULL,
    PEAKS,
    SMALL,
    SMALL_FACE,
    WAYS,
    Case,
    batch,
    clock,
    count_operations,
    measure,
    players,
    step,
)
from tests.pipeline.gan.made_shards import write_paired

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
CASE = Case(FULL, FACE, DEVICE) if GPU else Case(SMALL, SMALL_FACE, DEVICE)
BATCHES = (16, 64, 128, 256) if GPU else (16,)
WARM_UP, REPEATS = (5, 20) if GPU else (1, 5)


@pytest.mark.benchmark
def test_operations_of_a_complete_step():
    for label, case in (
        ("full size, IResNet-50", Case(FULL, FACE, DEVICE)),
        ("on_cpu", Case(SMALL, SMALL_FACE, DEVICE)),
    ):
        counted = count_operations(case, 16)
        print(f"\n{label}, batch 16")
        for part, operations in counted.items():
            print(f"  {part:<38}{operations / 1e12:>9.4f} TFLOP{operations / 16 / 1e9:>9.2f} GFLOP an image")
        for name, peak in PEAKS.items():
            seconds = counted["the step"] / peak
            print(f"  floor on {name:<6} {seconds * 1e3:.2f} ms, {16 / seconds:.0f} images/s")
        twice = count_operations(case, 32)["the step"]
        assert twice == pytest.approx(2 * counted["the step"], rel=0.01), "but for what the parameters cost once"


@pytest.mark.benchmark
def test_images_a_second_of_a_complete_step():
    name = torch.cuda.get_device_name() if GPU else "CPU, one thread" if torch.get_num_threads() == 1 else "CPU"
    peak = next((value for part, value in PEAKS.items() if part in name), float("nan"))
    each = count_operations(CASE, 16)["the step"] / 16
    print(f"\n{name}; generator and critic at {'full size' if GPU else 'the size of on_cpu'}")
    print(f"{'':<34}{'batch':>6}{'images/s':>10}{'ms a step':>11}{'ratio':>7}{'GFLOP/s':>10}{'of peak':>9}")
    for count in BATCHES:
        base = float("nan")
        for way in WAYS if GPU else CPU_WAYS:
            try:
                found = measure(CASE, way, count, WARM_UP, REPEATS)
            except Exception as error:  # one way that fails must not hide the others' figures
                print(f"{way:<34}{count:>6}  failed: {type(error).__name__}: {str(error)[:100]}")
                continue
            base = found.images_per_s if way == EAGER else base
            rate = each * found.images_per_s
            print(
                f"{way:<34}{count:>6}{found.images_per_s:>10.1f}{found.step_s * 1e3:>11.1f}"
                f"{found.images_per_s / base:>7.2f}{rate / 1e9:>10.1f}{rate / peak:>9.1%}"
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
    """Some steps of training, data included."""
    shards = [write_paired(tmp_path / "p.h5", faces=64)]
    pictures = read_pictures(shards, 0.0)
    count = 256 if GPU else 16
    order = Order(pictures, Schedule(20 if GPU else 1, 0, count, 0), ~pictures.held_out)
    team = players(CASE, WAYS["bf16, channels last, fused Adam" if GPU else EAGER])
    side = CASE.dimensions.size_px
    reader = Reader(pictures, pictures.params, order, min(side, pictures.size_px), DEVICE, "workers", 2)
    given = batch(CASE, count)
    started = clock(DEVICE)
    for number, read in enumerate(reader.batches(0)):
        images = (
            torch.nn.functional.interpolate(read.images, size=side) if side != read.images.shape[-1] else read.images
        )
        step(team, given._replace(images=images))
        if number == 20:
            break
    taken = clock(DEVICE) - started
    print(f"\nwaited {reader.waited_s:.3f} s of {taken:.1f} s: {reader.waited_s / taken:.2%}")
