"""A face model made ready for the warp, once: fewer triangles, no neck, the mouth's inside apart and furnished."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8, UInt32

from models3d.decimation import decimate
from models3d.face_model import FaceModel
from models3d.geodesics import edge_graph, geodesic_distances
from models3d.landmarks import INNER_LIPS, JAW, LANDMARK_COUNT
from models3d.mouth_interior import FRONT_OF_JAW, Interior, Region, interior, jaw_motion, lid_over_hole, mouth_region
from models3d.warp.alignment import alignment_weights

SKIN_TRIANGLES, INSIDE_TRIANGLES = 7_000, 400
"""Enough that the picture does not change: triangles of one or two pixels where a face fills 128 of them."""
UNDER_JAW_MM = 4.0
"""The mesh ends this far under the jaw line: the neck follows the face like the rest of the surroundings."""
NEAREST_MM = 15.0
"""Where a landmark's vertex was removed, the nearest along the surface that is left, no farther than this."""
PLACED = np.arange(JAW.stop, LANDMARK_COUNT)
"""Landmarks that mark a place on the skin; those of the jaw line slide."""


@dataclass(frozen=True, eq=False)
class WarpModel:
    """m vertices: those of the skin, of what lies behind the lips, of the teeth. All of them move linearly.

    skin, inside, teeth  triangles over them; unsigned, since numba checks signed indices for being negative
    part                 the piece that a triangle of the teeth belongs to
    white, flesh         what the teeth's vertices look like (`mouth_interior.Interior`); 0 elsewhere
    landmarks            vertices
    alignment            offsets of the vertices by those of the landmarks of `PLACED`
    """

    mean_mm: Float32[np.ndarray, "m 3"]
    identity_mm: Float32[np.ndarray, "k_id m 3"]
    motion_mm: Float32[np.ndarray, "k m 3"]
    skin: UInt32[np.ndarray, "t 3"]
    inside: UInt32[np.ndarray, "u 3"]
    teeth: UInt32[np.ndarray, "v 3"]
    part: UInt8[np.ndarray, " v"]
    white: Float32[np.ndarray, " m"]
    flesh: Float32[np.ndarray, " m"]
    landmarks: UInt32[np.ndarray, "68"]
    alignment: Float32[np.ndarray, "m l"]


def warp_model(model: FaceModel, skin_triangles: int = SKIN_TRIANGLES) -> WarpModel:
    """Prepare a model. Works on any topology whose 68 landmarks are known."""
    region, furniture = mouth_region(model), interior(model)
    behind, fan = _lid(model, region)
    outer = model.triangles[~region.triangles]
    outer = outer[_above_jaw(model)[outer].all(1)]
    skin = _fewer(model, outer, skin_triangles)
    inside = _fewer(model, model.triangles[region.lining], INSIDE_TRIANGLES)
    landmarks = _nearest_kept(model, outer, np.unique(skin))
    made = len(model.mean_mm) + len(behind[0])
    pieces = [skin, np.concatenate([inside, fan]), furniture.triangles + made]
    kept, where = np.unique(np.concatenate([*(piece.ravel() for piece in pieces), landmarks]), return_inverse=True)
    ends = np.cumsum([piece.size for piece in pieces])
    skin, inside, teeth, landmarks = np.split(where.astype(np.uint32), ends)
    mean, identity, motion = (
        np.ascontiguousarray(np.concatenate(parts, axis=-2)[..., kept, :], np.float32)
        for parts in zip(_model_rows(model), behind, _furniture_rows(model, furniture), strict=True)
    )
    white, flesh = (np.concatenate([np.zeros(made, np.float32), a])[kept] for a in (furniture.white, furniture.flesh))
    return WarpModel(
        mean_mm=mean,
        identity_mm=identity,
        motion_mm=motion,
        skin=skin.reshape(-1, 3),
        inside=inside.reshape(-1, 3),
        teeth=teeth.reshape(-1, 3),
        part=furniture.part,
        white=white,
        flesh=flesh,
        landmarks=landmarks,
        alignment=_alignment(mean, skin.reshape(-1, 3), landmarks),
    )


def _fewer(model: FaceModel, triangles: Int32[np.ndarray, "t 3"], target: int) -> Int32[np.ndarray, "u 3"]:
    """Triangles over the model's own vertices, decimated."""
    if len(triangles) <= target:
        return triangles
    fewer = decimate(model.mean_mm, triangles, target)
    return fewer.kept[fewer.triangles]


def _above_jaw(model: FaceModel) -> Bool[np.ndarray, " n"]:
    """Vertices that lie above the jaw line, or a little under it."""
    line = model.mean_mm[model.landmarks[JAW], :2]
    line = line[np.argsort(line[:, 0])]
    return model.mean_mm[:, 1] > np.interp(model.mean_mm[:, 0], line[:, 0], line[:, 1]) - UNDER_JAW_MM


def _nearest_kept(
    model: FaceModel, triangles: Int32[np.ndarray, "t 3"], kept: Int32[np.ndarray, " m"]
) -> Int32[np.ndarray, "68"]:
    """For each landmark the nearest vertex that is left, along the surface: not on the other lip."""
    graph = edge_graph(model.mean_mm, triangles)
    nearest = []
    for vertex in model.landmarks:
        distances = geodesic_distances(graph, int(vertex), NEAREST_MM)[kept]
        nearest.append(kept[distances.argmin()])
    return np.array(nearest, np.int32)


def _model_rows(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return model.mean_mm, model.identity.displacements_mm, model.motion.displacements_mm


def _lid(
    model: FaceModel, region: Region
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], Int32[np.ndarray, "e 3"]]:
    """The point that closes a hole behind the lips, moving with the hole's border, and the triangles around it."""
    ring = region.hole[:, 0]
    if not len(ring):
        return tuple(rows[..., :0, :] for rows in _model_rows(model)), np.zeros((0, 3), np.int32)  # type: ignore[return-value]
    point, fan = lid_over_hole(region.hole, model.mean_mm)
    moved = [rows[:, ring].mean(1, keepdims=True) for rows in _model_rows(model)[1:]]
    return (point[None], *moved), fan  # type: ignore[return-value]


def _furniture_rows(model: FaceModel, furniture: Interior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Teeth go with the lips from face to face, and stay with skull or jaw in every expression."""
    lips, jaw = model.landmarks[INNER_LIPS], model.landmarks[FRONT_OF_JAW]
    _, identity, motion = _model_rows(model)
    placed = np.repeat(identity[:, lips].mean(1, keepdims=True), len(furniture.vertices), axis=1)
    moved = jaw_motion(furniture.vertices, model.mean_mm[jaw], motion[:, jaw]) * furniture.on_jaw[:, None]
    return furniture.vertices, placed, moved


def _alignment(
    vertices: Float32[np.ndarray, "m 3"], skin: UInt32[np.ndarray, "t 3"], landmarks: UInt32[np.ndarray, "68"]
) -> Float32[np.ndarray, "m l"]:
    """Of the skin as a thin plate would bend; teeth and lining, behind the lips, as these do on average."""
    used, local = np.unique(skin, return_inverse=True)
    places = np.searchsorted(used, landmarks[PLACED]).astype(np.int32)
    weights = np.zeros((len(vertices), len(PLACED)), np.float32)
    weights[:, INNER_LIPS.start - JAW.stop :] = 1 / (INNER_LIPS.stop - INNER_LIPS.start)
    weights[used] = alignment_weights(vertices[used], local.reshape(-1, 3).astype(np.int32), places)
    return weights
