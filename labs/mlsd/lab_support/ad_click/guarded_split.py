"""The split of a boosted tree whose sides both have to hold a least curvature."""

from __future__ import annotations

import numpy as np


def best_cut(gradient: np.ndarray, curvature: np.ndarray, penalty: float, least: float) -> int:
    """Return how many of the sorted values go left, 0 where no split is allowed.

    The two sides together have the largest ``sum(g)**2 / (sum(h) + penalty)``.

    Parameters
    ----------
    gradient, curvature : ndarray, shape (k,)
        Sums of g and h for each distinct value of a column, in ascending order.
    penalty : float
    least : float
        Curvature that each side has to hold; exactly as much is allowed.

    Examples
    --------
    >>> gradient, curvature = np.array([-3.0, 1.0, 2.0]), np.array([0.1, 1.0, 1.0])
    >>> [best_cut(gradient, curvature, 1.0, least) for least in (0.0, 1.0, 2.0)]
    [1, 2, 0]
    """
    g, h = np.cumsum(gradient), np.cumsum(curvature)
    left, right = (g[:-1], h[:-1]), (g[-1] - g[:-1], h[-1] - h[:-1])
    gain = sum(side_g**2 / (side_h + penalty) for side_g, side_h in (left, right))
    gain = np.where((left[1] >= least) & (right[1] >= least), gain, -np.inf)
    return int(gain.argmax()) + 1 if len(gain) and np.isfinite(gain.max()) else 0
