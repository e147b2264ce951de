"""What the event world keeps to itself about each impression, and how it is revealed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.runtime import InputError
from mlsd.worlds.event.logs import EventLogs
from mlsd.worlds.event.steps import HourStep, NightStep
from mlsd.worlds.kit.records import Columns

KEY = "impression_id"


class Truth:
    """Hidden facts of every impression of a history."""

    def __init__(self) -> None:
        self._parts: list[Columns] = []
        self._table: pd.DataFrame | None = None

    def add(self, step: HourStep | NightStep) -> None:
        """Keep what a step knew."""
        if step.truth:
            self._parts.append(step.truth)

    def reveal(self, logs: EventLogs) -> pd.DataFrame:
        """Return the truth of each row of ``logs.impressions``.

        Returns
        -------
        DataFrame
            `click_probability` of the impression as it was shown, `examination` of its slot,
            `attraction` (probability of a click given examination) and `match` of user and event.

        Raises
        ------
        InputError
            For logs of another world.
        """
        if self._table is None:
            names = self._parts[0]
            joined = {name: np.concatenate([part[name] for part in self._parts]) for name in names}
            self._table, self._parts = pd.DataFrame(joined).set_index(KEY), []
        impressions = logs.impressions
        found = self._table.reindex(impressions[KEY].to_numpy())
        own = found["event_id"].to_numpy() == impressions["event_id"].to_numpy()
        if not own.all():
            raise InputError("reveal: these logs are not of this world's history; use its own")
        found["click_probability"] = found["examination"] * found["attraction"]
        return found.drop(columns="event_id").reset_index(drop=True)
