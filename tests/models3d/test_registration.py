"""Raw scans to a template's topology: how near they come, on made masks and on a real model's people."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.errors import UnusableDatum
from models3d.face_model import empty_basis, synthesize
from models3d.readers.ict import read_ict
from models3d.registration import Template, outside, register
from models3d.scan_model_fit import fitted_rest
from models3d.scans import Closest, Scan, ScanSurface, at_closest
from tests.mesh_sequences import mask_model, raw_scan

NOISE_MM = 0.3


def scan_of(vertices, triangles, landmarks, rng, count=None) -> tuple[Scan, Rotation, np.ndarray]:
    """A turned and shifted raw scan, and how it was turned and shifted."""
    mesh = raw_scan(vertices, triangles, rng, NOISE_MM, count)
    turn, shift = Rotation.from_rotvec(rng.normal(scale=0.4, size=3)), rng.normal(scale=60, size=3)
    marked = vertices[landmarks] + rng.normal(scale=1.0, size=(68, 3))
    scan = Scan(turn.apply(mesh.vertices) + shift, mesh.faces.astype(np.int32), turn.apply(marked) + shift)
    return scan, turn, shift


def errors_mm(vertices, turn, shift, truth) -> np.ndarray:
    """Distance of each registered vertex to its true place."""
    return np.linalg.norm(turn.inv().apply(vertices - shift) - truth, axis=1)


@pytest.fixture(scope="module")
def mask():
    return mask_model()


def test_a_resampled_mask_is_registered(mask, rng):
    template = Template(mask, coarse_triangles=600)
    truth = synthesize(mask, rng.normal(size=3), np.array([2.0, 0, 0, 3.0]))
    scan, turn, shift = scan_of(truth, mask.triangles, mask.landmarks, rng)
    registered = register(template, scan)
    assert registered.matched.mean() > 0.85, "all but the border"
    assert registered.distances_mm.mean() < NOISE_MM
    assert errors_mm(registered.vertices, turn, shift, truth).mean() < 1.5


def test_a_template_without_identities_is_registered(mask, rng):
    bare = replace(mask, identity=empty_basis(len(mask.mean_mm)), expression=empty_basis(len(mask.mean_mm)))
    truth = synthesize(mask, rng.normal(size=3), np.zeros(4))
    scan, turn, shift = scan_of(truth, mask.triangles, mask.landmarks, rng)
    registered = register(Template(bare, coarse_triangles=600), scan)
    assert registered.distances_mm.mean() < NOISE_MM
    assert errors_mm(registered.vertices, turn, shift, truth).mean() < 1.5


def test_the_same_scan_gives_the_same_bytes(mask, rng):
    scan, _, _ = scan_of(mask.mean_mm, mask.triangles, mask.landmarks, rng)
    first, second = (register(Template(mask, 600), scan).vertices for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_where_the_scan_ends_the_template_goes_on(mask, rng):
    """A scan of the upper half: the lower half follows the model's fit instead of crowding at the border."""
    truth = synthesize(mask, rng.normal(size=3), np.zeros(4))
    upper = mask.triangles[(truth[mask.triangles][:, :, 1] > -30).all(1)]
    scan, turn, shift = scan_of(truth, upper, mask.landmarks, rng)
    registered = register(Template(mask, 600), scan)
    below = truth[:, 1] < -45
    assert not registered.matched[below].any() and registered.matched[truth[:, 1] > -20].mean() > 0.85
    assert errors_mm(registered.vertices, turn, shift, truth)[below].mean() < 5


def test_scans_that_cannot_be_registered(mask, rng):
    template = Template(mask, 600)
    scan, _, _ = scan_of(mask.mean_mm, mask.triangles, mask.landmarks, rng)
    with pytest.raises(UnusableDatum, match="coincide"):
        register(template, scan._replace(landmarks=np.ones((68, 3))))
    with pytest.raises(UnusableDatum, match="near its landmarks"):
        register(template, scan._replace(vertices=scan.vertices + 1000))


def test_the_outside_has_no_mouth_in_it(mask):
    """A plate behind the mask, joined to it or not, is not seen."""
    count = len(mask.mean_mm)
    behind = mask.mean_mm * [0.5, 0.5, 1.0] - np.array([0, 0, 40])
    doubled = replace(
        mask,
        mean_mm=np.concatenate([mask.mean_mm, behind]).astype(np.float32),
        triangles=np.concatenate([mask.triangles, mask.triangles + count]),
        identity=empty_basis(2 * count),
        expression=empty_basis(2 * count),
        speech=empty_basis(2 * count),
    )
    np.testing.assert_array_equal(outside(doubled), np.arange(2 * count) < count)


def test_values_are_read_off_the_nearest_triangle(mask):
    scan = Scan(mask.mean_mm.astype(np.float64), mask.triangles, np.zeros((68, 3)))
    corners = mask.triangles[[5, 40]]
    weights = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
    points = np.einsum("nk,nkc->nc", weights, scan.vertices[corners])
    found = Closest(points, np.array([5, 40]), np.zeros(2))
    np.testing.assert_allclose(at_closest(scan, found, scan.vertices), points, atol=1e-9)


def test_real_heads_register_from_half_of_their_identities(ict_folder, rng):
    """Resampled, noisy people of the model, the template knowing 15 of their 30 identity shapes."""
    full = read_ict(ict_folder / "FaceXModel")
    template = Template(replace(full, identity=full.identity.first(15)), coarse_triangles=2000)
    skin = full.triangles[template.outside[full.triangles].all(1)]
    p_exp = np.zeros(len(full.expression))
    p_exp[rng.permutation(len(p_exp))[:3]] = 0.8 * full.expression.bounds[0, 1]
    truth = synthesize(full, rng.normal(size=len(full.identity)), p_exp)
    scan, turn, shift = scan_of(truth, skin, full.landmarks, rng, count=16_000)
    registered = register(template, scan)
    error = errors_mm(registered.vertices, turn, shift, truth)[template.outside]
    start = fitted_rest(template.model, template.coarse, ScanSurface(scan))
    print(f"\n{error.mean():.2f} mm from the true place, {registered.distances_mm.mean():.2f} mm from the scan")
    assert error.mean() < 1.5 and registered.distances_mm.mean() < NOISE_MM
    assert error.mean() < errors_mm(start, turn, shift, truth)[template.outside].mean(), (
        "NICP does better than the model"
    )
