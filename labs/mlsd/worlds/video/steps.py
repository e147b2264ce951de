"""What stretches of a feed leave behind: hours of slates, and nights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.kit.simulator import Part
from mlsd.worlds.video.records import UNWANTED_SATISFACTION, StepRecord


@dataclass(frozen=True)
class HourStep:
    """What the sessions that began in an hour left behind: records and event tables."""

    records: list[StepRecord]
    tables: dict[str, Columns]

    def parts(self) -> Iterator[Part]:
        """Yield what is measured: slates and what came of them."""
        for record in self.records:
            batch = record.batch
            seconds = record.seconds.sum(axis=1)
            happy = np.where(record.viewed, record.reaction.satisfaction, 0)
            happy = happy + UNWANTED_SATISFACTION * record.autoplay
            for name, amount in (
                ("slates", np.ones(len(batch), np.int64)),
                ("sessions", np.full(len(batch), batch.step == 0)),
                ("clicks", record.started.sum(axis=1)),
                ("watch_seconds", seconds),
                ("satisfaction", happy.sum(axis=1)),
                ("not_interested", record.hidden.sum(axis=1)),
            ):
                yield Part(name, batch.user, batch.began, amount)


@dataclass(frozen=True)
class NightStep:
    """What a day came to: who was here, and who will be again."""

    tables: dict[str, Columns]
    user: np.ndarray
    ts: np.ndarray
    returned: np.ndarray
    later: np.ndarray

    @property
    def records(self) -> list[StepRecord]:
        """No slates at night."""
        return []

    def parts(self) -> Iterator[Part]:
        """Yield who came, who comes the next day, and who is expected in 28 days."""
        tomorrow, month = self.ts + DAY, self.ts + 28 * DAY
        here = np.ones(len(self.user), np.int64)
        yield Part("visitor_days", self.user, self.ts, here, tomorrow)
        yield Part("returns", self.user, self.ts, self.returned, tomorrow)
        yield Part("settled_days", self.user, self.ts, here, month)
        yield Part("returns_28", self.user, self.ts, self.later, month)
