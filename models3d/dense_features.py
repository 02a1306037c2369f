"""What an unwrapped photo says about how far a fit is off: gradients by direction, tone and colour, cell by cell.

Histograms of oriented gradients (Dalal and Triggs 2005) of the logarithm of grey, so that the strength of the light
cancels, over the whole face at once; with them how red a cell is, how bright against the face, and how squarely seen.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit

CELL = 6
"""Texels a side."""
DIRECTIONS = 8
"""Of a gradient, its sign kept; it counts in the two nearest."""
PER_CELL = DIRECTIONS + 3
DARKEST = 8.0
"""Added to 8-bit values before the logarithm: what noise makes of the dark does not count."""
LEAST_FACING = 13
"""Texels that are seen less squarely than this (of 255) count for nothing."""
CONTRAST = 0.25
"""Added to the norm by which a cell's gradients are divided: below it they count as noise."""
LOGARITHMS = np.log(np.arange(256) + DARKEST).astype(np.float32)


def cell_features(unwrapped: UInt8[np.ndarray, "h w 4"]) -> Float32[np.ndarray, " features"]:
    """The features of `unwrap.unwrap`'s picture, about 1 in size; PER_CELL a cell, row by row."""
    height, width = unwrapped.shape[:2]
    cells = np.zeros((height // CELL, width // CELL, PER_CELL), np.float32)
    _gather(unwrapped, LOGARITHMS, cells)
    return cells.reshape(-1)


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check  # the tests' shape checker would wrap what numba has to compile
def _gather(unwrapped, logarithms, cells):
    height, width = unwrapped.shape[:2]
    grey = np.zeros((height, width), np.float32)
    valid = unwrapped[..., 3] >= LEAST_FACING
    count = np.zeros(cells.shape[:2], np.float32)
    mean_grey = mean_red = total = np.float32(0)
    for y in range(height):
        for x in range(width):
            if not valid[y, x]:
                continue
            red, green, blue = unwrapped[y, x, 0], unwrapped[y, x, 1], unwrapped[y, x, 2]
            value = np.log(
                np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue + np.float32(DARKEST)
            )
            redness = logarithms[red] - logarithms[green]
            grey[y, x] = value
            row, column = y // CELL, x // CELL
            cells[row, column, DIRECTIONS] += value
            cells[row, column, DIRECTIONS + 1] += redness
            count[row, column] += 1
            mean_grey, mean_red, total = mean_grey + value, mean_red + redness, total + 1
    mean_grey, mean_red = mean_grey / max(total, 1), mean_red / max(total, 1)
    step = np.float32(DIRECTIONS / (2 * np.pi))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if not (valid[y, x - 1] and valid[y, x + 1] and valid[y - 1, x] and valid[y + 1, x] and valid[y, x]):
                continue
            gx, gy = grey[y, x + 1] - grey[y, x - 1], grey[y + 1, x] - grey[y - 1, x]
            size = np.sqrt(gx * gx + gy * gy)
            place = (np.arctan2(gy, gx) + np.float32(np.pi)) * step
            low = int(place)
            above = place - low
            row, column = y // CELL, x // CELL
            cells[row, column, low % DIRECTIONS] += size * (1 - above)
            cells[row, column, (low + 1) % DIRECTIONS] += size * above
    share = np.float32(1 / CELL**2)
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            cell, seen = cells[row, column], max(count[row, column], 1)
            square = np.float32(0)
            for direction in range(DIRECTIONS):
                cell[direction] *= share
                square += cell[direction] ** 2
            norm = 1 / (np.sqrt(square) + np.float32(CONTRAST) * share * 6)
            for direction in range(DIRECTIONS):
                cell[direction] *= norm
            held = count[row, column] * share
            cell[DIRECTIONS] = (cell[DIRECTIONS] / seen - mean_grey) * held
            cell[DIRECTIONS + 1] = (cell[DIRECTIONS + 1] / seen - mean_red) * held * 4
            cell[DIRECTIONS + 2] = held
