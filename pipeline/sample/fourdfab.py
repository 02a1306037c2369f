"""Clips of registered meshes as 4DFAB would give them: subjects, sessions and sequences under a manifest."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from models3d.face_model import synthesize
from models3d.render import Lighting, Surface, shade, to_srgb, vertex_normals
from pipeline.files import write_table
from pipeline.sample import layouts
from pipeline.sample.appearance import Appearance, draw_appearance, paint
from pipeline.sample.expressions import sequence
from pipeline.sample.population import Population, draw_identity, random_for
from pipeline.sample.scene import DIFFUSE, towards
from pipeline.settings.sample import MakeSample

COLUMNS = ("subject", "session", "sequence", "frame", "mesh", "texture", "neutral_mesh")
SWAY_DEG, SWAY_MM = 1.5, 1.5
"""Standard deviations of the head's motion in a clip."""


class MeshTruth(NamedTuple):
    """What the meshes were made from, a row each in the manifest's order."""

    mesh: list[str]
    mesh_identity: Float32[np.ndarray, "r k_id"]
    mesh_expression: Float32[np.ndarray, "r k_exp"]


class Clip(NamedTuple):
    """Which clip: all count from 1."""

    subject: int
    session: int
    sequence: int

    @property
    def visit(self) -> str:
        return f"S{self.subject:03d}_{self.session}"


def write_clips(population: Population, manifest: Path, settings: MakeSample) -> MeshTruth:
    """Write the manifest and, beside it, meshes/ and textures/; each clip's first frame is its neutral."""
    counts = (settings.subjects, settings.sessions, settings.sequences)
    clips = [Clip(*(index + 1 for index in indices)) for indices in np.ndindex(counts)]
    rows, identities, expressions = [], [], []
    for clip in tqdm(clips, desc="clips", unit="clip"):
        random = random_for(settings, "subject", clip.subject)
        person, identity = draw_appearance(random), draw_identity(random, population.model)
        texture = f"textures/{clip.visit}.npy"
        if clip.sequence == 1:
            colours = session_colours(population, person, random_for(settings, "session", clip.visit))
            layouts.write_colours(manifest.parent / texture, colours)
        random = random_for(settings, "clip", *clip)
        motion = sequence(random, population.model.expression, settings.frames)
        people = np.tile(identity, (settings.frames, 1))
        meshes = [f"meshes/{clip.visit}_{clip.sequence}_{frame:03d}.ply" for frame in range(settings.frames)]
        for path, vertices in zip(meshes, _swayed(random, synthesize(population.model, people, motion)), strict=True):
            layouts.write_ply(manifest.parent / path, vertices, population.model.triangles)
        rows += [
            (f"S{clip.subject:03d}", clip.session, clip.sequence, frame, mesh, texture, meshes[0])
            for frame, mesh in enumerate(meshes)
        ]
        identities.append(people)
        expressions.append(motion)
    write_table(manifest, COLUMNS, rows)
    return MeshTruth([row[4] for row in rows], np.concatenate(identities), np.concatenate(expressions))


def session_colours(
    population: Population, person: Appearance, random: np.random.Generator
) -> UInt8[np.ndarray, "n 3"]:
    """sRGB a vertex in the studio of one session: the person's albedo under its soft light."""
    head = population.head
    surface = paint(head, population.regions, person, np.array([0.0, 0.0, 1.0]))
    matt = Surface(surface.albedo, np.zeros_like(surface.gloss), surface.shininess)
    points = head.vertices * np.array([1, -1, -1], np.float32) + np.array([0, 0, 1500], np.float32)
    ambient = np.zeros((9, 3))
    ambient[0] = DIFFUSE * random.uniform(0.5, 0.7)
    lamps = np.stack([towards(side + random.normal(0, 8), 20.0) for side in (-40, 40)])
    lighting = Lighting(ambient, lamps, np.full((2, 3), 0.25) * random.uniform(0.8, 1.2, (2, 1)))
    normals = vertex_normals(points, head.triangles)
    return to_srgb(shade(points, normals, matt, lighting, np.ones((2, len(points)), np.float32)))


def _swayed(random: np.random.Generator, clip: Float32[np.ndarray, "frames n 3"]) -> Float32[np.ndarray, "frames n 3"]:
    """The clip with a small rigid motion of the head that drifts from frame to frame."""
    frames = len(clip)
    drift = np.cumsum(random.standard_normal((frames, 6)), axis=0) / np.sqrt(frames)
    turns = Rotation.from_euler("xyz", drift[:, :3] * SWAY_DEG, degrees=True).as_matrix().astype(np.float32)
    return clip @ turns.transpose(0, 2, 1) + (drift[:, None, 3:] * SWAY_MM).astype(np.float32)
