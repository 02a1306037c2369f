"""Filling the gaps of a picture smoothly from what is known around them: pull-push."""

from typing import no_type_check

import numpy as np

from models3d.warp.kernel import kernel

LEVELS = 7
"""Gaps up to 2 ** LEVELS pixels wide are filled."""


@kernel
@no_type_check
def fill_gaps(values, known):
    """Replace values (h, w, c) where known (h, w) is 0 by a smooth continuation of those where it is 1; in place.

    Gortler et al., "The Lumigraph", 1996, section 3.4.2: averages of what is known go down a pyramid, and come back up
    into the gaps, interpolated linearly. Where nothing is known within reach the values become 0.
    """
    pyramid = [values]
    weights = [known]
    for _ in range(LEVELS):
        if min(pyramid[-1].shape[0], pyramid[-1].shape[1]) < 2:
            break
        coarse, weight = _pull(pyramid[-1], weights[-1])
        pyramid.append(coarse)
        weights.append(weight)
    for level in range(len(pyramid) - 2, -1, -1):
        _push(pyramid[level], weights[level], pyramid[level + 1])


@kernel
@no_type_check
def _pull(values, weights):
    height, width, channels = values.shape
    coarse = np.zeros(((height + 1) // 2, (width + 1) // 2, channels), values.dtype)
    total = np.zeros(coarse.shape[:2], weights.dtype)
    for y in range(height):
        for x in range(width):
            weight = weights[y, x]
            if weight > 0:
                total[y // 2, x // 2] += weight
                for c in range(channels):
                    coarse[y // 2, x // 2, c] += weight * values[y, x, c]
    for y in range(coarse.shape[0]):
        for x in range(coarse.shape[1]):
            if total[y, x] > 0:
                for c in range(channels):
                    coarse[y, x, c] /= total[y, x]
                total[y, x] = min(total[y, x], 1)
    return coarse, total


@kernel
@no_type_check
def _push(values, weights, coarse):
    height, width, channels = values.shape
    rows, columns = coarse.shape[:2]
    for y in range(height):
        # a fine pixel's centre lies a quarter of a coarse pixel beside the centre of the one that holds it
        top = max((y + 1) // 2 - 1, 0)
        bottom = min(top + 1 if y > 0 else 0, rows - 1)
        upper = 0.75 if y % 2 == 1 else 0.25
        for x in range(width):
            weight = weights[y, x]
            if weight >= 1:
                continue
            left = max((x + 1) // 2 - 1, 0)
            right = min(left + 1 if x > 0 else 0, columns - 1)
            lefter = 0.75 if x % 2 == 1 else 0.25
            for c in range(channels):
                above = lefter * coarse[top, left, c] + (1 - lefter) * coarse[top, right, c]
                below = lefter * coarse[bottom, left, c] + (1 - lefter) * coarse[bottom, right, c]
                filled = upper * above + (1 - upper) * below
                values[y, x, c] = weight * values[y, x, c] + (1 - weight) * filled
