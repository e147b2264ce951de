"""The split that a spec asks for, made of the rows that were read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlsd.data.log import Split
from mlsd.data.spec import LogSpec
from mlsd.data.splits import given_split, leave_last_split, shuffle_split, time_split
from mlsd.runtime import InputError


def split_rows(
    spec: LogSpec,
    rows: int,
    *,
    sizes: Mapping[str, int],
    times: np.ndarray | None = None,
    users: np.ndarray | None = None,
) -> tuple[np.ndarray, Split]:
    """Return the order of the rows and their split.

    Parameters
    ----------
    spec : LogSpec
        Says the kind, and names the log in messages.
    rows : int
        How many there are.
    sizes : mapping
        Rows of each part, where the split is given.
    times, users : ndarray, shape (rows,), or None

    Raises
    ------
    InputError
        When a part would be empty, or a split by time has one time only.
    """
    split = spec.split
    try:
        if split.kind == "given":
            return given_split(sizes, times=times)
        if split.kind == "shuffle":
            return shuffle_split(rows, split.parts, seed=split.seed, times=times)
        _check_span(spec, times)
        if split.kind == "time":
            return time_split(times, split.parts)
        return leave_last_split(users, times, seed=split.seed if split.ties == "random" else None)
    except InputError as error:
        raise InputError(f"{spec.name}: {error}") from None


def _check_span(spec: LogSpec, times: np.ndarray) -> None:
    if times.size and times.min() == times.max():
        raise InputError(
            f"column {spec.columns.time!r} has one time only, {times[0]:.15g}, by which no row "
            'comes after another; correct it, or choose kind = "shuffle" in [split]'
        )
