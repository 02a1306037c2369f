"""A made 4DFAB: subjects whose small mask-like faces move through known actions, in its layout."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from models3d.decimation import decimate
from models3d.face_model import FaceModel, basis_from_displacements, empty_basis, synthesize
from models3d.readers.native import write_model
from pipeline.files import read_table, write_table
from pipeline.mesh_tables import MANIFEST_COLUMNS

ROWS, COLUMNS = 34, 27
APEX = (0.0, 0.4, 1.0, 0.4)
"""How far an action has gone in each frame."""


class Sequences(NamedTuple):
    manifest: Path
    model: FaceModel
    template: Path
    """The model's native file."""
    p_id: dict[str, np.ndarray]
    """By subject."""
    p_exp: dict[str, np.ndarray]
    """By path of the mesh below the manifest's folder."""


def mask_model() -> FaceModel:
    """A bent sheet of 918 vertices with a nose; 3 smooth identities, 4 local actions, none of which meet."""
    y, x = np.meshgrid(np.linspace(95, -95, ROWS), np.linspace(-70, 70, COLUMNS), indexing="ij")
    z = 60 - x**2 / 90 - y**2 / 260 + 18 * np.exp(-(x**2 + (y + 5) ** 2) / 250)
    mean = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    index = np.arange(len(mean)).reshape(ROWS, COLUMNS)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    places = [(-38, 55), (38, 55), (-30, -45), (30, -45)]
    pulls = [(0, 7, 2), (0, 6, 2), (-6, -2, 5), (7, 3, 0)]
    bells = [np.exp(-((mean[:, 0] - px) ** 2 + (mean[:, 1] - py) ** 2) / (2 * 11**2)) for px, py in places]
    bells = [np.where(bell > 0.02, bell, 0) for bell in bells]
    actions = np.stack([bell[:, None] * pull for bell, pull in zip(bells, pulls, strict=True)])
    unit = mean / 80
    people = np.stack(
        [unit * (2, 0, 0), unit**2 * (0, 0, 3), np.stack([0 * x, y**2 / 4000, x**2 / 1500], -1).reshape(-1, 3)]
    )
    return FaceModel(
        name="mask",
        mean_mm=mean,
        triangles=triangles.astype(np.int32),
        landmarks=np.linspace(0, len(mean) - 1, 68).astype(np.int32),
        identity=basis_from_displacements(people, ("wide", "deep", "bent")),
        expression=basis_from_displacements(actions / 3, ("brow_right", "brow_left", "corner_right", "corner_left")),
        speech=empty_basis(len(mean)),
        source="tests",
        licence="MIT",
    )


def write_sequences(
    folder: Path,
    rng: np.random.Generator,
    subjects: int = 3,
    sessions: int = 2,
    sequences: int = 4,
    motion: float = 1.0,
) -> Sequences:
    """Sequences that go through one action each (mixed with a little of another), the head moving a little.

    motion  of the head: standard deviation of its turn in degrees, and of its shift in mm / 2
    """
    model = mask_model()
    write_model(folder / "template.h5", model)
    rows, p_id, p_exp = [], {}, {}
    for subject in (f"s{number}" for number in range(subjects)):
        p_id[subject] = rng.normal(size=3)
        for session in (f"day{number}" for number in range(sessions)):
            texture = f"textures/{subject}_{session}.npy"
            (folder / "textures").mkdir(exist_ok=True)
            np.save(folder / texture, rng.integers(0, 256, size=model.mean_mm.shape, dtype=np.uint8))
            for sequence in range(sequences):
                strength = rng.normal(scale=0.1, size=4)
                strength[sequence % 4] = rng.uniform(1.5, 3)
                paths = [f"meshes/{subject}/{session}/{sequence}_{frame}.ply" for frame in range(len(APEX))]
                for frame, path in enumerate(paths):
                    p_exp[path] = APEX[frame] * strength
                    vertices = moved(synthesize(model, p_id[subject], p_exp[path]), rng, motion)
                    write_ply(folder / path, vertices, model.triangles)
                    rows.append((subject, session, f"q{sequence}", frame, path, texture, paths[0]))
    write_table(folder / "manifest.csv", MANIFEST_COLUMNS, rows)
    return Sequences(folder / "manifest.csv", model, folder / "template.h5", p_id, p_exp)


def moved(vertices: np.ndarray, rng: np.random.Generator, motion: float) -> np.ndarray:
    """The head turned and shifted a little."""
    turn = Rotation.from_rotvec(np.deg2rad(rng.normal(scale=motion, size=3)) if motion else np.zeros(3))
    return (turn.apply(vertices) + rng.normal(scale=2 * motion, size=3)).astype(np.float32)


def write_ply(path: Path, vertices: np.ndarray, triangles: np.ndarray, colours: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.Trimesh(vertices, triangles, vertex_colors=colours, process=False).export(path)


def edit_manifest(sequences: Sequences, change) -> None:
    """Rewrite the manifest, each row (a dictionary) passed through `change`; None drops it."""
    rows = [change(row) for row in read_table(sequences.manifest)]
    write_table(sequences.manifest, MANIFEST_COLUMNS, [list(row.values()) for row in rows if row])


def raw_scan(
    vertices: np.ndarray, triangles: np.ndarray, rng: np.random.Generator, noise_mm: float, count: int | None = None
) -> trimesh.Trimesh:
    """The same surface as a scanner would give it: four times the vertices, at random places, in random order, noisy.

    Used vertices only; the border stays where it is. With `count`, decimated to that many triangles.
    """
    used, local = np.unique(triangles, return_inverse=True)
    fine = trimesh.Trimesh(vertices[used], local.reshape(-1, 3), process=False).subdivide()
    points, faces = np.asarray(fine.vertices), np.asarray(fine.faces)
    owner = np.zeros(len(points), int)
    owner[faces.ravel()] = np.repeat(np.arange(len(faces)), 3)
    edges, times = np.unique(fine.edges_sorted, axis=0, return_counts=True)
    border = np.unique(edges[times == 1])
    corners = faces[owner]
    first = (corners == np.arange(len(points))[:, None]).argmax(1)
    corners = np.take_along_axis(corners, (first[:, None] + np.arange(3)) % 3, axis=1)
    slid = np.einsum("nk,nkc->nc", rng.dirichlet([3, 1, 1], size=len(points)), points[corners])
    slid[border] = points[border]
    slid, faces = (slid, faces) if count is None else _fewer(slid, faces, count)
    order = rng.permutation(len(slid))
    noisy = slid[order] + rng.normal(scale=noise_mm, size=slid.shape)
    return trimesh.Trimesh(noisy, np.argsort(order)[faces], process=False)


def _fewer(points: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    left = decimate(points, faces.astype(np.int32), count)
    return points[left.kept], left.triangles
