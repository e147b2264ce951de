"""Scales of a numeric column, learned from the values that are present."""

from __future__ import annotations

import numpy as np

LARGEST_SCALED = 10.0

_HEAVY_TAIL = 10.0
_KNOTS = 513


class StandardScale:
    """Mean 0 and variance 1, after a signed logarithm where the tail is heavy.

    Parameters
    ----------
    present : ndarray, shape (n,)
        Finite values.

    Examples
    --------
    >>> scale = StandardScale(np.array([1.0, 3.0]))
    >>> StandardScale.apply_all([scale], np.array([[1.0], [5.0]])).ravel()
    array([-1.,  3.])
    """

    def __init__(self, present: np.ndarray) -> None:
        spread = present.std() if len(present) else 0.0
        tail = np.abs(present - present.mean()).max() if len(present) else 0.0
        self.heavy = bool(tail > _HEAVY_TAIL * spread > 0)
        values = self._shape(present)
        self.mean = values.mean() if len(values) else 0.0
        deviation = values.std() if len(values) else 0.0
        constant = deviation <= 1e-12 * max(1.0, abs(self.mean))
        self.factor = 0.0 if constant else 1.0 / deviation

    def _shape(self, values: np.ndarray) -> np.ndarray:
        return np.sign(values) * np.log1p(np.abs(values)) if self.heavy else values

    @staticmethod
    def apply_all(scales: list[StandardScale], numbers: np.ndarray) -> np.ndarray:
        """Scaled columns, clipped; `numbers`, shape (n, scales), is overwritten."""
        for index in [index for index, scale in enumerate(scales) if scale.heavy]:
            numbers[:, index] = scales[index]._shape(numbers[:, index].copy())
        numbers -= np.array([scale.mean for scale in scales])
        numbers *= np.array([scale.factor for scale in scales])
        return np.clip(numbers, -LARGEST_SCALED, LARGEST_SCALED, out=numbers)


class QuantileScale:
    """Mid-rank among the training values, interpolated between knots.

    Parameters
    ----------
    present : ndarray, shape (n,)
        Finite values.

    Examples
    --------
    >>> QuantileScale(np.array([1.0, 3.0])).apply(np.array([2.0]))
    array([0.])
    """

    def __init__(self, present: np.ndarray) -> None:
        ordered = np.sort(present)
        positions = np.linspace(0, max(len(ordered) - 1, 0), _KNOTS).round().astype(np.int64)
        self.knots = np.unique(ordered[positions]) if len(ordered) else np.zeros(1)
        below = np.searchsorted(ordered, self.knots, "left")
        up_to = np.searchsorted(ordered, self.knots, "right")
        self.ranks = (below + up_to) / (2 * max(len(ordered), 1))

    @staticmethod
    def apply_all(scales: list[QuantileScale], numbers: np.ndarray) -> np.ndarray:
        """Scaled mid-ranks of columns; `numbers`, shape (n, scales), is overwritten."""
        for index, scale in enumerate(scales):
            numbers[:, index] = scale.apply(numbers[:, index].copy())
        return numbers

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scaled mid-ranks; a uniform variable has standard deviation 1 / sqrt(12)."""
        if len(self.knots) == 1:
            return np.zeros(len(values))
        return (np.interp(values, self.knots, self.ranks) - 0.5) * np.sqrt(12.0)


SCALES = {"standard": StandardScale, "quantile": QuantileScale}
