import numpy as np

from models3d.dense_features import CELL, CONTRAST, DARKEST, DIRECTIONS, LEAST_FACING, PER_CELL, cell_features

SIZE = 4 * CELL


def picture(grey: np.ndarray, facing: int = 255) -> np.ndarray:
    return np.concatenate([np.repeat(grey[..., None], 3, axis=2), np.full((*grey.shape, 1), facing)], 2).astype(
        np.uint8
    )


def cells(unwrapped: np.ndarray) -> np.ndarray:
    return cell_features(unwrapped).reshape(SIZE // CELL, SIZE // CELL, PER_CELL)


def plain(unwrapped: np.ndarray) -> np.ndarray:
    """The definition, texel by texel."""
    red, green, blue, facing = np.moveaxis(unwrapped.astype(float), -1, 0)
    valid = facing >= LEAST_FACING
    grey = np.log(0.299 * red + 0.587 * green + 0.114 * blue + DARKEST)
    redness = np.log(red + DARKEST) - np.log(green + DARKEST)
    out = np.zeros((SIZE // CELL, SIZE // CELL, PER_CELL))
    for y in range(1, SIZE - 1):
        for x in range(1, SIZE - 1):
            if not (valid[y, x] and valid[y, x - 1] and valid[y, x + 1] and valid[y - 1, x] and valid[y + 1, x]):
                continue
            gx, gy = grey[y, x + 1] - grey[y, x - 1], grey[y + 1, x] - grey[y - 1, x]
            place = (np.arctan2(gy, gx) + np.pi) * DIRECTIONS / (2 * np.pi)
            low = int(np.floor(place))
            cell = out[y // CELL, x // CELL]
            cell[low % DIRECTIONS] += np.hypot(gx, gy) * (1 - place + low)
            cell[(low + 1) % DIRECTIONS] += np.hypot(gx, gy) * (place - low)
    gradients = out[..., :DIRECTIONS] / CELL**2
    norm = np.linalg.norm(gradients, axis=2, keepdims=True) + CONTRAST * CELL / CELL**2
    out[..., :DIRECTIONS] = gradients / norm
    for row in range(SIZE // CELL):
        for column in range(SIZE // CELL):
            part = np.s_[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
            held = valid[part].mean()
            if held:
                out[row, column, DIRECTIONS] = (grey[part][valid[part]].mean() - grey[valid].mean()) * held
                tint = redness[part][valid[part]].mean() - redness[valid].mean()
                out[row, column, DIRECTIONS + 1] = tint * held * 4
            out[row, column, DIRECTIONS + 2] = held
    return out


def test_equals_the_definition(rng):
    unwrapped = rng.integers(0, 256, (SIZE, SIZE, 4)).astype(np.uint8)
    unwrapped[:CELL, :CELL, 3] = 0
    unwrapped[10:12, 5:20, 3] = LEAST_FACING - 1
    np.testing.assert_allclose(cells(unwrapped), plain(unwrapped), atol=2e-4)


def test_an_even_face_has_no_gradients_and_no_tones():
    found = cells(picture(np.full((SIZE, SIZE), 120)))
    np.testing.assert_allclose(found[..., : PER_CELL - 1], 0, atol=1e-4)
    np.testing.assert_allclose(found[..., PER_CELL - 1], 1)


def test_an_edge_shows_its_direction():
    step = np.full((SIZE, SIZE), 60)
    step[:, SIZE // 2 + 2 :] = 160
    inside = cells(picture(step))[1, 2, :DIRECTIONS]
    brighter_to_the_right = DIRECTIONS // 2
    assert inside.argmax() == brighter_to_the_right and inside[brighter_to_the_right] > 0.5
    assert inside[0] == 0, "the opposite direction is another"


def test_the_strength_of_the_light_hardly_counts(rng):
    grey = 90 + np.cumsum(np.cumsum(rng.normal(size=(SIZE, SIZE)), 0), 1).clip(-40, 40)
    dim, bright = cells(picture(grey)), cells(picture(grey * 1.9))
    assert np.abs(dim - bright).max() < 0.1
    assert np.abs(dim[..., :DIRECTIONS]).max() > 0.3


def test_nothing_seen_gives_nothing():
    assert not cells(picture(np.full((SIZE, SIZE), 200), facing=0)).any()
