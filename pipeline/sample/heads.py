"""The sample's topology: menpo3d's packaged template, with a mouth behind its lips."""

from dataclasses import dataclass
from functools import cached_property

import menpo3d.io as m3io
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from models3d.landmarks import LEFT_EYE, NOSE_BRIDGE, NOSTRILS, RIGHT_EYE
from pipeline.sample.mesh import Manifold, border_loops, nearest, upper_and_lower
from pipeline.sample.mouth import Mouth, mouth_behind

EYES = {"right": RIGHT_EYE, "left": LEFT_EYE}
UPPER_INNER_LIP, LOWER_INNER_LIP = slice(61, 64), slice(65, 68)
MIDLINE_MM = 1.0
"""Vertices no further than this from the middle make the nose's profile."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball, which the template's surface follows within its lids."""

    centre: Float64[np.ndarray, "3"]
    radius_mm: float
    rest: Float64[np.ndarray, "3"]
    """Unit vector from its centre to the middle of the gap between the lids: where it looks at rest."""
    vertices: Int[np.ndarray, " e"]
    """On the eyeball, between the lids."""
    upper: Int[np.ndarray, " u"]
    """The skin's border along the upper lid, both corners in it; `lower` likewise."""
    lower: Int[np.ndarray, " l"]


@dataclass(frozen=True, eq=False)
class Head:
    """The mean head: the template's vertices first, then the mouth's, so that ids of the template stay valid."""

    skin: Manifold
    """The template alone, eyes included."""
    mouth: Mouth
    landmarks: Int32[np.ndarray, "68"]
    border: Int[np.ndarray, " b"]
    """The template's outer border, in order."""
    upper_lip: Int[np.ndarray, " u"]
    """The lips' border inside the mouth, corners included; `lower_lip` likewise."""
    lower_lip: Int[np.ndarray, " l"]
    side: Float64[np.ndarray, " t"]
    """Which lip is nearer along the template's surface: 1 on the upper lip's border, -1 on the lower's."""
    eyes: dict[str, Eye]

    @cached_property
    def vertices(self) -> Float32[np.ndarray, "n 3"]:
        return np.concatenate([self.skin.vertices, self.mouth.vertices]).astype(np.float32)

    @cached_property
    def triangles(self) -> Int32[np.ndarray, "t 3"]:
        return np.concatenate([self.skin.triangles, self.mouth.triangles])

    @cached_property
    def on_eyeballs(self) -> Bool[np.ndarray, " t"]:
        """The triangles of the eyeballs, those that reach to the lids included."""
        vertices = np.concatenate([eye.vertices for eye in self.eyes.values()])
        return np.any(np.isin(self.triangles, vertices), axis=1)


def load_head() -> Head:
    """The packaged template in mm, its parts found, a mouth added."""
    template = m3io.import_builtin_asset.template_ply()
    vertices = template.points / 1000.0
    triangles = template.trilist.astype(np.int32)
    points = _along_nose(template.landmarks["LJSON"].points / 1000.0, vertices)
    skin = Manifold(vertices, triangles)
    border, loop = border_loops(triangles)
    upper, lower = upper_and_lower(loop, vertices)
    ends = np.concatenate([np.ones(len(upper) - 2), -np.ones(len(lower) - 2)])
    side = skin.harmonic(np.concatenate([upper[1:-1], lower[1:-1]]), ends[:, None])[:, 0]
    eyes = {name: _eye(skin, points[ids]) for name, ids in EYES.items()}
    landmarks = _landmark_ids(vertices, points, side, eyes)
    return Head(skin, mouth_behind(vertices, loop), landmarks, border, upper, lower, side, eyes)


def _along_nose(
    points: Float64[np.ndarray, "68 3"], vertices: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, "68 3"]:
    """The points with the nose's bridge spaced evenly down to its tip, as iBUG's annotators and detectors mark it.

    The template's own end 12 mm above the tip, which every fit to marked photos would take for a shorter nose.
    """
    top, base = points[NOSE_BRIDGE.start], points[NOSTRILS]
    low, high = base[:, 1].mean(), top[1]
    middle = (np.abs(vertices[:, 0] - base[:, 0].mean()) < MIDLINE_MM) & (vertices[:, 2] > top[2] - 10)
    profile = vertices[middle & (vertices[:, 1] > low) & (vertices[:, 1] < high)]
    tip = profile[profile[:, 2].argmax()]
    bridge = [profile[np.abs(profile[:, 1] - y).argmin()] for y in np.linspace(high, tip[1], 4)[1:3]]
    moved = points.copy()
    moved[NOSE_BRIDGE] = [top, *bridge, tip]
    return moved


def _landmark_ids(
    vertices: Float64[np.ndarray, "n 3"], points: Float64[np.ndarray, "68 3"], side: np.ndarray, eyes: dict[str, Eye]
) -> Int32[np.ndarray, "68"]:
    """The nearest vertex to each point: of the right lip, and of the lids rather than the eyeball."""
    skin = np.ones(len(vertices), bool)
    for eye in eyes.values():
        skin[eye.vertices] = False
    ids = nearest(vertices, points, skin)
    for lip, on_lip in ((UPPER_INNER_LIP, side > 0.3), (LOWER_INNER_LIP, side < -0.3)):
        ids[lip] = nearest(vertices, points[lip], on_lip)
    return ids.astype(np.int32)


def _eye(skin: Manifold, outline: Float64[np.ndarray, "6 3"]) -> Eye:
    """The eyeball within an outline of landmarks: a sphere through its middle, and what of the mesh lies on it."""
    middle = outline[:, :2].mean(0)
    flat = skin.vertices[:, :2]
    front = skin.vertices[:, 2] > outline[:, 2].min() - 10
    core = front & _within(flat, middle + 0.6 * (outline[:, :2] - middle))
    centre, radius = _sphere_through(skin.vertices[core])
    off_sphere = np.abs(np.linalg.norm(skin.vertices - centre, axis=1) - radius)
    near = front & (off_sphere < 0.1) & _within(flat, middle + 1.15 * (outline[:, :2] - middle))
    # where a lid crosses the sphere some of its vertices lie on it, but no whole triangle between them does
    whole = skin.triangles[near[skin.triangles].all(1)]
    centroids = np.linalg.norm(skin.vertices[whole].mean(1) - centre, axis=1)
    on_eye = np.zeros(len(near), bool)
    on_eye[_connected(whole[np.abs(centroids - radius) < 0.06], int(np.flatnonzero(core & near)[0]))] = True
    rest = skin.triangles[~on_eye[skin.triangles].any(1)]
    on_eye = ~np.isin(np.arange(len(near)), rest)
    loop = next(loop for loop in border_loops(rest) if _within(flat[loop].mean(0)[None], outline[:, :2])[0])
    upper, lower = upper_and_lower(loop, skin.vertices)
    ahead = np.append(middle, centre[2] + radius) - centre
    return Eye(centre, radius, ahead / np.linalg.norm(ahead), np.flatnonzero(on_eye), upper, lower)


def _connected(triangles: Int32[np.ndarray, "t 3"], seed: int) -> Int[np.ndarray, " c"]:
    """The vertices that triangles connect with one of them."""
    count = int(triangles.max()) + 1
    links = (np.ones(2 * len(triangles)), (triangles[:, :2].ravel(), triangles[:, 1:].ravel()))
    label = connected_components(csr_matrix(links, (count, count)), directed=False)[1]
    return np.flatnonzero(label == label[seed])


def _sphere_through(points: Float64[np.ndarray, "m 3"]) -> tuple[Float64[np.ndarray, "3"], float]:
    """Least-squares sphere: |p|^2 = 2 c.p + (r^2 - |c|^2) is linear in c and the bracket."""
    system = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def _within(points: Float[np.ndarray, "n 2"], polygon: Float[np.ndarray, "c 2"]) -> Bool[np.ndarray, " n"]:
    """Which points lie in a convex polygon, of either winding."""
    edges = np.roll(polygon, -1, 0) - polygon
    offsets = points[:, None] - polygon
    turns = edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0]
    return (turns >= 0).all(1) | (turns <= 0).all(1)
