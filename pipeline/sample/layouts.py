"""The files of the licensed sets, in their own layouts, equal bytes for equal content."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8
from PIL import Image
from scipy.io import savemat

from models3d.face_model import FaceModel
from models3d.whole_file import whole_file

MAT_HEADER = b"MATLAB 5.0 MAT-file, embedded sample"
MAT_HEADER_BYTES = 116
JPEG_QUALITY = 92


def write_lsfm(path: Path, model: FaceModel, people: int) -> None:
    """The model's mean and identity basis as LSFM was released: unit components, VARIANCES, triangles from 0.

    people  what to state as `n_training_samples`
    """
    variances = model.identity.sigmas_mm.astype(np.float64) ** 2
    fields = {
        "mean": model.mean_mm.reshape(-1).astype(np.float64),
        "components": model.identity.components.reshape(len(variances), -1).T,
        "eigenvalues": variances,
        "cumulative_explained_variance": np.cumsum(variances) / variances.sum(),
        "trilist": model.triangles,
        "n_training_samples": people,
    }
    with whole_file(path) as temporary:
        savemat(temporary, fields, appendmat=False, oned_as="row")
        with temporary.open("r+b") as stream:
            # scipy puts the date into the file's first line
            stream.write(MAT_HEADER.ljust(MAT_HEADER_BYTES))


def write_landmarks(path: Path, ids: Int32[np.ndarray, "68"]) -> None:
    """Vertex ids as a JSON list."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(ids.tolist()) + "\n")


def write_ply(path: Path, vertices: Float32[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"]) -> None:
    """A binary little-endian mesh without colours."""
    faces = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    with whole_file(path) as temporary:
        temporary.write_bytes(header.encode() + vertices.astype("<f4").tobytes() + faces.tobytes())


def write_colours(path: Path, colours: UInt8[np.ndarray, "n 3"]) -> None:
    """sRGB a vertex as .npy."""
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, colours, allow_pickle=False)


def write_jpeg(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    with whole_file(path) as temporary:
        Image.fromarray(image).save(temporary, "jpeg", quality=JPEG_QUALITY, subsampling=0)


def write_pts(path: Path, points_px: Float[np.ndarray, "68 2"]) -> None:
    """Landmarks as iBUG's .pts, where the centre of the top-left pixel is (1, 1); in `models3d` it is (0.5, 0.5)."""
    lines = [f"{x:.3f} {y:.3f}" for x, y in points_px + 0.5]
    text = "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])
    with whole_file(path) as temporary:
        temporary.write_text(text)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """A text file, a line each."""
    with whole_file(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines))
