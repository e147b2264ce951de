"""What the world keeps to itself about each impression, and how it is revealed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.runtime import InputError
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.video.behaviour import Behaviour
from mlsd.worlds.video.logs import VideoLogs
from mlsd.worlds.video.steps import HourStep, NightStep

KEY = "impression_id"


class Truth:
    """Hidden facts of every impression of a history.

    Parameters
    ----------
    behaviour : Behaviour
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._parts: list[Columns] = []
        self._table: pd.DataFrame | None = None

    def add(self, step: HourStep | NightStep) -> None:
        """Keep what a step knew."""
        autoplay = self.behaviour.config.autoplay_rate
        for record in step.records:
            items = record.slates.items
            slots = items.shape[1]
            number = record.batch.request_id[:, None] * slots + np.arange(slots)
            attraction = record.reaction.attraction
            looks = np.broadcast_to(self.behaviour.examination, items.shape)
            starts = looks * attraction
            starts[:, 0] += looks[:, 0] * (1 - attraction[:, 0]) * autoplay
            self._parts.append(
                {
                    KEY: number.ravel(),
                    "item_id": items.ravel().astype(np.int32),
                    "click_probability": starts.ravel().astype(np.float32),
                    "examination": looks.ravel().astype(np.float32),
                    "attraction": attraction.ravel().astype(np.float32),
                    "satisfaction": record.reaction.satisfaction.ravel().astype(np.float32),
                    "is_autoplay": record.autoplay.ravel(),
                }
            )

    def reveal(self, logs: VideoLogs) -> pd.DataFrame:
        """Return the truth of each row of ``logs.impressions``.

        Returns
        -------
        DataFrame
            `click_probability` of the impression as it was shown, autoplay included;
            `examination` of its slot, `attraction` (probability of a click given examination),
            `satisfaction` that a view brings, and `is_autoplay`.

        Raises
        ------
        InputError
            For logs of another world.
        """
        if self._table is None:
            columns = {name: [part[name] for part in self._parts] for name in self._parts[0]}
            joined = {name: np.concatenate(parts) for name, parts in columns.items()}
            self._table, self._parts = pd.DataFrame(joined).set_index(KEY), []
        impressions = logs.impressions
        found = self._table.reindex(impressions[KEY].to_numpy())
        own = found["item_id"].to_numpy() == impressions["item_id"].to_numpy()
        if not own.all():
            raise InputError("reveal: these logs are not of this world's history; use its own")
        return found.drop(columns="item_id").reset_index(drop=True)
