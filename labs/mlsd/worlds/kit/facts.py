"""Stylised facts: what a world does, beside the published value that it imitates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

RANKS_FITTED = 300


@dataclass(frozen=True)
class Fact:
    """One row of a behaviour card.

    Attributes
    ----------
    name : str
    measure : callable
        From a world's logs and their hidden truth to the measured value, as text.
    published : str
        The value that is imitated, or what is known of it.
    source : str
    """

    name: str
    measure: Callable[[Any, pd.DataFrame], str]
    published: str
    source: str


def zipf_exponent(counts: np.ndarray, ranks: int = RANKS_FITTED) -> float:
    """Return minus the slope of log count over log rank, over the first `ranks` ranks.

    Examples
    --------
    >>> round(zipf_exponent(1000 / np.arange(1, 11)), 6)
    1.0
    """
    top = np.sort(counts)[::-1][:ranks].astype(float)
    return float(-np.polyfit(np.log(np.arange(1, len(top) + 1)), np.log(top), 1)[0])
