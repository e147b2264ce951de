"""Counters and histories of a log, computed when a rung first asks for them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.features import ClickHistories, CounterFeatures

HISTORY_LENGTH = 10


class LogFeatures:
    """Counters and histories that suit a log, each made when it is first asked for, and kept.

    Parameters
    ----------
    log : LabelledLog
    """

    def __init__(self, log: LabelledLog) -> None:
        self.log = log

    @cached_property
    def counters(self) -> CounterFeatures:
        """The counters' definition."""
        return CounterFeatures.for_log(self.log)

    @cached_property
    def counter_table(self) -> pd.DataFrame:
        """The counter columns of each row, float32."""
        return self.counters.compute(self.log)

    @cached_property
    def histories(self) -> ClickHistories:
        """The histories' definition."""
        taken = self.counters.names
        return ClickHistories.for_log(self.log, length=HISTORY_LENGTH, taken=taken)

    @cached_property
    def history_tables(self) -> dict[str, np.ndarray]:
        """What each user chose before each row, by name, shape (n, length) each."""
        return self.histories.compute(self.log)
