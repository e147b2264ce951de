"""What the decisions of the video case earned, as text, from the ledger and the studies."""

from __future__ import annotations

import pandas as pd

from mlsd.experiments import load_ledger, load_study


def rung_hours(rung: str) -> str:
    """Return what a rung of the ladder earned in watch hours against today's feed, in percent.

    Examples
    --------
    >>> rung_hours("decayed_popularity").startswith("+")
    True
    """
    row = load_ledger("video").set_index("rung").loc[rung]
    return _interval(row[[f"online_watch_hours_change{end}" for end in ("", "_low", "_high")]])


def ranker_hours(kind: str, name: str, *, seed: int = 13) -> str:
    """Return what a ranker of the study `42_rankers` earned against EASE alone, in percent."""
    table = load_study("video/42_rankers")
    chosen = (table["seed"] == seed) & (table["kind"] == kind) & (table["name"] == name)
    names = [f"watch_hours_{end}" for end in ("change", "low", "high")]
    return _interval(table.loc[chosen, names].iloc[0])


def study_hours(name: str, rows: str) -> str:
    """Return the range over worlds of a change of watch hours, in percent.

    Parameters
    ----------
    name : str
        Study of the case, whose changes stand in `watch_hours`, `watch_hours_change` or `estimate`.
    rows : str
        The rows that count, as `DataFrame.query` takes them.
    """
    chosen = load_study(f"video/{name}").query(rows)
    columns = ("watch_hours", "watch_hours_change", "estimate")
    return span(chosen[next(column for column in columns if column in chosen)])


def serving_cores(loads_per_day: float, *, peak: float) -> str:
    """Return how many cores serve a peak of some times the mean load, as text.

    The CPU time of one load is the mean of the study `60_stage_times`, in milliseconds.
    """
    stages = load_study("video/60_stage_times").drop(columns=["seed", "candidates"])
    cores = peak * loads_per_day / 86_400 * stages.sum(axis=1).mean() / 1e3
    return f"{cores:.0f} cores at a peak of {peak:g} x the mean"


def span(changes: pd.Series) -> str:
    """Return the least and the largest of some changes as text.

    Examples
    --------
    >>> span(pd.Series([1.0, -2.6]))
    '-2.6 to +1.0'
    """
    return f"{changes.min():+.1f} to {changes.max():+.1f}"


def _interval(values: pd.Series) -> str:
    return "{:+.0f} [{:+.0f}, {:+.0f}]".format(*values)
