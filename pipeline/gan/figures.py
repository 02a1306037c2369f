"""Figures like the paper's, of held-out faces: transfer, interpolation, neutralisation, sliders, expressions."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int, UInt8

from pipeline.gan import expressions
from pipeline.gan.evaluation import Candidate, edited, pictures_of, regressed
from pipeline.gan.order import groups_of_pairs
from pipeline.gan.samples import captioned, strongest
from pipeline.media import tile
from pipeline.settings.train import Evaluate

Picture = UInt8[np.ndarray, "h w 3"]

SLIDER = np.linspace(-1, 1, 5)
SLIDERS = 8
STEPS = 7


def groups(candidate: Candidate, count: int) -> list[Int[np.ndarray, " g"]]:
    """The pictures of the first held-out faces."""
    return groups_of_pairs(candidate.pictures, candidate.pictures.held_out & candidate.conditions.usable)[:count]


def mildest(candidate: Candidate, rows: Int[np.ndarray, " g"]) -> int:
    """The least expressive picture of a face."""
    return int(rows[np.linalg.norm(candidate.conditions.values[rows], axis=1).argmin()])


def wildest(candidate: Candidate, rows: Int[np.ndarray, " g"]) -> int:
    """Its most expressive one."""
    return int(rows[np.linalg.norm(candidate.conditions.values[rows], axis=1).argmax()])


def row_of(
    candidate: Candidate, row: int, params: Float[np.ndarray, "c p"], labels: list[str], first: str = "original"
) -> list[Picture]:
    """A picture, and it with each of the parameters."""
    made = edited(candidate, np.full(len(params), row), params)
    return captioned(np.concatenate([pictures_of(candidate, np.array([row])), made]), [first, *labels])


def single_sliders(candidate: Candidate, settings: Evaluate) -> Picture:
    """One slider a row, from -1 to 1, the others at rest."""
    row, names = mildest(candidate, groups(candidate, 1)[0]), candidate.conditions.names
    tiles: list[Picture] = []
    for slider in by_spread(candidate)[:SLIDERS]:
        params = np.zeros((len(SLIDER), len(names)), np.float32)
        params[:, slider] = SLIDER
        tiles += row_of(candidate, row, params, [f"{names[slider]} {value:+g}" for value in SLIDER])
    return tile(tiles, columns=len(SLIDER) + 1)


def multiple_sliders(candidate: Candidate, settings: Evaluate) -> Picture:
    """The two sliders that move most, together: one along the rows, one along the columns."""
    row, names = mildest(candidate, groups(candidate, 1)[0]), candidate.conditions.names
    down, right = by_spread(candidate)[:2]
    tiles: list[Picture] = []
    for value in SLIDER:
        params = np.zeros((len(SLIDER), len(names)), np.float32)
        params[:, down], params[:, right] = value, SLIDER
        labels = [f"{value:+g}, {other:+g}" for other in SLIDER]
        tiles += row_of(candidate, row, params, labels, f"{names[down]}, {names[right]}")
    return tile(tiles, columns=len(SLIDER) + 1)


def transfer(candidate: Candidate, settings: Evaluate) -> Picture:
    """Every face with every other's expression, as D reads it off the other's picture (first row)."""
    faces = groups(candidate, settings.figure_faces)
    sources = np.array([wildest(candidate, rows) for rows in faces])
    pictures = pictures_of(candidate, sources)
    params = np.clip(regressed(candidate, pictures), -1, 1)
    blank = np.full_like(pictures[:1], 255)
    labels = [f"from {number + 1}" for number in range(len(faces))]
    tiles = captioned(np.concatenate([blank, pictures]), ["", *labels])
    for rows in faces:
        tiles += row_of(candidate, mildest(candidate, rows), params, labels)
    return tile(tiles, columns=len(faces) + 1)


def interpolation(candidate: Candidate, settings: Evaluate) -> Picture:
    """From one expression of a face to another of its own, in equal steps; the true pictures at both ends."""
    tiles: list[Picture] = []
    for rows in groups(candidate, settings.figure_faces):
        first, last = mildest(candidate, rows), wildest(candidate, rows)
        share = np.linspace(0, 1, STEPS)[:, None].astype(np.float32)
        values = candidate.conditions.values
        params = (1 - share) * values[first] + share * values[last]
        labels = [f"{float(s):.2f}" for s in share[:, 0]]
        tiles += row_of(candidate, first, params, labels)
        tiles += captioned(pictures_of(candidate, np.array([last])), ["true last"])
    return tile(tiles, columns=STEPS + 2)


def neutralisation(candidate: Candidate, settings: Evaluate) -> Picture:
    """Each face's most expressive picture, made neutral, and its least expressive one."""
    tiles: list[Picture] = []
    for rows in groups(candidate, settings.figure_faces):
        neutral = np.zeros((1, len(candidate.conditions.names)), np.float32)
        tiles += row_of(candidate, wildest(candidate, rows), neutral, ["made neutral"])
        tiles += captioned(pictures_of(candidate, np.array([mildest(candidate, rows)])), ["mildest true"])
    return tile(tiles, columns=3)


def discrete_expressions(candidate: Candidate, settings: Evaluate) -> Picture | None:
    """Each face with the seven expressions; none if the parameters are of other components."""
    known = expressions.prototypes(
        settings.expressions, candidate.conditions.names, candidate.description.condition.range
    )
    if known is None:
        return None
    tiles: list[Picture] = []
    for rows in groups(candidate, settings.figure_faces):
        tiles += row_of(candidate, mildest(candidate, rows), known.params, list(known.names))
    return tile(tiles, columns=len(known.names) + 1)


def by_spread(candidate: Candidate) -> list[int]:
    """Sliders, those that move the faces most first."""
    values, sigmas = candidate.conditions.values, np.array(candidate.pictures.condition.sigmas_mm)
    spread = values.std(axis=0)
    moved = spread * sigmas if len(sigmas) == len(spread) else spread
    first = strongest(candidate.pictures, candidate.conditions)
    return [first, *(int(slider) for slider in np.argsort(-moved, kind="stable") if slider != first)]


FIGURES: Mapping[str, Callable[[Candidate, Evaluate], Picture | None]] = {
    "single_sliders": single_sliders,
    "multiple_sliders": multiple_sliders,
    "transfer": transfer,
    "interpolation": interpolation,
    "neutralisation": neutralisation,
    "discrete_expressions": discrete_expressions,
}
"""Name of a figure -> what draws it, or None where it cannot be drawn."""
