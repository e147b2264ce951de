"""From row counts, times or a seed to the three parts of a log.

Every function returns the order in which the rows of the log stand and the :class:`Split` of the
ordered rows, so that a caller writes ``frame.iloc[order]`` and keeps the split as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlsd.data.log import Split
from mlsd.runtime import InputError

PARTS = ("train", "validation", "test")
GIVEN = "given as three tables"


def check_shares(parts: Sequence[float], where: str = "parts") -> tuple[float, float, float]:
    """Return the shares of training, validation and test as three floats.

    Raises
    ------
    InputError
        When there are not three positive finite numbers that sum to 1 (within 1e-6).

    Examples
    --------
    >>> check_shares([0.8, 0.1, 0.1])
    (0.8, 0.1, 0.1)
    """
    numbers = [part for part in parts if type(part) in (int, float) and np.isfinite(part)]
    if len(numbers) != 3 or len(parts) != 3:
        raise InputError(f"{where} is {list(parts)}; give three numbers, as in [0.8, 0.1, 0.1]")
    if min(numbers) <= 0:
        raise InputError(f"{where} is {list(parts)}; every share must be above 0")
    if abs(sum(numbers) - 1) > 1e-6:
        raise InputError(f"{where} sums to {sum(numbers):g}; the three shares must sum to 1")
    return tuple(map(float, numbers))


def _cut(rows: int, parts: Sequence[float]) -> np.ndarray:
    """Part number (0, 1, 2) of each of `rows` ordered rows."""
    bounds = np.rint(np.cumsum(check_shares(parts))[:2] * rows)
    return np.searchsorted(bounds, np.arange(rows), side="right").astype(np.int8)


def _split(part_of_row: np.ndarray, description: str) -> Split:
    positions = [np.flatnonzero(part_of_row == number) for number in range(3)]
    for name, rows in zip(PARTS, positions, strict=True):
        if rows.size == 0:
            raise InputError(
                f"the {name} part is empty ({part_of_row.size} rows, {description}); "
                f"give more rows{'' if description == GIVEN else ' or other shares'}"
            )
    return Split(*positions, description=description)


def _percent(parts: Sequence[float]) -> str:
    return "/".join(f"{100 * part:g}" for part in parts)


def time_split(
    times: np.ndarray, parts: Sequence[float] = (0.8, 0.1, 0.1)
) -> tuple[np.ndarray, Split]:
    """Sort by time and cut by share: the latest rows are the test part.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Seconds since an origin. Rows of equal time keep their order (stable sort).
    parts : three floats
        Shares of training, validation and test.

    Returns
    -------
    order : ndarray of int, shape (n,)
    split : Split
        Positions in the ordered rows.

    Raises
    ------
    InputError
        When a part would be empty or the shares are wrong.

    Examples
    --------
    >>> order, split = time_split(np.array([30, 10, 20, 10]), [0.5, 0.25, 0.25])
    >>> order.tolist(), split.test.tolist()
    ([1, 3, 2, 0], [3])
    """
    order = np.argsort(times, kind="stable")
    return order, _split(_cut(len(order), parts), f"by time {_percent(parts)}")


def shuffle_split(
    rows: int,
    parts: Sequence[float] = (0.8, 0.1, 0.1),
    *,
    seed: int,
    times: np.ndarray | None = None,
) -> tuple[np.ndarray, Split]:
    """Shuffle with a seed and cut by share.

    The permutation is ``numpy.random.default_rng(seed).permutation(rows)``. Without times the
    rows stand in shuffled order; with times they stand in time order and the parts are mixed.

    Raises
    ------
    InputError
        When a part would be empty or the shares are wrong.

    Examples
    --------
    >>> order, split = shuffle_split(10, [0.6, 0.2, 0.2], seed=0)
    >>> order.tolist(), split.validation.tolist()
    ([4, 6, 2, 7, 3, 5, 9, 0, 8, 1], [6, 7])
    """
    permutation = np.random.default_rng(seed).permutation(rows)
    description = f"shuffled with seed {seed}, {_percent(parts)}"
    if times is None:
        return permutation, _split(_cut(rows, parts), description)
    part_of_row = np.empty(rows, np.int8)
    part_of_row[permutation] = _cut(rows, parts)
    order = np.argsort(times, kind="stable")
    return order, _split(part_of_row[order], description)


def leave_last_split(
    users: np.ndarray, times: np.ndarray, *, seed: int | None = None
) -> tuple[np.ndarray, Split]:
    """Sort by time; each user's last row is for the test, the one before for validation.

    All rows of a user with fewer than three are for training, for a user of whom nothing was
    learned says little of a recommender.

    Parameters
    ----------
    users : ndarray, shape (n,)
        Who each row belongs to.
    times : ndarray, shape (n,)
        Seconds since an origin.
    seed : int or None
        Of the order in which rows of equal time are put; None keeps their own order, so that the
        row that stands further down counts as the later one.

    Raises
    ------
    InputError
        When no user has three rows.

    Examples
    --------
    >>> order, split = leave_last_split(np.array([7, 7, 8, 7]), np.array([30, 10, 5, 30]))
    >>> order.tolist(), split.validation.tolist(), split.test.tolist()
    ([2, 1, 0, 3], [2], [3])
    """
    rows = np.arange(len(times))
    ties = rows if seed is None else np.random.default_rng(seed).permutation(len(rows))
    order = np.lexsort((ties, times))
    _, codes = np.unique(users[order], return_inverse=True)
    size = np.bincount(codes)
    if not (size >= 3).any():
        raise InputError("no user has three interactions, as leaving the last out takes")
    by_user = np.argsort(codes, kind="stable")
    behind = np.empty(len(rows), np.int64)
    behind[by_user] = np.repeat(np.cumsum(size), size) - 1 - rows
    part = np.where(size[codes] >= 3, 2 - np.minimum(behind, 2), 0)
    told = "in the order of the file" if seed is None else f"shuffled with seed {seed}"
    return order, _split(part, f"each user's last by time, ties {told}")


def given_split(
    sizes: Mapping[str, int], *, times: np.ndarray | None = None
) -> tuple[np.ndarray, Split]:
    """Keep parts that came as separate tables, one after the other.

    Parameters
    ----------
    sizes : mapping
        Rows of ``train``, ``validation`` and ``test``.
    times : ndarray, shape (n,), or None
        Times of the concatenated rows; the log is then sorted by them (stable).

    Raises
    ------
    InputError
        When a part is empty.

    Examples
    --------
    >>> order, split = given_split({"train": 2, "validation": 1, "test": 1})
    >>> order.tolist(), split.train.tolist(), split.test.tolist()
    ([0, 1, 2, 3], [0, 1], [3])
    """
    part_of_row = np.repeat(np.arange(3, dtype=np.int8), [sizes[name] for name in PARTS])
    rows = part_of_row.size
    order = np.arange(rows) if times is None else np.argsort(times, kind="stable")
    return order, _split(part_of_row[order], GIVEN)
