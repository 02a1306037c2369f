"""Whether pictures show what their labels say: each is read again and the expression compared with the label.

Two readers, neither of which knows the label. `detect and fit`: FaceMesh's landmarks and the landmark fit of
`fit_faces`, as if the picture were anybody's photo. `flow`: optical flow from the neutral picture, explained by the
motion of the model's visible vertices within the bounds of the coefficients, identity and camera being the photo's.

Errors are root mean squares over pictures: of a coefficient against the label, over the label's own. 1.00 is what the
prior's mode (no expression) scores, so below 0.50 is better than half of the prior. `all` takes the norm over all
coefficients. Reads what `make demo` made in results/; `make bench-synthesis` prints the table.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from models3d.errors import UnusableDatum
from models3d.face_model import FaceModel
from models3d.fitting.landmark_fit import LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.readers.native import read_native
from models3d.warp.portrait import Portrait, render
from models3d.warp.surfaces import SKIN
from models3d.warp.warp_model import warp_model
from models3d.warp.z_buffer import NOTHING, place, z_buffer
from pipeline.crops import canonical_landmarks_px, crop_matrix
from pipeline.face_detector import FaceDetector
from pipeline.images import read_indexed
from pipeline.photo_tables import read_index
from pipeline.portraits import fit_portrait
from pipeline.provenance import ROOT
from pipeline.shards import read_shard

RESULTS, SHARD = ROOT / "results", "sample/00001"
FACES, EACH, SIZE = 12, 8, 256
FLOW_PX = 1.0
"""Standard error of the flow at a vertex; its errors are shared by many vertices, so it is set high."""
SHOWN = ("jaw_open", "upper_lip_raise", "lower_lip_depress", "funnel", "smile_left", "blink_left", "brow_inner_raise")


@dataclass(frozen=True, eq=False)
class Read:
    """Labels of pictures and what a reader found, standard deviations."""

    labels: np.ndarray
    found: np.ndarray

    def error(self, component: int | slice) -> float:
        wrong = np.linalg.norm(np.atleast_2d((self.found - self.labels)[:, component]))
        return float(wrong / np.linalg.norm(np.atleast_2d(self.labels[:, component])))


def portraits(model: FaceModel) -> list[Portrait]:
    """The first faces of the sample, ready to be drawn."""
    fits, drawn = read_shard(RESULTS / f"fits/{SHARD}.h5", "fits"), warp_model(model)
    photos = {photo.id: photo for photo in read_index(RESULTS / f"index/{SHARD}.csv")}
    canonical_px, faces = canonical_landmarks_px(model, SIZE, 0.7), []
    for row, name in enumerate(fits.text("id")[:FACES]):
        crop = crop_matrix(fits["landmarks_px"][row], canonical_px)
        faces.append(fit_portrait(drawn, fits, row, crop, read_indexed(photos[name]), SIZE))
    return faces


def detected(model: FaceModel, pictures: np.ndarray, labels: np.ndarray) -> tuple[Read, int]:
    """What the landmark fit finds, and how many pictures showed no face."""
    detector, points, rows = FaceDetector(0.5), [], []
    for row, picture in enumerate(pictures):
        try:
            points.append(detector.largest_face(picture).landmarks_px)
            rows.append(row)
        except UnusableDatum:
            continue
    believed = LandmarkFitOptions(0.02, 1.0, 1.0, 1.5, 0.35, np.deg2rad(75.0), 30)
    sizes, on_outline = np.full((len(rows), 2), float(SIZE)), np.zeros(len(rows), bool)
    fit = fit_landmarks(model, landmark_points(model), np.array(points, np.float32), sizes, on_outline, believed)
    return Read(labels[rows], fit.expression), len(pictures) - len(rows)


def followed(face: Portrait, bounds: np.ndarray, neutral: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Coefficients whose motion of the visible vertices, linear about the neutral face, is the flow, or nearly."""
    scene = face.scene
    points = place(face.rest_mm, scene.pose, scene.lens, scene.offset)
    triangle = z_buffer(points, scene.skin, scene.inside[:0], SIZE, SIZE)
    seen = np.unique(triangle[triangle != NOTHING])
    vertices = np.unique(scene.skin[seen[scene.seen[seen] == SKIN]])
    moved = [place(face.rest_mm + d, scene.pose, scene.lens, scene.offset)[vertices, :2] for d in face.motion_mm]
    jacobian = np.stack([(m - points[vertices, :2]).ravel() for m in moved], axis=1)
    greys = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (neutral, picture))
    follower = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    follower.setFinestScale(0)  # lids and lips move by a few pixels
    flow = follower.calc(*greys, None)
    columns, rows = np.clip(np.floor(points[vertices, :2]), 0, SIZE - 1).astype(int).T
    system = np.concatenate([jacobian / FLOW_PX, np.eye(jacobian.shape[1])])
    right = np.concatenate([flow[rows, columns].ravel() / FLOW_PX, np.zeros(jacobian.shape[1])])
    return lsq_linear(system, right, bounds.T, method="bvls").x


@pytest.mark.benchmark
def test_expressions_are_found_again():
    if not (RESULTS / f"fits/{SHARD}.h5").is_file():
        pytest.skip("run `make demo` first")
    torch.set_num_threads(1)
    model = read_native(RESULTS / "models/sample.h5")
    bounds, random = model.expression.bounds.astype(float), np.random.default_rng(0)
    pictures, labels, found = [], [], []
    for face in portraits(model):
        drawn = np.clip(random.standard_normal((EACH, len(bounds))), *bounds.T).astype(np.float32)
        neutral, *images = render(face, np.concatenate([np.zeros_like(drawn[:1]), drawn])).images
        found += [followed(face, bounds, neutral, image) for image in images]
        pictures += images
        labels.append(drawn)
    everything = np.concatenate(labels)
    fitted, missed = detected(model, np.stack(pictures), everything)
    readers = {"detect and fit": fitted, "flow": Read(everything, np.array(found))}
    print(f"\n{len(everything)} pictures of {SIZE} x {SIZE}, {missed} of them without a face that is detected")
    print(f"{'':20}" + "".join(f"{name:>16}" for name in readers))
    for name, place_of in [("all", slice(None)), *((n, model.expression.names.index(n)) for n in SHOWN)]:
        print(f"{name:20}" + "".join(f"{read.error(place_of):16.2f}" for read in readers.values()))
    assert readers["flow"].error(slice(None)) < 0.5
    assert fitted.error(slice(None)) < 1 > fitted.error(model.expression.names.index("jaw_open"))
