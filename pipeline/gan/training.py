"""The training of a SliderGAN: from the last checkpoint, or from the seed, to the end of its schedule."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models3d.errors import InputError
from pipeline.files import write_table
from pipeline.gan import identity_network, options
from pipeline.gan.batches import Batch, Reader, Share
from pipeline.gan.checkpoints import (
    DISK_REMEDY,
    Description,
    State,
    describe,
    full,
    load_weights,
    read_state,
    write_state,
)
from pipeline.gan.conditions import Conditions, read_conditions
from pipeline.gan.devices import choose_device, set_up
from pipeline.gan.distributed import shared
from pipeline.gan.monitors import HISTORY, Board, MaskWatch, Pace, check_numbers, check_weights
from pipeline.gan.order import Order
from pipeline.gan.pictures import Pictures, read_pictures
from pipeline.gan.samples import SamplePlan, draw_samples, plan_samples
from pipeline.gan.steps import (
    Player,
    Players,
    critic_step,
    generate,
    generator_step,
    make_players,
    set_learning_rate,
)
from pipeline.media import write_png
from pipeline.provenance import digest_of
from pipeline.settings.train import TrainSlidergan

logger = logging.getLogger(__name__)

MEMORY_REMEDY = "lower batch, size_px or the channels of the networks, or set data to workers"


class Job(NamedTuple):
    """One training: what it reads, what it writes, its settings as the configuration has them."""

    shards: tuple[Path, ...]
    identity: Path | None
    action_units: Path | None
    checkpoint: Path
    history: Path
    samples: Path
    settings: TrainSlidergan


class Training(NamedTuple):
    """Everything that a running training holds."""

    job: Job
    settings: TrainSlidergan
    """Resolved for the device."""
    pictures: Pictures
    order: Order
    reader: Reader
    players: Players
    description: Description
    samples: SamplePlan
    running: Path
    """The state that an interrupted training goes on from."""
    share: Share


def train(job: Job, share: Share) -> None:
    """Train to the end and write the checkpoint, the history and the samples of `job`.

    Raises InputError if the shards do not go together, a loss is no longer a number, or memory or disk are full.
    """
    try:
        training = prepare(job, share)
        history = run(training)
        if share.rank == 0:
            finish(training, history)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise InputError("train_slidergan", f"memory is full ({str(error)[:100]})", MEMORY_REMEDY) from error
    except (OSError, RuntimeError) as error:  # TensorBoard's events, the history, the samples
        if full(error):
            raise InputError(job.checkpoint.parent, "the disk is full", DISK_REMEDY) from error
        raise


def prepare(job: Job, share: Share) -> Training:
    """Read the data, make the networks, and load the state of an interrupted training if there is one."""
    device = choose_device(job.settings.gpu, "train_slidergan", share.rank)
    settings = options.resolve(job.settings, device)
    set_up(options.speed(settings), device)
    pictures = read_pictures(job.shards, settings.held_out_share)
    conditions = read_conditions(pictures, settings.condition, job.action_units, settings.detector_noise, settings.seed)
    order = Order(pictures, options.schedule(settings), ~pictures.held_out & conditions.usable)
    embed, identity = embedder(job, settings, pictures, device)
    players = make_players(
        options.dimensions(settings, len(conditions.names)),
        settings.seed,
        options.objective(settings),
        options.optimisation(settings),
        options.speed(settings),
        device,
        embed,
        lambda network: shared(network, share),
    )
    reader = Reader(
        pictures, conditions.values, order, settings.size_px, device, settings.data, settings.workers, share
    )
    description = describe_training(settings, pictures, conditions, identity)
    training = Training(
        job,
        settings,
        pictures,
        order,
        reader,
        players,
        description,
        plan_samples(pictures, conditions, settings.seed),
        running_path(job, settings, pictures, conditions, identity),
        share,
    )
    for line in (f"device {device}", f"{order.steps} steps", f"identity network: {identity}", conditions.origin):
        logger.info(line)
    return training


def embedder(
    job: Job, settings: TrainSlidergan, pictures: Pictures, device: torch.device
) -> tuple[Callable | None, str]:
    """F of eq. 11 and what a report says of it; raises InputError if L_id counts and there is no F."""
    if not settings.weight_id:
        return None, "none"
    if job.identity is None:
        remedy = "run train_identity, name released weights, or set weight_id to 0"
        raise InputError("train_slidergan.weight_id", f"is {settings.weight_id:g} without an identity network", remedy)
    network, shape, origin = identity_network.read_identity(job.identity)
    grid = identity_network.grid_for(pictures.condition.canonical_landmarks_px, pictures.size_px)
    return identity_network.Embedder(network, shape, grid).to(device), origin


def describe_training(
    settings: TrainSlidergan, pictures: Pictures, conditions: Conditions, identity: str
) -> Description:
    """What the checkpoint will say of itself."""
    return Description(
        variant=settings.variant,
        step=0,
        dimensions=options.dimensions(settings, len(conditions.names)),
        condition=pictures.condition,
        names=conditions.names,
        condition_kind=settings.condition,
        condition_origin=conditions.origin,
        data_digest=pictures.digest,
        held_out_share=settings.held_out_share,
        identity_network=identity,
        settings=options.decisive(settings),
    )


def running_path(job: Job, settings: TrainSlidergan, pictures: Pictures, conditions: Conditions, identity: str) -> Path:
    """Where the state of this very training lies: another data set or setting begins anew and overwrites nothing."""
    key = digest_of([options.decisive(settings), pictures.digest, conditions.origin, identity, torch.__version__])
    return job.checkpoint.with_name(f"{job.checkpoint.stem}.{key}.running.pt")


def run(training: Training) -> list[list[float]]:
    """All steps that are left; the history of all steps."""
    step, history = resume(training)
    settings, first = training.settings, training.share.rank == 0
    board = Board(training.job.checkpoint.parent / "events", step) if first else None
    watch, pace, saved, steps = MaskWatch(), Pace(step), time.monotonic(), training.order.steps
    progress = tqdm(total=steps, initial=step, desc=settings.variant, unit="step", disable=None if first else True)
    for batch in training.reader.batches(step):
        done = advance(training, batch, step)
        step += 1
        progress.update()
        if done.generator and (step % settings.log_every_steps < settings.critic_steps or step == steps):
            measured = pace.read(step, settings.batch, training.reader.waited_s)
            row = observed(training, step, done) | measured
            history.append([row.get(name, float("nan")) for name in HISTORY])
            watch.look(step, row["mask"])
            if board:
                board.row(row)
        if board and (step % settings.sample_every_steps == 0 or step == steps):
            board.picture(step, draw(training))
        if board and (time.monotonic() - saved >= 60 * settings.checkpoint_minutes or step == steps):
            save(training, step, history)
            saved = time.monotonic()
    progress.close()
    if board:
        board.close()
    return history


class Done(NamedTuple):
    """What a step leaves to look at, still on the device."""

    critic: Mapping[str, Tensor]
    generator: Mapping[str, Tensor]
    """Empty where it was not the generator's turn."""
    mask: Tensor


def advance(training: Training, batch: Batch, step: int) -> Done:
    """Step `step`, counted from 0: the critic's, and the generator's every `critic_steps` of them."""
    players, settings = training.players, training.settings
    set_learning_rate(players, options.learning_rate(settings, step, training.order.steps))
    turn = (step + 1) % settings.critic_steps == 0
    with torch.set_grad_enabled(turn):
        generated = generate(players, batch)
    critic = critic_step(players, batch, generated.image)
    return Done(critic, generator_step(players, batch, generated) if turn else {}, generated.mask.detach().mean())


def observed(training: Training, step: int, done: Done) -> dict[str, float]:
    """A row of the history; raises InputError if a loss is no longer a number."""
    terms = {f"critic_{name}": value for name, value in done.critic.items()}
    terms |= {f"generator_{name}": value for name, value in done.generator.items()}
    values = torch.stack([*terms.values(), done.mask]).tolist()  # one wait for the device
    row = dict(zip([*terms, "mask"], values, strict=True))
    check_numbers(step, row)
    return row | {
        "step": float(step),
        "paired": float(step <= training.order.paired_steps),
        "learning_rate": training.players.generator.optimiser.param_groups[0]["lr"],
    }


def draw(training: Training) -> np.ndarray:
    """The grid of samples of the generator as it is."""
    network = training.players.generator.network
    return draw_samples(
        network, training.samples, training.pictures, training.settings.size_px, training.players.device
    )


def save(training: Training, step: int, history: Sequence[Sequence[float]]) -> None:
    """Write the running state; raises InputError if the weights are not numbers or the disk is full."""
    players = training.players
    check_weights(step, players.generator.network, players.critic.network)
    state = {"step": step, "history": torch.tensor(history, dtype=torch.float64).reshape(-1, len(HISTORY))}
    for name, player in (("generator", players.generator), ("critic", players.critic)):
        state[name], state[f"{name}_optimiser"] = player.network.state_dict(), player.optimiser.state_dict()
    write_state(training.running, state)


def resume(training: Training) -> tuple[int, list[list[float]]]:
    """Load the running state, if there is one: the step to go on with, and the history so far."""
    if not training.running.is_file():
        return 0, []
    state = read_state(training.running)
    for name, player in (("generator", training.players.generator), ("critic", training.players.critic)):
        load_player(training.running, name, player, state)
    logger.info("going on from step %d", state["step"])
    return int(state["step"]), state["history"].tolist()


def load_player(path: Path, name: str, player: Player, state: State) -> None:
    """The weights and the optimiser of a player."""
    load_weights(path, player.network, state[name])
    player.optimiser.load_state_dict(state[f"{name}_optimiser"])


def finish(training: Training, history: Sequence[Sequence[float]]) -> None:
    """Write what the job asks for; the running state has done its duty."""
    job, players = training.job, training.players
    write_table(job.history, HISTORY, (["" if value != value else f"{value:.6g}" for value in row] for row in history))
    write_png(job.samples, draw(training))
    description = training.description._replace(step=training.order.steps)
    weights = {
        "generator": players.generator.network.state_dict(),
        "critic": players.critic.network.state_dict(),
        "description": describe(description),
    }
    write_state(job.checkpoint, weights)
    training.running.unlink(missing_ok=True)
