"""A cross layer whose weights are set by hand, so that it holds one product exactly."""

from __future__ import annotations

import numpy as np


def product_layer(width: int, place: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias of a cross layer that multiplies one input into one position.

    Where position `place` of the layer's input x still is what it was in x0, the layer's output
    ``x0 * (weight @ x + bias) + x`` holds ``x0[place] * x[other]`` there, and x everywhere else:
    the bias of -1 takes off the x that the layer adds.

    Parameters
    ----------
    width : int
        Length of x0 and x.
    place, other : int
        Position that is overwritten, and the position that it is multiplied by.

    Returns
    -------
    weight : ndarray, shape (width, width)
    bias : ndarray, shape (width,)

    Examples
    --------
    >>> x = np.array([2.0, 3.0, 5.0])
    >>> weight, bias = product_layer(3, 0, 1)
    >>> x * (weight @ x + bias) + x
    array([6., 3., 5.])
    """
    weight, bias = np.zeros((width, width)), np.zeros(width)
    weight[place, other], bias[place] = 1.0, -1.0
    return weight, bias
