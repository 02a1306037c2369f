from typing import NamedTuple

import numpy as np
import pytest
import torch

from models3d.camera import Camera
from models3d.face_model import synthesize
from models3d.fitting.energy import Prior
from models3d.fitting.photometric_term import PhotometricTerm, TexturedPoints, projection, sample, textured_points
from models3d.fitting.solver import ALIGNMENT, Bounds, solve
from models3d.fitting.state import CAMERA, FOCAL, State, move, rotation_of, values
from models3d.fitting.texture_model import TextureModel
from models3d.fitting.texture_sites import features, texture_vertices, visible_sites

BATCH, SITES, CHANNELS, RANK, LENGTH, SIZE = 3, 40, 2, 4, ALIGNMENT, 48


def smooth_images(rng: np.random.Generator) -> torch.Tensor:
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    waves = rng.uniform(2, 9, (BATCH, CHANNELS, 2, 1, 1))
    return torch.as_tensor(np.sin(waves[:, :, 0] * x + 1) + np.cos(waves[:, :, 1] * y), dtype=torch.float32)


class Scene(NamedTuple):
    term: PhotometricTerm
    state: State


@pytest.fixture
def scene(rng) -> Scene:
    """Points in front of the camera, images that show them, a texture of its own."""
    torch.manual_seed(3)
    basis = torch.zeros(SITES, 3, LENGTH)
    basis[..., CAMERA:] = torch.randn(SITES, 3, LENGTH - CAMERA) * 2
    points = TexturedPoints(
        torch.randn(SITES, 3) * 40, basis, torch.randn(SITES, CHANNELS), torch.randn(SITES, CHANNELS, RANK), 0.3
    )
    to_image = torch.tensor([[0.4, 0.05, SIZE / 2], [-0.05, 0.4, SIZE / 2]]).expand(BATCH, -1, -1).contiguous()
    visible = (torch.rand(BATCH, SITES) > 0.2).float()
    state = State(
        rotation_of(torch.randn(BATCH, 3) * 0.2),
        torch.tensor([[0.0, 0, 500], [10, -5, 600], [-5, 4, 700]]),
        torch.log(torch.tensor([200.0, 250, 300])),
        torch.randn(BATCH, LENGTH - CAMERA) * 0.3,
    )
    return Scene(PhotometricTerm(points, smooth_images(rng), to_image, visible, 0.05), state)


def test_samples_are_the_images_at_pixel_centres_and_between(rng):
    images = smooth_images(rng)
    points = torch.tensor([[[10.5, 20.5], [10.75, 20.5], [-3.0, -4.0], [SIZE + 9.0, SIZE + 1.0]]]).expand(BATCH, -1, -1)
    found = sample(images, points)
    torch.testing.assert_close(found.values[:, 0], images[:, :, 20, 10])
    torch.testing.assert_close(found.values[:, 1], 0.75 * images[:, :, 20, 10] + 0.25 * images[:, :, 20, 11])
    torch.testing.assert_close(found.slopes[:, 1, :, 0], images[:, :, 20, 11] - images[:, :, 20, 10])
    torch.testing.assert_close(found.values[:, 2:], torch.stack([images[:, :, 0, 0], images[:, :, -1, -1]], 1))
    assert (found.slopes[:, 2:] == 0).all(), "nothing changes beyond the edge"


def test_the_projection_is_that_of_the_visible_rows(scene):
    """Against the whole matrix written out, and in the limit of an unbounded texture the pseudo-inverse's."""
    points, weights = scene.term.points, scene.term.visible
    weighted, factor = projection(points, weights)
    for row in range(BATCH):
        rows = points.components[weights[row] > 0].flatten(0, 1).double()
        marginal = torch.linalg.inv(rows @ rows.T / points.noise**2 + torch.eye(len(rows)))
        ours = weighted[row][weights[row] > 0].flatten(0, 1).double()
        inverse = torch.cholesky_inverse(factor[row].double())
        torch.testing.assert_close(torch.eye(len(rows)) - ours @ inverse @ ours.T, marginal, atol=1e-4, rtol=0)
        unbounded = torch.eye(len(rows)) - rows @ torch.linalg.pinv(rows)
        torch.testing.assert_close(marginal, unbounded, atol=5e-3, rtol=0)


def test_jacobian_and_quadratic_are_those_of_the_cost(scene):
    energy = scene.term.at(scene.state)

    def features_after(step):
        return energy.residual(move(scene.state, step)).sum(0)  # rows do not meet

    at_rest = torch.zeros(BATCH, LENGTH)
    by_autograd = torch.autograd.functional.jacobian(features_after, at_rest).movedim(2, 0)
    torch.testing.assert_close(energy.jacobian(scene.state), by_autograd, rtol=1e-3, atol=1e-3)
    step = at_rest.requires_grad_()
    cost = energy.cost(move(scene.state, step))
    cost.sum().backward()
    found = energy.quadratic(scene.state)
    torch.testing.assert_close(found.cost, cost.detach())
    torch.testing.assert_close(found.gradient, step.grad, rtol=1e-3, atol=1e-2)
    assert (torch.linalg.eigvalsh(found.matrix.double()) > -1e-3 * found.matrix.abs().max()).all()


def test_what_the_texture_explains_costs_nothing(scene):
    """A residual that is a texture of moderate size is projected out; the same one with no texture is not."""
    energy = scene.term.at(scene.state)
    explained = torch.einsum("sck,bk->bsc", scene.term.points.components, torch.randn(BATCH, RANK))
    pulled = energy.pulled(explained)
    left = (energy.weights[..., None] * explained**2).sum((1, 2)) - (
        pulled * torch.cholesky_solve(pulled[..., None], energy.factor)[..., 0]
    ).sum(1)
    assert (left < 0.02 * (energy.weights[..., None] * explained**2).sum((1, 2))).all()


def test_an_occluder_weighs_less(scene):
    plain = scene.term.at(scene.state)
    hand = scene.term.images.clone()
    hand[:, :, : SIZE // 2, : SIZE // 2] = 40.0
    covered = PhotometricTerm(scene.term.points, hand, scene.term.to_image, scene.term.visible, 0.05).at(scene.state)
    on_hand = (covered.residual(scene.state).amax(2) > 20) & (scene.term.visible > 0)
    assert on_hand.any() and covered.weights[on_hand].mean() < 0.2 * plain.weights[scene.term.visible > 0].mean()


def test_no_visible_sample_is_no_term(scene):
    visible = scene.term.visible.clone()
    visible[1] = 0
    blind = PhotometricTerm(scene.term.points, scene.term.images, scene.term.to_image, visible, 0.05)
    whole, found = (term.at(scene.state).quadratic(scene.state) for term in (scene.term, blind))
    for part, full in zip(found, whole, strict=True):
        assert (part[1] == 0).all()
        torch.testing.assert_close(part[[0, 2]], full[[0, 2]], rtol=1e-4, atol=1e-4)
    alone = State(*(part[1:2] for part in scene.state))
    assert blind.rows(torch.tensor([1])).at(alone).cost(alone).tolist() == [0]


def test_pulls_a_moved_face_back(template_model, rng):
    """A face whose texture is known, drawn a little aside of where the fit starts."""
    vertices = texture_vertices(template_model, 400, rng)
    camera = Camera(np.zeros(3), np.array([0.0, 0, 700]), np.array(384.0), np.array([64.0, 64.0]))
    face = synthesize(template_model, np.zeros((1, 10)), np.zeros((1, 10)))[0]
    crop = np.array([[0.9, 0, 6], [0, 0.9, 6]], np.float32)
    places, seen = visible_sites(face, template_model.triangles, camera, crop, 128, vertices)
    assert seen.mean() > 0.9
    y, x = np.mgrid[:128, :128]
    picture = (127 + 60 * np.sin(x / 6) + 60 * np.cos(y / 7))[..., None].repeat(3, 2).astype(np.uint8)
    images, at = features(picture, places, seen)
    components = np.zeros((1, len(vertices), 3), np.float32)
    points = textured_points(template_model, TextureModel(vertices, at, components, 0.1))
    to_image = torch.as_tensor(np.column_stack([crop[:, :2], crop[:, :2] @ [64.0, 64.0] + crop[:, 2]]))
    visible = torch.as_tensor(seen, dtype=torch.float32)[None]
    term = PhotometricTerm(points, torch.as_tensor(images)[None], to_image.float()[None], visible, 0.05)
    length = points.basis_mm.shape[2]
    start = State(
        rotation_of(torch.zeros(1, 3)),
        torch.tensor([[2.0, -1.5, 700]]),
        torch.log(torch.tensor([384.0])),
        torch.zeros(1, length - CAMERA),
    )
    lower, upper = torch.zeros(1, length), torch.zeros(1, length)
    lower[:, FOCAL] = upper[:, FOCAL] = start.log_focal
    lower[:, 3:5], upper[:, 3:5] = -torch.inf, torch.inf
    prior = Prior(torch.cat([torch.zeros(CAMERA), torch.ones(length - CAMERA)]), values(start))
    found = solve([term, prior], start, Bounds(lower, upper), iterations=30, tolerance=1e-6)
    assert found.converged.all()
    torch.testing.assert_close(found.state.translation_mm, torch.tensor([[0.0, 0, 700]]), atol=0.1, rtol=0)
