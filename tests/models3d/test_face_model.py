from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from models3d.errors import InputError
from models3d.face_model import basis_from_displacements, combine, empty_basis, synthesize


def test_coefficient_of_one_adds_the_displacement(rng):
    displacements = rng.normal(size=(3, 20, 3))
    basis = basis_from_displacements(displacements, ("a", "b", "c"))
    np.testing.assert_allclose(np.linalg.norm(basis.components.reshape(3, -1), axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(basis.displacements_mm, displacements, rtol=1e-5, atol=1e-6)


def test_a_displacement_of_zero_has_no_direction(rng):
    displacements = np.stack([rng.normal(size=(5, 3)), np.zeros((5, 3))])
    with pytest.raises(InputError, match=r"\['still'\].*move no vertex"):
        basis_from_displacements(displacements, ("moves", "still"))


def test_synthesis_is_the_sum_of_equation_2(tiny_model, rng):
    p_id, p_exp = rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    expected = np.stack(
        [
            tiny_model.mean_mm
            + sum(p * d for p, d in zip(p_id[i], tiny_model.identity.displacements_mm, strict=True))
            + sum(p * d for p, d in zip(p_exp[i], tiny_model.expression.displacements_mm, strict=True))
            for i in range(2)
        ]
    )
    np.testing.assert_allclose(synthesize(tiny_model, p_id, p_exp), expected, atol=1e-4)


def test_fewer_coefficients_stand_for_zeros_behind(tiny_model, rng):
    p = rng.normal(size=2)
    padded = synthesize(tiny_model, np.r_[p, 0.0], np.zeros(4))
    np.testing.assert_allclose(synthesize(tiny_model, p, np.zeros(0)), padded, atol=1e-5)
    with pytest.raises(InputError, match="4 given, the basis has 3"):
        synthesize(tiny_model, np.zeros(4), np.zeros(0))


def test_speech_follows_expression(tiny_model, rng):
    speech = basis_from_displacements(rng.normal(size=(2, 80, 3)), ("s0", "s1"))
    talking = replace(tiny_model, speech=speech)
    assert talking.motion.names == ("exp0", "exp1", "exp2", "exp3", "s0", "s1")
    moved = synthesize(talking, np.zeros(3), np.array([0, 0, 0, 0, 0, 2.0]))
    np.testing.assert_allclose(moved - talking.mean_mm, 2 * speech.displacements_mm[1], atol=1e-4)


def test_combine_takes_each_part_from_its_file(tiny_model, rng):
    donor = replace(
        tiny_model,
        name="4dfab",
        identity=empty_basis(80),
        expression=basis_from_displacements(rng.normal(size=(1, 80, 3)), ("smile",)),
        source="4DFAB",
    )
    model = combine("both", tiny_model, donor)
    assert len(model.identity) == 3 and model.expression.names == ("smile",)
    assert model.source == "tests; 4DFAB" and model.licence == "MIT"


def test_combine_refuses_another_topology(tiny_model):
    other = replace(tiny_model, name="other", triangles=tiny_model.triangles[::-1].copy())
    with pytest.raises(InputError, match="'other' .* is on another topology .* 'tiny'"):
        combine("both", tiny_model, other)


def test_vertex_counts_must_agree(tiny_model):
    with pytest.raises(InputError, match="its speech basis has 79 vertices, its mean has 80"):
        replace(tiny_model, speech=empty_basis(79))
    with pytest.raises(InputError, match="outside 0..79"):
        replace(tiny_model, landmarks=tiny_model.landmarks + 1 + tiny_model.landmarks.max())


def test_digest_follows_what_changes_a_result(tiny_model):
    same = replace(tiny_model, name="renamed", source="elsewhere")
    bounds = tiny_model.expression.bounds.copy()
    bounds[0, 0] = 0
    other = replace(tiny_model, expression=replace(tiny_model.expression, bounds=bounds))
    assert same.digest == tiny_model.digest != other.digest


def test_canary_shapes_are_checked(tiny_model):
    """If this fails, the shape checks of the whole suite are off."""
    with pytest.raises(TypeCheckError):
        synthesize(tiny_model, np.zeros((2, 3)), np.zeros((5, 4)))
