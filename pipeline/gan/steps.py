"""The two optimiser steps: the critic's (eq. 13) and the generator's (eq. 14)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.gan import losses
from pipeline.gan.batches import Batch
from pipeline.gan.devices import Speed, adam, autocast, compiled, placed
from pipeline.gan.losses import Weights
from pipeline.gan.networks import Critic, Dimensions, Generated, Generator, Judged

Terms = dict[str, Tensor]


class Objective(NamedTuple):
    """Which losses, and how much of each."""

    adversarial: str
    """One of `losses.MODES`."""
    weights: Weights
    pair_softness: float
    """See `losses.pair_loss`."""


class Player(NamedTuple):
    """A network, two ways to run it, and its optimiser."""

    network: nn.Module
    run: Callable
    """In its own step: compiled, its gradients shared by several GPUs."""
    lend: Callable
    """In the other's step: compiled."""
    optimiser: torch.optim.Adam


class Players(NamedTuple):
    """Everything that a step touches."""

    generator: Player
    critic: Player
    embed: Callable[[Float[Tensor, "b 3 h w"]], Float[Tensor, "b e"]] | None
    """The frozen identity network behind its alignment, if L_id counts."""
    objective: Objective
    speed: Speed
    device: torch.device


class Optimisation(NamedTuple):
    """Adam's."""

    learning_rate: float
    betas: tuple[float, float]


def make_players(
    dimensions: Dimensions,
    seed: int,
    objective: Objective,
    optimisation: Optimisation,
    speed: Speed,
    device: torch.device,
    embed: Callable | None,
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network,
) -> Players:
    """New networks whose weights follow from the seed. `wrap` spreads one over several GPUs."""
    torch.manual_seed(seed)
    networks = [placed(network(dimensions), speed, device) for network in (Generator, Critic)]
    players = []
    for network in networks:
        lend, wrapped = compiled(network, speed), wrap(network)
        run = lend if wrapped is network else compiled(wrapped, speed)
        players.append(Player(network, run, lend, adam(network, *optimisation, speed)))
    return Players(players[0], players[1], embed, objective, speed, device)


def critic_step(players: Players, batch: Batch, fake: Float[Tensor, "b 3 h w"]) -> Terms:
    """One step of the critic on real pictures and generated ones; the terms of eq. 13."""
    critic = players.critic
    critic.optimiser.zero_grad(set_to_none=True)
    terms = critic_terms(players, batch, fake.detach())
    losses.critic_total(terms, players.objective.weights).backward()
    critic.optimiser.step()
    return detached(terms)


def critic_terms(players: Players, batch: Batch, fake: Float[Tensor, "b 3 h w"]) -> Terms:
    """L_adv, its penalty and L_exp of eq. 13."""
    with autocast(players.speed, players.device):
        both: Judged = players.critic.run(torch.cat([batch.images, fake]))
    count, mode = len(fake), players.objective.adversarial
    raw = players.critic.network  # a second derivative can be neither compiled nor taken of bf16
    return {
        "adv": losses.critic_adversarial(mode, both.realness[:count], both.realness[count:]),
        "gp": losses.gradient_penalty(lambda x: raw(x).realness, batch.images, fake, batch.mix),
        "exp": losses.expression_loss(both.params[:count], batch.params),
    }


def generator_step(players: Players, batch: Batch, generated: Generated) -> Terms:
    """One step of the generator; the terms of eq. 14. The critic and the identity network stay as they are."""
    generator, critic = players.generator, players.critic.network
    generator.optimiser.zero_grad(set_to_none=True)
    critic.requires_grad_(False)
    terms = generator_terms(players, batch, generated)
    losses.generator_total(terms, players.objective.weights).backward()
    critic.requires_grad_(True)
    generator.optimiser.step()
    return detached(terms)


def generate(players: Players, batch: Batch) -> Generated:
    """The batch with its target parameters: the first thing that every step does."""
    if players.speed.compile == "reduce-overhead":
        torch.compiler.cudagraph_mark_step_begin()  # what the last step left in the graphs' memory may go
    with autocast(players.speed, players.device):
        return players.generator.run(batch.images, batch.target_params)


def generator_terms(players: Players, batch: Batch, generated: Generated) -> Terms:
    """Every term of eq. 14 whose weight is not 0; L_gen where the batch is paired."""
    weights, mode = players.objective.weights, players.objective.adversarial
    with autocast(players.speed, players.device):
        again: Generated = players.generator.run(generated.image, batch.params)
        both: Judged = players.critic.lend(torch.cat([batch.images, generated.image]))
    count = len(batch.images)
    terms = {
        "adv": losses.generator_adversarial(mode, both.realness[:count], both.realness[count:]),
        "exp": losses.expression_loss(both.params[count:], batch.target_params),
        "rec": losses.cycle_loss(again.image, batch.images),
        "att": losses.mask_loss(generated.mask, again.mask),
    }
    if weights.gen and batch.target_images is not None:
        terms["gen"] = losses.pair_loss(generated.image, batch.target_images, players.objective.pair_softness)
    if weights.id and players.embed is not None:
        with autocast(players.speed, players.device):
            of_both = players.embed(torch.cat([generated.image, batch.images])).float()
        terms["id"] = losses.identity_loss(of_both[:count], of_both[count:])
    if weights.smooth:
        terms["smooth"] = losses.mask_smoothness(generated.mask) + losses.mask_smoothness(again.mask)
    return terms


def set_learning_rate(players: Players, learning_rate: float) -> None:
    """The same for both networks."""
    for player in (players.generator, players.critic):
        for group in player.optimiser.param_groups:
            group["lr"] = learning_rate


def detached(terms: Mapping[str, Tensor]) -> Terms:
    """Values without their graph, still on the device: reading them would wait for it."""
    return {name: value.detach() for name, value in terms.items()}
