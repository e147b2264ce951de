"""Each user's last clicks as of every row, in batch; `history_serving` holds the streaming twin."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from mlsd.data.log import ColumnRoles, LabelledLog, Split
from mlsd.features.counter_rates import free_stems
from mlsd.features.entities import entity_codes, take_column
from mlsd.features.history_serving import (
    ServingHistories,
    blank_like,
    clicked_values,
    overlay_newest,
)
from mlsd.features.log_moments import LogMoments, Refresh
from mlsd.features.timeline import EntityTimeline
from mlsd.runtime import InputError

LENGTH = 20
PAD = -1


class ClickHistories:
    """What each user clicked last, known before each row.

    A training row sees the clicks of training rows that became known (`known_at`) strictly before
    its own time, or before the last midnight. Validation and test rows all see one frozen state:
    the training clicks known at the time of the last training row. So validation labels enter
    nothing, and no test label does. These are the rules of `CounterFeatures`.

    Parameters
    ----------
    columns : iterable of str
        What is remembered of a clicked row, such as ad and category.
    length : int
        Number of clicks.
    refresh : str
        ``"row"`` or ``"nightly"``.
    pad : int
        Stands where a user has fewer clicks, in integer columns; floats have NaN there, all else
        None.
    taken : iterable of str
        Names that no output may get, such as those of the log's own columns.

    Attributes
    ----------
    names : tuple of str
        Of the outputs, ``clicked_<column>``, and a number where that is taken.

    Notes
    -----
    Newest first: the click known last comes first; of those known at the same moment, the one
    further down the log. All columns speak of the same click at the same place. Cost is a sort of
    the clicks and a search for each row; no loop goes over users or rows.

    Examples
    --------
    >>> frame = pd.DataFrame({"user_id": [1] * 4, "ad_id": [5, 6, 7, 8], "ts": [0, 60, 120, 180],
    ...                       "click": [1, 1, 0, 0]})
    >>> split = Split(np.arange(3), np.array([3]), np.zeros(0, int))
    >>> log = LabelledLog("tiny", frame, ColumnRoles("click", time="ts", user="user_id"), split)
    >>> ClickHistories(["ad_id"], length=2).compute(log)["clicked_ad_id"].tolist()
    [[-1, -1], [5, -1], [6, 5], [6, 5]]
    """

    def __init__(
        self,
        columns: Iterable[str],
        *,
        length: int = LENGTH,
        refresh: Refresh = "row",
        pad: int = PAD,
        taken: Iterable[str] = (),
    ) -> None:
        self.columns = tuple(dict.fromkeys(columns))
        self.length = length
        self.refresh = refresh
        self.pad = pad
        self.taken = tuple(taken)
        if refresh not in ("row", "nightly"):
            raise InputError(f"refresh is {refresh!r}; choose 'row' or 'nightly'")
        if length < 1 or not self.columns:
            raise InputError(f"length is {length}, columns are {self.columns}; give one or more")

    @classmethod
    def for_log(
        cls,
        log: LabelledLog,
        *,
        length: int = LENGTH,
        refresh: Refresh = "row",
        taken: Iterable[str] = (),
    ) -> Self:
        """Return histories that suit a log: of its items and of what they bring along.

        No name is that of a column of the log, or one of `taken`.

        Raises
        ------
        InputError
            If the log lacks a user, an item or a time.
        """
        if not log.roles.item:
            raise InputError(f"{log.name} has no item column; histories remember clicked items")
        _check_roles(log.roles, log.name)
        return cls(
            (log.roles.item, *item_attributes(log)),
            length=length,
            refresh=refresh,
            taken=(*map(str, log.frame.columns), *taken),
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs, in the order in which they come."""
        clicked = [("clicked", name) for name in self.columns]
        return tuple(free_stems(clicked, [""], self.taken).values())

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each output beside the column it remembers, as `DIN` takes them."""
        return tuple(zip(self.names, self.columns))

    def compute(self, log: LabelledLog) -> dict[str, np.ndarray]:
        """Return the histories by name, shape (rows of the log, length) each.

        Raises
        ------
        InputError
            If the log lacks a column, a user or a time, or a clicked value is the pad value.
        """
        _check_roles(log.roles, log.name)
        moments, train = LogMoments.of(log, self.refresh, (np.inf,)), log.split.train
        clicked = train[log.label[train] == 1]
        users = entity_codes(log.frame, (log.roles.user,))
        timeline = EntityTimeline(users[clicked], moments.arrival[clicked])
        first = timeline.locate(users, np.zeros(len(users), dtype=np.int64))
        last = timeline.locate(users, _ranks(timeline, moments))
        tables = {}
        for output, (name, blank) in zip(self.names, self._blanks(log).items()):
            values = clicked_values(log.frame, name, clicked, blank)[timeline.order]
            tables[output] = np.full((len(users), self.length), blank[0], blank.dtype)
            overlay_newest(tables[output], values, first, last)
        return tables

    def serving(self, log: LabelledLog, *, warm: bool = True) -> ServingHistories:
        """Return the streaming twin.

        Parameters
        ----------
        log : LabelledLog
            Names the columns and their types.
        warm : bool
            Whether the twin has already seen every row of the log, as in a deployment that begins
            where the log ends; else it has seen none.
        """
        _check_roles(log.roles, log.name)
        twin = ServingHistories(self, log.roles, self._blanks(log))
        if warm:
            twin.update(log.frame)
        return twin

    def _blanks(self, log: LabelledLog) -> dict[str, np.ndarray]:
        return {n: blank_like(take_column(log.frame, n), self.pad) for n in self.columns}


def click_histories(
    frame: pd.DataFrame, columns: Iterable[str], *, roles: ColumnRoles, length: int = LENGTH
) -> dict[str, np.ndarray]:
    """Return the last clicks of each row's user, known strictly before the row, newest first.

    Every row of the frame counts and looks back from its own time; for the parts of a split use
    `ClickHistories`.

    Parameters
    ----------
    frame : DataFrame, n rows
    columns : iterable of str
        What is remembered of a click.
    roles : ColumnRoles
        Names user, label, time and, where there is one, `known_at`.
    length : int

    Returns
    -------
    dict of str to ndarray, shape (n, length)
        By ``clicked_<column>``.

    Examples
    --------
    >>> frame = pd.DataFrame({"user": [1, 1], "ad": [5, 6], "ts": [0, 60], "click": [1, 0]})
    >>> click_histories(frame, ["ad"], roles=ColumnRoles("click", time="ts", user="user"), length=1)
    {'clicked_ad': array([[-1],
           [ 5]])}
    """
    rows, none = np.arange(len(frame)), np.zeros(0, dtype=np.int64)
    log = LabelledLog("frame", frame, roles, Split(rows, none, none))
    return ClickHistories(columns, length=length).compute(log)


def item_attributes(log: LabelledLog) -> tuple[str, ...]:
    """Return the categorical columns that have one value for each item of the training part.

    Examples
    --------
    >>> frame = pd.DataFrame({"ad": [1, 1, 2], "brand": [7, 7, 7], "hour": [3, 4, 3]})
    >>> split = Split(np.arange(3), np.zeros(0, int), np.zeros(0, int))
    >>> roles = ColumnRoles("click", item="ad", categorical=("brand", "hour"))
    >>> item_attributes(LabelledLog("tiny", frame, roles, split))
    ('brand',)
    """
    part = log.frame.iloc[log.split.train]
    item = log.roles.item
    items = part[item].nunique(dropna=False)
    names = [name for name in log.roles.categorical if name not in (item, log.roles.user)]
    return tuple(
        name for name in names if len(np.unique(entity_codes(part, (item, name)))) == items
    )


def _check_roles(roles: ColumnRoles, name: str) -> None:
    if not (roles.user and roles.time):
        raise InputError(f"{name} has no user or no time column; histories need both")


def _ranks(timeline: EntityTimeline, moments: LogMoments) -> np.ndarray:
    ranks = timeline.clock.rank(moments.as_of, "left")
    frozen = moments.frozen
    ranks[frozen] = timeline.clock.rank(moments.as_of[frozen], "right")
    return ranks
