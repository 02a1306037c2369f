"""One process a GPU, by torch's DistributedDataParallel."""

import os
import socket
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from typing import TypeVar

import torch
from torch import nn

from models3d.errors import InputError
from pipeline.gan.batches import Share

Job = TypeVar("Job")


def launch(work: Callable[[Job, Share], None], job: Job, processes: int, batch: int) -> None:
    """Run `work(job, share)` in this process, or in several that share every batch.

    work  a module's function, since other processes import it

    Raises InputError if there are fewer GPUs than asked for, a batch cannot be shared evenly, or a process raises it.
    """
    if processes == 1:
        work(job, Share(0, 1))
        return
    if torch.cuda.is_available() and torch.cuda.device_count() < processes:
        problem = f"{processes} asked for, torch sees {torch.cuda.device_count()}"
        raise InputError("train_slidergan.gpus", problem, f"set it to {torch.cuda.device_count()}")
    if batch % processes:
        remedy = f"set batch to a multiple of {processes}"
        raise InputError("train_slidergan.batch", f"{batch} cannot be shared by {processes} GPUs", remedy)
    said = torch.multiprocessing.get_context("spawn").SimpleQueue()
    try:
        torch.multiprocessing.spawn(_member, (work, job, processes, free_port(), said), processes)
    except torch.multiprocessing.ProcessRaisedException:
        if said.empty():
            raise
        raise InputError(*said.get()) from None


def _member(rank: int, work: Callable, job: object, processes: int, port: int, said: SimpleQueue) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend, rank=rank, world_size=processes)
    try:
        work(job, Share(rank, processes))
    except InputError as error:
        said.put((error.item, error.problem, error.remedy))
        raise
    finally:
        torch.distributed.destroy_process_group()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def shared(network: nn.Module, share: Share) -> nn.Module:
    """The network with its gradients averaged over all processes; itself if there is one."""
    if share.world == 1:
        return network
    # its norms keep no statistics, so there are no buffers to broadcast
    return nn.parallel.DistributedDataParallel(network, broadcast_buffers=False)
