"""Bounded Levenberg-Marquardt over groups of photos that share unknowns, each group with its own damping and end.

The same steps as `solver`, with an arrow for a matrix: a clip of f frames costs f times what a photo costs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int32
from torch import Tensor

from models3d.fitting.bounded_step import bounded_minimum
from models3d.fitting.energy import Energy, Quadratic, Sum, Term
from models3d.fitting.joint_arrow import Arrow
from models3d.fitting.joint_groups import Groups, joint_cost, joint_quadratic
from models3d.fitting.solver import EASED, FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING, NOISE, RAISED, SETTLING, Bounds
from models3d.fitting.state import State, choose, move, rows, values


class JointSolution(NamedTuple):
    """Where the solver ended: b photos in g groups."""

    state: State
    """Of every photo; those of a group agree in what they share."""
    settled: tuple[Energy, ...]
    """The terms as they stood at the end."""
    quadratic: Quadratic
    """The photos' energies around the end, each on its own, without smoothness."""
    gradient: Float64[Tensor, "g n"]
    arrow: Arrow
    """The groups' energies around the end, without damping."""
    converged: Bool[Tensor, " g"]
    iterations: Int32[Tensor, " g"]


def solve_jointly(
    terms: Sequence[Term], state: State, bounds: Bounds, groups: Groups, iterations: int, tolerance: float
) -> JointSolution:
    """Minimise the energy of every group within the bounds, from `state`.

    terms  of the photos. What counts once for a group, such as the prior of its identity, may stand with one of
           its photos only.

    A group has converged when a Gauss-Newton step promises to lower its energy by less than tolerance *
    (1 + its energy per photo): no photo is then further from its minimum than one fitted alone. Otherwise as `solve`.
    """
    state = State(*(part.clone() for part in state))
    count, device = len(groups.frames), state.rotation.device
    damping = torch.full((count,), FIRST_DAMPING, dtype=torch.float64, device=device)
    converged = torch.zeros(count, dtype=torch.bool, device=device)
    used = torch.zeros(count, dtype=torch.int32, device=device)
    active = torch.arange(count, device=device)
    for iteration in range(iterations):
        if not len(active):
            break
        if iteration == SETTLING:
            terms = [term.at(state) for term in terms]
        some, photos = groups.some(active)
        part, limits = [term.rows(photos) for term in terms], Bounds(bounds.lower[photos], bounds.upper[photos])
        moved, damping[active], converged[active] = iterate_jointly(
            part, rows(state, photos), limits, some, damping[active], tolerance
        )
        for whole, piece in zip(state, moved, strict=True):
            whole[photos] = piece
        used[active] += 1
        active = active[~converged[active] & (damping[active] <= MOST_DAMPING)]
    settled = Sum(tuple(term.at(state) for term in terms))
    quadratic = settled.quadratic(state)
    _, gradient, arrow = joint_quadratic(groups, quadratic, values(state))
    return JointSolution(state, settled.parts, quadratic, gradient, arrow, converged, used)


def iterate_jointly(
    terms: Sequence[Term],
    state: State,
    bounds: Bounds,
    groups: Groups,
    damping: Float64[Tensor, " g"],
    tolerance: float,
) -> tuple[State, Float64[Tensor, " g"], Bool[Tensor, " g"]]:
    """One step of every group: the photos' state after it, the damping of the next, and who has converged."""
    energy, place = Sum(tuple(term.at(state) for term in terms)), values(state)
    cost, gradient, arrow = joint_quadratic(groups, energy.quadratic(state), place)
    own, shared = arrow.split(damping[:, None] * arrow.diagonal())
    damped = arrow._replace(own=arrow.own + torch.diag_embed(own), shared=arrow.shared + torch.diag_embed(shared))
    step = bounded_minimum(
        damped, gradient, groups.gathered(bounds.lower - place), groups.gathered(bounds.upper - place)
    )
    promised = -(step * (gradient + arrow.product(step) / 2)).sum(1)
    trial = move(state, groups.scattered(arrow, step, place.shape[1]))
    succeeded = joint_cost(groups, energy.cost(trial), values(trial)) <= cost * (1 + NOISE)  # false for NaN
    per_photo = cost / groups.present.sum(1)
    converged = (promised.abs() <= tolerance * (1 + per_photo)) & (damping <= FIRST_DAMPING)
    eased = (damping * EASED).clamp(min=LEAST_DAMPING)
    after = choose(groups.of_groups(succeeded), trial, state)
    return after, torch.where(succeeded, eased, damping * RAISED), converged
