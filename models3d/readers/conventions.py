"""From what a file holds to the conventions of `models3d`: millimetres, unit components, outward triangles."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32

from models3d.errors import InputError
from models3d.face_model import TWO_SIDED, Basis, FaceModel, basis_from_displacements, empty_basis
from models3d.readers.fields import Fields

MM_PER = {"metres": 1000.0, "units of 100 mm": 100.0, "centimetres": 10.0, "millimetres": 1.0, "micrometres": 0.001}
HEIGHT_MM = (100.0, 400.0)
"""From a cropped face to a bust: less than a factor of ten apart, so that a height tells the unit."""
MAX_SPREAD_MM = 50.0
"""Between people or expressions a vertex differs by some millimetres, root mean square over the face."""
UNIT_NORM_TOLERANCE = 1e-3
UNIT_RANGE = TWO_SIDED[1]
"""How many standard deviations a one-sided unit at its full shape is worth: as far as any other component goes."""


def unit_of(path: Path, mean: Float[np.ndarray, "n 3"]) -> str:
    """The name of the file's unit of length, by the height of its mean; a key of `MM_PER`.

    Raises InputError if the height is that of a face in none of them.
    """
    height = float(np.ptp(mean[:, 1]))
    for unit, mm in MM_PER.items():
        if HEIGHT_MM[0] <= height * mm <= HEIGHT_MM[1]:
            return unit
    raise InputError(
        path,
        f"its mean is {height:.6g} high along y: in no unit of {', '.join(MM_PER)} is that a face of "
        f"{HEIGHT_MM[0]:.0f} to {HEIGHT_MM[1]:.0f} mm",
        "scale the file to millimetres, with y up",
    )


def check_unit(path: Path, unit: str, mean: Float[np.ndarray, "n 3"]) -> str:
    """The unit that a layout states; InputError if the mean has not the height of a face in it."""
    found = unit_of(path, mean)
    if found != unit:
        problem = f"its mean is as high as a face in {found}"
        raise InputError(path, problem, f"give lengths in {unit}, as the layout has them")
    return unit


def pca_basis(
    fields: Fields,
    name: str,
    sigmas: Float[np.ndarray, " k"],
    vertex_count: int,
    unit: str,
    part: str,
    cropped: bool = False,
) -> Basis:
    """The basis in field `name` (3n, k): unit eigenvectors as columns, x y z of vertex 0 first.

    sigmas   standard deviation of each column's coefficient, in the file's unit
    cropped  whether rows may have been cut from the columns, which makes them shorter than 1

    Raises InputError for a column of another norm (one that holds its standard deviation already).
    """
    columns = fields.numbers(name, (3 * vertex_count, len(sigmas)))
    norms = np.sqrt(np.einsum("ij,ij->j", columns, columns, dtype=np.float64))
    lowest = UNIT_NORM_TOLERANCE if cropped else 1 - UNIT_NORM_TOLERANCE
    wrong = (norms < lowest) | (norms > 1 + UNIT_NORM_TOLERANCE)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise fields.problem(f"column {first} of its '{name}' has norm {norms[first]:.4g}, expected a unit vector")
    components = np.ascontiguousarray((columns / norms.astype(columns.dtype)).T, np.float32)
    return Basis(
        components=components.reshape(len(sigmas), vertex_count, 3),
        sigmas_mm=(sigmas * norms * MM_PER[unit]).astype(np.float32),
        bounds=np.tile(np.array(TWO_SIDED, np.float32), (len(sigmas), 1)),
        names=numbered(part, len(sigmas)),
    )


def one_sided_basis(shapes_mm: Float[np.ndarray, "k n 3"], names: tuple[str, ...]) -> Basis:
    """The basis of units that go from 0 to a full shape: displacements of the full shapes.

    The full shape is set at `UNIT_RANGE` standard deviations. Then the prior, the random draws and the
    range of every other component suit a unit too, and its parameter over a range of 3 is the weight
    from 0 to 1 that the unit's authors mean.
    """
    bounds = np.tile(np.array([0.0, UNIT_RANGE]), (len(names), 1))
    return basis_from_displacements(shapes_mm / UNIT_RANGE, names, bounds)


def numbered(part: str, count: int) -> tuple[str, ...]:
    """Names for components that have none: identity_000, identity_001, ..."""
    return tuple(f"{part}_{number:03d}" for number in range(count))


def outward(vertices: Float[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"]) -> Int32[np.ndarray, "t 3"]:
    """The triangles counter-clockwise seen from outside: turned as a whole if the volume they span is negative.

    The volume is that of the cones from the centroid, positive also for a face that is open at the back.
    """
    corners = (vertices - vertices.mean(0))[triangles]
    volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return np.ascontiguousarray(triangles if volume > 0 else triangles[:, ::-1])


def face_model(
    path: Path,
    layout: str,
    licence: str,
    unit: str,
    mean: Float[np.ndarray, "n 3"],
    triangles: Int32[np.ndarray, "t 3"],
    landmarks: Int32[np.ndarray, "68"],
    identity: Basis,
    expression: Basis,
) -> FaceModel:
    """The model of a file: its mean, given in the file's unit, in millimetres, its triangles turned outward.

    Raises InputError if the landmarks do not lie as on a face with y up that looks along z (so a mirrored mesh, other
    axes, or landmarks in another order are noticed), or a component moves vertices further than faces differ.
    """
    mean_mm = np.ascontiguousarray(mean * MM_PER[unit], np.float32)
    _check_frame(path, mean_mm[landmarks])
    for basis in (identity, expression):
        _check_spread(path, basis, len(mean))
    return FaceModel(
        name=path.stem,
        mean_mm=mean_mm,
        triangles=outward(mean_mm, triangles),
        landmarks=landmarks,
        identity=identity,
        expression=expression,
        speech=empty_basis(len(mean)),
        source=f"{layout}, {path.name}, lengths in {unit}",
        licence=licence,
    )


def _check_frame(path: Path, landmarks_mm: Float[np.ndarray, "68 3"]) -> None:
    right_ear, chin, left_ear, nose_bridge, nose_tip = landmarks_mm[[0, 8, 16, 27, 30]]
    upright = right_ear[0] < left_ear[0] and chin[1] < nose_bridge[1]
    if not (upright and nose_tip[2] > max(right_ear[2], left_ear[2])):
        raise InputError(
            path,
            "its landmarks do not lie as on a face with x to the image's right, y up and z out of the face",
            "give 68 landmarks of this topology in iBUG's order, and check the axes of the mesh",
        )


def _check_spread(path: Path, basis: Basis, vertex_count: int) -> None:
    moved_mm = basis.sigmas_mm / np.sqrt(vertex_count)  # of a vertex, root mean square
    for name, moved in zip(basis.names, moved_mm, strict=True):
        if not moved < MAX_SPREAD_MM:
            raise InputError(
                path,
                f"one standard deviation of {name} moves a vertex by {moved:.4g} mm in the root mean square",
                "check that variances are not read as standard deviations, and are in the unit of the mean",
            )
