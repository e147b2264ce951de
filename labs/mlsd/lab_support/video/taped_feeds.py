"""Feeds that keep what they were told, so that likes and surveys of a deployment can be counted.

The world's own measures hold no likes and no stars. A company counts them from its events, and so
does this: a feed is handed every event once, writes it down, and the tape outlives the copy that
was deployed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd

from mlsd.experiments import paired_ratio_lift, ratio_lift
from mlsd.metrics import Interval
from mlsd.runtime.times import DAY
from mlsd.worlds.base import HISTORY_DAYS, Policy, Report
from mlsd.worlds.logs import Tables
from mlsd.worlds.video import FeedRequests, Slates, VideoWorld

# Numerator and denominator of what is read from the sums of viewers.
RATIOS = {
    "watch_hours": ("watch_seconds", "sessions"),
    "session_slates": ("slates", "sessions"),
    "clicks": ("clicks", "sessions"),
    "satisfaction": ("satisfaction", "clicks"),
    "return_1": ("returns", "visitor_days"),
    "return_28": ("returns_28", "settled_days"),
    "likes": ("likes", "clicks"),
    "completions": ("completions", "clicks"),
    "refusals": ("not_interested", "clicks"),
    "stars": ("stars", "answers"),
}


class Tape:
    """What a deployed feed was told, in order; a copy of the feed writes on the same tape."""

    def __init__(self) -> None:
        self.events: list[Tables] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class TapedFeed:
    """A feed as it is, whose events are kept.

    Parameters
    ----------
    policy : Policy

    Attributes
    ----------
    tape : Tape
        Fresh; give every deployment a taped feed of its own.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.tape = Tape()

    def act(self, requests: FeedRequests) -> Slates:
        """Return what the feed shows."""
        return self.policy.act(requests)

    def observe(self, events: Tables) -> None:
        """Keep the events and hand them on."""
        self.tape.events.append(events)
        self.policy.observe(events)


def deployed_sums(world: VideoWorld, policy: Policy, days: int) -> pd.DataFrame:
    """Return `viewer_sums` of a feed that is deployed for so many days in its own twin world."""
    feed = TapedFeed(policy)
    return viewer_sums(world.deploy(feed, days=days), feed.tape)


def viewer_sums(report: Report, tape: Tape) -> pd.DataFrame:
    """Return the sums of each viewer of a deployment or an arm, with what the tape holds of them.

    Parameters
    ----------
    report : Report
        Of one feed, or of one arm of an A/B test: its viewers are those with a request.
    tape : Tape
        Of a feed that saw the events of these viewers; in an A/B test both do.

    Returns
    -------
    DataFrame
        Indexed by viewer: the report's own columns, and `likes`, `completions`, `stars` (the sum
        of the answers to the survey) and `answers`, of views after the history.
    """
    impressions = _after_history(tape, "impressions", "ts").groupby("user_id")
    surveys = _after_history(tape, "surveys", "view_ts").groupby("user_id")
    counted = {
        "likes": impressions["like"].sum(),
        "completions": impressions["completed"].sum(),
        "stars": surveys["stars"].sum(),
        "answers": surveys["stars"].size(),
    }
    found = pd.DataFrame(counted).reindex(report.by_unit.index)
    return report.by_unit.join(found.fillna(0.0))


def twin_changes(control: pd.DataFrame, treatment: pd.DataFrame, *measures: str) -> pd.DataFrame:
    """Return the changes in percent between two deployments, paired by viewer.

    Parameters
    ----------
    control, treatment : DataFrame
        As `viewer_sums` returns them, of the same world.
    *measures : str
        Of `RATIOS`; all of them where none is named.

    Returns
    -------
    DataFrame
        One row per measure; columns `estimate`, `low` and `high`, the 95 % interval.
    """
    viewers = control.index.union(treatment.index)
    pair = [sums.reindex(viewers, fill_value=0.0) for sums in (control, treatment)]
    return _changes(paired_ratio_lift, *pair, measures)


def arm_changes(
    control: pd.DataFrame, treatment: pd.DataFrame, *measures: str, level: float = 0.95
) -> pd.DataFrame:
    """Return the changes in percent between the arms of a test, whose viewers are others.

    Parameters
    ----------
    control, treatment, *measures
        As for `twin_changes`; `return_28` is not known by the end of a short test.
    level : float
        Nominal coverage of the interval.

    Returns
    -------
    DataFrame
        As `twin_changes`.
    """
    return _changes(partial(ratio_lift, level=level), control, treatment, measures)


def _changes(
    lift: Callable[..., Interval],
    control: pd.DataFrame,
    treatment: pd.DataFrame,
    measures: tuple[str, ...],
) -> pd.DataFrame:
    found = {}
    for name in measures or RATIOS:
        above, below = RATIOS[name]
        pair = ((sums[above], sums[below]) for sums in (control, treatment))
        found[name] = vars(lift(*pair))
    return 100 * pd.DataFrame.from_dict(found, orient="index")


def _after_history(tape: Tape, table: str, moment: str) -> pd.DataFrame:
    """Return the rows of a table about views since the feed was deployed."""
    columns = {"impressions": ["user_id", "like", "completed"], "surveys": ["user_id", "stars"]}
    parts = [
        pd.DataFrame({name: np.asarray(events[table][name]) for name in [moment, *columns[table]]})
        for events in tape.events
    ]
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows[moment] >= HISTORY_DAYS * DAY]
