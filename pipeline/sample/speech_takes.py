"""Words of other made people as a 4D speech database has them, meshes and sound, and LRW-3D's coefficients of clips."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from models3d.face_model import Basis, FaceModel, basis_from_displacements, empty_basis, synthesize
from models3d.readers.native import write_model
from pipeline.files import write_table
from pipeline.lrw import SAMPLE_RATE
from pipeline.sample.clips import ClipTruth, boundaries_s, padded
from pipeline.sample.clips_layout import write_array, write_wav
from pipeline.sample.population import PeopleSettings, Population, draw_identity, random_for
from pipeline.sample.speech_sounds import WORDS, said
from pipeline.sample.speech_synthesis import draw_voice, speak
from pipeline.sample.visemes import draw_style, motion
from pipeline.speech_database import COLUMNS

FRAMES_PER_S = 30
"""Of the meshes: a 4D camera is no video camera."""
MARGIN_S = 0.08
"""Quiet before and after the word."""
SWAY_RAD, SWAY_MM = np.deg2rad(0.8), 1.0
RELEASED = 12
"""Components of LRW-3D's own basis, of which readers take the first ten."""


LEAST_SPREAD = 0.05
"""Of every action, in standard deviations: the basis has all its directions, however few the words."""


class TakeTruth(NamedTuple):
    """What the takes were made from, a row each in the manifest's order."""

    take: list[str]
    take_boundaries_s: Float32[np.ndarray, "t b"]


def write_database(
    population: Population, manifest: Path, words: Sequence[str], speakers: int, settings: PeopleSettings
) -> tuple[TakeTruth, Float32[np.ndarray, "r k"]]:
    """Write the manifest and, beside it, audio/, meshes/ and neutrals/; the takes, and all frames' speech actions."""
    basis, rows, bounds, shown = population.model.expression, [], [], []
    takes = [(f"D{number:02d}", word) for number in range(1, speakers + 1) for word in words]
    for speaker, word in tqdm(takes, desc="database", unit="take"):
        person = random_for(settings, "4D speaker", speaker)
        voice, identity, style = draw_voice(person), draw_identity(person, population.model), draw_style(person, basis)
        random = random_for(settings, "4D take", speaker, word)
        stretches = said(random, WORDS[word], voice.tempo, MARGIN_S)
        count = round((stretches[-1].end_s + MARGIN_S) * FRAMES_PER_S)
        actions = motion(stretches, (np.arange(count) + 0.5) / FRAMES_PER_S, basis, style)
        meshes = synthesize(population.model, np.tile(identity, (count, 1)), actions)
        neutral = synthesize(population.model, identity, np.zeros(0, np.float32))
        row = (word, speaker, f"audio/{speaker}_{word}.wav", f"meshes/{speaker}_{word}.npy", f"neutrals/{speaker}.npy")
        write_wav(manifest.parent / row[2], speak(random, voice, stretches, count / FRAMES_PER_S, SAMPLE_RATE))
        write_array(manifest.parent / row[3], _swayed(random, meshes))
        write_array(manifest.parent / row[4], neutral)
        rows.append((*row, "", FRAMES_PER_S))
        bounds.append(boundaries_s(stretches))
        shown.append(actions)
    write_table(manifest, COLUMNS, rows)
    return TakeTruth([f"{speaker}_{word}" for speaker, word in takes], padded(bounds)), np.concatenate(shown)


def _swayed(random: np.random.Generator, meshes: Float32[np.ndarray, "f n 3"]) -> Float32[np.ndarray, "f n 3"]:
    """The meshes with a slow rigid motion of the head."""
    along = np.linspace(0, np.pi, len(meshes))[:, None]
    waves = np.sin(along * random.uniform(0.5, 1.5, 6) + random.uniform(0, 2 * np.pi, 6))
    turns = Rotation.from_rotvec(SWAY_RAD * waves[:, :3]).as_matrix().astype(np.float32)
    return meshes @ turns.transpose(0, 2, 1) + (SWAY_MM * waves[:, None, 3:]).astype(np.float32)


class ReleasedBasis(NamedTuple):
    """Speech components over the topology, and how coefficients of the actions become theirs."""

    basis: Basis
    from_actions: Float64[np.ndarray, "k c"]


def released_basis(expression: Basis, actions: Float32[np.ndarray, "r k"]) -> ReleasedBasis:
    """Principal components of what the actions move: with G = D D' of the actions' displacements D and S = A'A / r of
    their coefficients A, eigenvectors v of G^(1/2) S G^(1/2) give the unit displacements D' G^(-1/2) v."""
    moved = expression.displacements_mm.reshape(len(expression), -1)
    values, vectors = np.linalg.eigh(moved.astype(np.float64) @ moved.T.astype(np.float64))
    root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    spread = actions.astype(np.float64).T @ actions / len(actions) + LEAST_SPREAD**2 * np.eye(len(expression))
    variances, turns = (part[..., ::-1][..., :RELEASED] for part in np.linalg.eigh(root @ spread @ root))
    sigmas = np.sqrt(variances)
    displacements = ((inverse @ turns * sigmas).T @ moved).reshape(RELEASED, -1, 3)
    names = tuple(f"lrw3d_{place:02d}" for place in range(1, RELEASED + 1))
    return ReleasedBasis(basis_from_displacements(displacements, names), root @ turns / sigmas)


def write_released(
    folder: Path, model: FaceModel, actions: Float32[np.ndarray, "r k"], clips: ClipTruth, chosen: Sequence[str]
) -> None:
    """LRW-3D as its files might be: `speech.h5`, the basis, and an array (29, RELEASED) named as each chosen clip."""
    released = released_basis(model.expression, actions)
    nothing = empty_basis(len(model.mean_mm))
    write_model(folder / "speech.h5", replace(model, identity=nothing, expression=nothing, speech=released.basis))
    for name in chosen:
        true = clips.speech_actions[clips.id.index(name)] @ released.from_actions
        write_array(folder / f"{name}.npy", true.astype(np.float32))
