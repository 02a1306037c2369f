"""What a face does: the actions of jaw, muscles and lids as one expression basis."""

import numpy as np
from jaxtyping import Float64

from models3d.face_model import Basis, basis_from_displacements
from pipeline.sample.heads import Head
from pipeline.sample.jaw import jaw_actions
from pipeline.sample.lids import lid_actions
from pipeline.sample.muscles import skin_actions

STRONG = 3.0
"""The coefficient, in standard deviations, of an action at its full strength."""
TWO_WAY = frozenset({"jaw_left", "jaw_forward"})
"""Actions whose opposite a face can do as well; the others are one-sided."""


def expression_basis(head: Head) -> Basis:
    """The actions over the whole head, one component each, named; one-sided ones are bounded by [0, STRONG]."""
    actions = all_actions(head)
    bounds = np.array([[-STRONG if name in TWO_WAY else 0.0, STRONG] for name in actions])
    return basis_from_displacements(np.stack(list(actions.values())) / STRONG, tuple(actions), bounds)


def all_actions(head: Head) -> dict[str, Float64[np.ndarray, "n 3"]]:
    """Each action at full strength, as a displacement in mm of the head's vertices."""
    skin = {**skin_actions(head), **lid_actions(head.skin, head.eyes)}
    return {**jaw_actions(head), **{name: _over_head(head, moved) for name, moved in skin.items()}}


def _over_head(head: Head, skin: Float64[np.ndarray, "t 3"]) -> Float64[np.ndarray, "n 3"]:
    """A displacement of the skin carried into the mouth: its cavity follows the lips' border, teeth rest."""
    return np.concatenate([skin, skin[head.mouth.parent] * head.mouth.share[:, None]])
