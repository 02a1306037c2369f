import numpy as np
import torch
from scipy.spatial.transform import Rotation

from models3d.fitting.state import CAMERA, CAMERA_STEP, State, choose, move, rotation_of, rows, values


def some_state(batch: int = 3, coefficients: int = 4) -> State:
    torch.manual_seed(0)
    return State(
        rotation_of(torch.randn(batch, 3)),
        torch.tensor([10.0, -20.0, 600.0]).repeat(batch, 1),
        torch.full((batch,), 6.0),
        torch.randn(batch, coefficients),
    )


def test_rotations_are_scipys():
    vectors = torch.tensor([[0.0, 0, 0], [1e-6, 0, 0], [0.3, -0.2, 0.1], [0, 3.1, 0], [0, 4.0, 0]])
    np.testing.assert_allclose(rotation_of(vectors), Rotation.from_rotvec(vectors.numpy()).as_matrix(), atol=1e-6)


def test_no_step_changes_nothing():
    state = some_state()
    for after, before in zip(move(state, torch.zeros(3, CAMERA + 4)), state, strict=True):
        torch.testing.assert_close(after, before)


def test_each_entry_of_a_step_does_what_its_name_says():
    state = some_state()
    step = torch.zeros(3, CAMERA + 4)
    step[:, CAMERA_STEP.index("tx_over_tz")] = 0.5
    step[:, CAMERA_STEP.index("log_tz")] = np.log(2)
    step[:, CAMERA_STEP.index("log_focal")] = 0.25
    step[:, CAMERA + 1] = 7
    after = move(state, step)
    torch.testing.assert_close(after.translation_mm[0], torch.tensor([(10 / 600 + 0.5) * 1200, -40, 1200]))
    torch.testing.assert_close(after.log_focal, state.log_focal + 0.25)
    torch.testing.assert_close(after.coefficients[:, 1], state.coefficients[:, 1] + 7)


def test_values_line_up_with_a_step():
    state = some_state()
    step = torch.zeros(3, CAMERA + 4)
    step[:, CAMERA - 1 :] = torch.randn(3, 5)
    torch.testing.assert_close(values(move(state, step)), values(state) + step)


def test_rows_and_choices():
    state = some_state()
    other = move(state, torch.ones(3, CAMERA + 4))
    mixed = choose(torch.tensor([True, False, True]), state, other)
    for part, first, second in zip(mixed, state, other, strict=True):
        assert torch.equal(part, torch.stack([first[0], second[1], first[2]]))
    assert torch.equal(rows(state, torch.tensor([2, 0])).log_focal, state.log_focal[[2, 0]])
