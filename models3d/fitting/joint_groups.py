"""Groups of photos with something in common: one person's photos, or a clip's frames one after another.

The energy of a group is the sum of its photos' energies, and for every three frames in a row

    sum_i smoothness_i (p_(t-2) - 2 p_(t-1) + p_t)_i^2 / 2

which asks for steady motion, not for none. A frame that is missing breaks the row.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor

from models3d.fitting.energy import Quadratic
from models3d.fitting.joint_arrow import Arrow, joined

ABSENT = -1
SECOND_DIFFERENCE = (1.0, -2.0, 1.0)


class Groups(NamedTuple):
    """Which photos of a batch belong together, and which entries of a step (`state`) are theirs alone or shared."""

    frames: Int64[Tensor, "g f"]
    """Places in the batch, in order; ABSENT where a frame is missing or a group is shorter than the longest.
    Every group has a frame, every photo stands in one group."""
    own: Int64[Tensor, " m"]
    shared: Int64[Tensor, " k"]
    """Photos of a group must start alike in these."""
    smoothness: Float32[Tensor, " m"]
    """By own entry; zero where second differences are free."""

    @property
    def present(self) -> Bool[Tensor, "g f"]:
        return self.frames != ABSENT

    @property
    def first(self) -> Int64[Tensor, " g"]:
        """Which frame of each group is its first that is present."""
        return self.present.to(torch.int8).argmax(1)

    def some(self, index: Int64[Tensor, " h"]) -> tuple["Groups", Int64[Tensor, " b"]]:
        """Some of the groups, and the places of their photos in the batch."""
        frames = self.frames[index]
        present = frames != ABSENT
        renumbered = torch.full_like(frames, ABSENT)
        renumbered[present] = torch.arange(int(present.sum()), device=frames.device)
        return self._replace(frames=renumbered), frames[present]

    def padded(self, of_photos: Tensor) -> Tensor:
        """What belongs to photos (b, ...), by group and frame (g, f, ...), in float64; zero where there is none."""
        whole = of_photos.new_zeros((*self.frames.shape, *of_photos.shape[1:]), dtype=torch.float64)
        whole[self.present] = of_photos[self.frames[self.present]].double()
        return whole

    def of_photos(self, padded: Tensor) -> Tensor:
        """What belongs to frames (g, f, ...), photo by photo (b, ...): undoes `padded`."""
        present = self.present
        whole = padded.new_empty((int(present.sum()), *padded.shape[2:]))
        whole[self.frames[present]] = padded[present]
        return whole

    def of_groups(self, of_group: Tensor) -> Tensor:
        """What belongs to groups (g, ...), for each of their photos (b, ...)."""
        return self.of_photos(of_group[:, None].expand(-1, self.frames.shape[1], *of_group.shape[1:]))

    def gathered(self, entries: Float32[Tensor, "b p"]) -> Float64[Tensor, "g n"]:
        """Photos' steps or places as the vector of an arrow; the shared entries are those of the first photo."""
        whole = self.padded(entries)
        rows = torch.arange(len(whole), device=whole.device)
        return joined(whole[..., self.own], whole[rows, self.first][:, self.shared])

    def scattered(self, arrow: Arrow, vector: Float64[Tensor, "g n"], length: int) -> Float32[Tensor, "b p"]:
        """The vector of an arrow as photos' steps of `length` entries."""
        own, shared = arrow.split(vector)
        whole = own.new_zeros((*own.shape[:2], length))
        whole[..., self.own] = own
        whole[..., self.shared] = shared[:, None]
        return self.of_photos(whole).float()


def rows_of_three(groups: Groups) -> Float64[Tensor, "g t"]:
    """One where three frames in a row are present, else zero; t = f - 2, at least none."""
    present = groups.present.double()
    count = max(present.shape[1] - 2, 0)
    return present[:, :count] * present[:, 1 : 1 + count] * present[:, 2 : 2 + count]


def second_differences(groups: Groups, own: Float64[Tensor, "g f m"]) -> Float64[Tensor, "g t m"]:
    """p_(t-2) - 2 p_(t-1) + p_t; zero where a frame is missing."""
    three = rows_of_three(groups)
    count = three.shape[1]
    return three[..., None] * (own[:, :count] - 2 * own[:, 1 : 1 + count] + own[:, 2 : 2 + count])


def joint_cost(groups: Groups, costs: Float32[Tensor, " b"], place: Float32[Tensor, "b p"]) -> Float64[Tensor, " g"]:
    """The energy of every group, from its photos' energies and places."""
    bends = second_differences(groups, groups.padded(place)[..., groups.own])
    return groups.padded(costs).sum(1) + (groups.smoothness * bends**2).sum((1, 2)) / 2


def joint_quadratic(
    groups: Groups, model: Quadratic, place: Float32[Tensor, "b p"]
) -> tuple[Float64[Tensor, " g"], Float64[Tensor, "g n"], Arrow]:
    """Energy, gradient and matrix of every group, from its photos'. The rows of missing frames are the identity's."""
    gradient, matrix = groups.padded(model.gradient), groups.padded(model.matrix)
    own_rows = matrix[:, :, groups.own]
    along = gradient[..., groups.own]
    bends = groups.smoothness * second_differences(groups, groups.padded(place)[..., groups.own])
    three = rows_of_three(groups)[..., None] * groups.smoothness
    count = three.shape[1]
    diagonal, following, second_following = (torch.zeros_like(along) for _ in range(3))
    for at, factor in enumerate(SECOND_DIFFERENCE):
        along[:, at : at + count] += factor * bends
        diagonal[:, at : at + count] += factor**2 * three
    for at in range(2):
        following[:, at : at + count] += SECOND_DIFFERENCE[at] * SECOND_DIFFERENCE[at + 1] * three
    second_following[:, :count] += three
    diagonal += (~groups.present)[..., None].double()
    arrow = Arrow(
        own=own_rows[..., groups.own] + torch.diag_embed(diagonal),
        following=following,
        second_following=second_following,
        border=own_rows[..., groups.shared],
        shared=matrix[:, :, groups.shared][..., groups.shared].sum(1),
    )
    across = gradient[..., groups.shared].sum(1)
    return joint_cost(groups, model.cost, place), joined(along, across), arrow
