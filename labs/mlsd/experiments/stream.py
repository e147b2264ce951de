"""What a learner that runs beside a stream of late labels may learn, and when."""

from __future__ import annotations

import numpy as np


def rows_to_learn(known_at: np.ndarray, learned: np.ndarray, now: float) -> np.ndarray:
    """Return which rows to learn at `now`: their label has settled, and they are not learned yet.

    Parameters
    ----------
    known_at : array of float, shape (n,)
        When the label of each row was known for certain, in seconds; in any order.
    learned : array of bool, shape (n,)
        Whether a row has been learned before.
    now : float
        A label is used only if it was known strictly before, as a feature is.

    Returns
    -------
    array of bool, shape (n,)

    Examples
    --------
    >>> known_at, learned = np.array([40.0, 90.0, 60.0]), np.array([True, False, False])
    >>> rows_to_learn(known_at, learned, now=90.0)
    array([False, False,  True])
    """
    return (np.asarray(known_at) < now) & ~np.asarray(learned, bool)
