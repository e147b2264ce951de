"""A log that is made at once, on which an answer is tried before it is deployed."""

from __future__ import annotations

from typing import Any

from mlsd.data.log import LabelledLog
from mlsd.worlds import AdClickWorld


def small_log(days: int, **labelled: Any) -> LabelledLog:
    """Return the log of a small world.

    Parameters
    ----------
    days : int
    **labelled
        As for `labelled_log`, such as `split`.

    Examples
    --------
    >>> bool(small_log(days=1).frame["ts"].max() < 86_400)
    True
    """
    return AdClickWorld(seed=1, size="small").history(days=days).labelled_log(**labelled)
