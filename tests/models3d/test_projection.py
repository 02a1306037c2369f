from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import basis_from_displacements, synthesize
from models3d.projection import components, joint, literal, neutral, project
from tests.mesh_sequences import mask_model


@pytest.fixture(scope="module")
def model():
    return mask_model()


@pytest.fixture
def people(model, rng):
    """Four faces: identities, expressions, vertices."""
    p_id, p_exp = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    return p_id, p_exp, synthesize(model, p_id, p_exp)


def anywhere(vertices, rng, scale=1.0):
    """Heads turned by up to 40 degrees and shifted by decimetres."""
    turns = Rotation.from_rotvec(rng.uniform(-0.4, 0.4, size=(len(vertices), 3))).as_matrix()
    return (scale * vertices @ turns + rng.normal(scale=100, size=(len(vertices), 1, 3))).astype(np.float32)


def test_joint_is_exact_wherever_the_head_is(model, people, rng):
    p_id, p_exp, vertices = people
    found = project(joint(model.mean_mm, model.identity, model.expression, False), anywhere(vertices, rng))
    np.testing.assert_allclose(found.coefficients, np.concatenate([p_id, p_exp], axis=1), atol=1e-3)
    assert found.residual_mm.max() < 0.01


def test_joint_finds_the_size_where_it_is_asked_to(model, people, rng):
    p_id, p_exp, vertices = people
    found = project(joint(model.mean_mm, model.identity, model.expression, True), anywhere(vertices, rng, scale=1.7))
    np.testing.assert_allclose(found.coefficients, np.concatenate([p_id, p_exp], axis=1), atol=2e-3)


def test_neutral_is_exact_whoever_it_is(model, rng):
    p_exp = rng.normal(size=(5, 4))
    stranger = (model.mean_mm + rng.normal(scale=3, size=model.mean_mm.shape)).astype(np.float32)
    own = replace(model, mean_mm=stranger)
    moved = anywhere(synthesize(own, np.zeros((5, 3)), p_exp), rng)
    rest = anywhere(stranger[None], rng)[0]
    found = project(neutral(model.mean_mm, components(model.expression), rest, False), moved)
    np.testing.assert_allclose(found.coefficients, p_exp, atol=1e-3)


def test_equals_a_general_least_squares_solver(model, rng):
    """Meshes that the model cannot make, so that every unknown matters: motion and coefficients together."""
    vertices = synthesize(model, rng.normal(size=(1, 3)), rng.normal(size=(1, 4)))
    vertices = anywhere(vertices + rng.normal(scale=1.0, size=vertices.shape), rng)
    rows = np.concatenate([basis.displacements_mm for basis in (model.identity, model.expression)]).reshape(7, -1)

    def residual(unknowns):
        turned = vertices[0] @ Rotation.from_rotvec(unknowns[:3]).as_matrix().T + unknowns[3:6]
        return (turned - model.mean_mm).ravel() - unknowns[6:] @ rows

    found = project(joint(model.mean_mm, model.identity, model.expression, False), vertices)
    upright, _ = Rotation.align_vectors(model.mean_mm - model.mean_mm.mean(0), vertices[0] - vertices[0].mean(0))
    shift = model.mean_mm.mean(0) - upright.apply(vertices[0]).mean(0)
    slow = least_squares(residual, np.concatenate([upright.as_rotvec(), shift, np.zeros(7)]), x_scale="jac")
    np.testing.assert_allclose(found.coefficients[0], slow.x[6:], atol=2e-3)
    assert np.isclose(found.residual_mm[0], np.sqrt(2 * slow.cost / len(model.mean_mm)), rtol=1e-3)


def test_literal_is_the_printed_formula(model, people):
    """U'(S - mean) over sigma, number by number, of meshes that no alignment moves."""
    bare = model.expression.components.reshape(4, -1).astype(np.float64)
    motions = np.concatenate(
        [np.cross(axis, model.mean_mm).ravel()[None] for axis in np.eye(3)] + [np.tile(np.eye(3), len(model.mean_mm))]
    )
    free = bare - bare @ np.linalg.pinv(motions) @ motions
    basis = basis_from_displacements(5 * np.linalg.qr(free.T)[0].T.reshape(4, -1, 3), tuple("abcd"))
    p_exp = people[1]
    vertices = (model.mean_mm + np.tensordot(p_exp, basis.displacements_mm, 1)).astype(np.float32)
    printed = (vertices - model.mean_mm).reshape(4, -1) @ basis.components.reshape(4, -1).T / basis.sigmas_mm
    found = project(literal(model.mean_mm, basis, False), vertices)
    np.testing.assert_allclose(found.coefficients, printed, atol=0.01)
    np.testing.assert_allclose(found.coefficients, p_exp, atol=0.01)


def test_literal_leaks_and_refuses(model, people):
    _, p_exp, vertices = people
    with pytest.raises(InputError, match="not orthonormal.*'neutral' or 'joint'"):
        mixed = model.expression.displacements_mm.copy()
        mixed[0] += 0.5 * mixed[1]
        literal(model.mean_mm, basis_from_displacements(mixed, tuple("abcd")), False)
    leak = project(literal(model.mean_mm, model.expression, False), vertices).coefficients - p_exp
    assert np.sqrt(np.mean(leak**2)) > 0.3


def test_what_cannot_be_told_apart_is_refused(model):
    twice = basis_from_displacements(
        np.concatenate([model.expression.displacements_mm, model.expression.displacements_mm[:1]]), tuple("abcde")
    )
    with pytest.raises(InputError, match="do almost the same"):
        joint(model.mean_mm, model.identity, twice, False)


def test_a_mesh_whose_vertices_coincide(model):
    with pytest.raises(UnusableDatum):
        project(joint(model.mean_mm, model.identity, model.expression, False), np.zeros_like(model.mean_mm)[None])


def test_a_mesh_does_not_feel_the_others_of_its_batch(model, people, rng):
    vertices = anywhere(people[2], rng)
    projector = joint(model.mean_mm, model.identity, model.expression, False)
    together = project(projector, vertices).coefficients
    alone = np.concatenate([project(projector, mesh[None]).coefficients for mesh in vertices])
    np.testing.assert_allclose(together, alone, atol=1e-5)
