"""Deploy a scorer that goes on learning from what became of its own decisions."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd

from mlsd.models.base import OnlineScorer, Scorer
from mlsd.policies.scoring import ActionsType, ModelPolicy
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Requests
from mlsd.worlds.logs import Tables, table_of

_SCHEDULES = (None, "nightly")


class OnlineModelPolicy(ModelPolicy[ActionsType]):
    """Serves a scorer like `ModelPolicy`, and learns while it is deployed.

    Parameters
    ----------
    scorer : OnlineScorer, or Scorer with ``refit="nightly"``
        Already fitted.
    refit : str or None
        None: `partial_fit` on labelled rows as they become known, in that order. ``"nightly"``: at
        each midnight a copy is fitted from scratch on the trailing window, and serves until the
        next.
    history : DataFrame or None
        Labelled rows known before the deployment, with `known_at`: where the trailing window
        begins. Read with ``refit="nightly"`` only.
    window_days : float
        Length of the trailing window.
    table, label : str
        Event table of labelled rows, and the column of their labels.

    Raises
    ------
    InputError
        For another `refit`, a window that is not positive, or a scorer that cannot learn online.

    Notes
    -----
    What is handed over is kept, and learned when the next requests come, and only rows whose
    `known_at` is not later than the first of these: no label serves a decision made before it was
    known, whoever hands the events over. A window whose labels are all the same leaves the scorer
    as it was.
    """

    def __init__(
        self,
        scorer: OnlineScorer | Scorer,
        *,
        refit: str | None = None,
        history: pd.DataFrame | None = None,
        window_days: float = 14.0,
        table: str = "impressions",
        label: str = "click",
    ) -> None:
        super().__init__(scorer, table=table)
        if refit not in _SCHEDULES:
            raise InputError(f"refit is {refit!r}; choose None or 'nightly'")
        if not window_days > 0:
            raise InputError(f"window_days is {window_days!r}; give a number above 0")
        if refit is None and not isinstance(scorer, OnlineScorer):
            name = type(scorer).__name__
            raise InputError(f"{name} has no partial_fit; give an online scorer or refit='nightly'")
        self.refit = refit
        self.window_days = window_days
        self.label = label
        self._known = [] if history is None or refit is None else [history]
        self._waiting: list[pd.DataFrame] = []
        self._day: float | None = None

    def act(self, requests: Requests) -> ActionsType:
        """Learn what is known by the first request, then score and decide."""
        self.learn(float(requests.ts[0]))
        return super().act(requests)

    def observe(self, events: Tables) -> None:
        """Keep newly known rows until they may be learned."""
        if len(rows := table_of(events, self.table)):
            self._waiting.append(rows)

    def learn(self, now: float) -> int:
        """Learn from what is known by `now`, seconds since the origin; return the rows learned.

        With ``refit="nightly"`` that is the whole window at the first call after a midnight, and
        nothing at other times; the day of the first call has had its fit.
        """
        if self.refit is None:
            return self._update(self._take_known(now))
        day, before = now // DAY, self._day
        self._day = day
        return 0 if before is None or day == before else self._refit(day * DAY)

    def _update(self, rows: pd.DataFrame | None) -> int:
        if rows is None:
            return 0
        self.scorer.partial_fit(rows, rows[self.label].to_numpy())
        return len(rows)

    def _refit(self, midnight: float) -> int:
        rows = self._take_known(midnight)
        self._known += [] if rows is None else [rows]
        if not self._known:
            return 0
        window = pd.concat(self._known, ignore_index=True)
        window = window[window["known_at"] > midnight - self.window_days * DAY]
        self._known = [window]
        if window[self.label].nunique() < 2:
            return 0
        self.scorer = copy.deepcopy(self.scorer).fit(window, window[self.label].to_numpy())
        return len(window)

    def _take_known(self, now: float) -> pd.DataFrame | None:
        """Take out the waiting rows known by `now`, in the order in which they became known."""
        if not self._waiting:
            return None
        rows = pd.concat(self._waiting, ignore_index=True)
        rows = rows.sort_values("known_at", kind="stable", ignore_index=True)
        cut = int(np.searchsorted(rows["known_at"], now, side="right"))
        self._waiting = [rows.iloc[cut:]] if cut < len(rows) else []
        return rows.iloc[:cut] if cut else None
