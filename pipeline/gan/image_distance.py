"""The Image Euclidean Distance, eq. 15 (Wang, Zhang and Feng, 2005): pixels also answer for their neighbours."""

import numpy as np
from jaxtyping import Float64, UInt8
from scipy.ndimage import convolve1d

SIGMA_PX = 1.0
REACH_PX = 9
"""Beyond it the Gaussian is under 3e-18 of its peak."""

NORMALISATION = "d² of eq. 15, mean over the three channels on [0, 1], divided by the number of pixels"


def image_distance(
    one: Float64[np.ndarray, "*batch h w 3"], other: Float64[np.ndarray, "*batch h w 3"]
) -> Float64[np.ndarray, "*batch"]:
    """d^2 = 1 / (2 pi sigma^2) sum_ij exp(-|P_i - P_j|^2 / (2 sigma^2)) (x_i - y_i)(x_j - y_j), mean over channels.

    P_i is the place of pixel i, sigma = 1; the exponent has the minus sign that the print lacks. The Gaussian is a
    product of one along rows and one along columns, so the double sum is a blur and an inner product. Not divided by
    the number of pixels.
    """
    difference = one - other
    kernel = np.exp(-0.5 * (np.arange(-REACH_PX, REACH_PX + 1) / SIGMA_PX) ** 2)
    blurred = convolve1d(difference, kernel, axis=-3, mode="constant")
    blurred = convolve1d(blurred, kernel, axis=-2, mode="constant")
    return np.asarray((difference * blurred).sum((-3, -2)).mean(-1) / (2 * np.pi * SIGMA_PX**2))


def distance_per_pixel(
    one: UInt8[np.ndarray, "*batch h w 3"], other: UInt8[np.ndarray, "*batch h w 3"]
) -> Float64[np.ndarray, "*batch"]:
    """`image_distance` of pictures in grey levels, as NORMALISATION says."""
    return np.asarray(image_distance(one / 255.0, other / 255.0) / (one.shape[-3] * one.shape[-2]))
