"""What a deployed policy saw, kept outside of it for the monitors."""

from __future__ import annotations

import copy
from typing import Any, Generic, Self, TypeVar

import pandas as pd

from mlsd.worlds.base import Policy, Requests
from mlsd.worlds.logs import Tables, table_of

ActionsType = TypeVar("ActionsType")


class RecordedPolicy(Generic[ActionsType]):
    """A policy of any world, and a record of the labelled rows that it brought about.

    A world deploys a copy of a policy. The record is shared by all copies, as a log service is
    shared by all servers: after the deployment the caller's object has it.

    Parameters
    ----------
    policy : Policy
    table : str
        Event table that is recorded; impressions in an ad market.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies.ad_click import ScorerPolicy
    >>> from mlsd.worlds import AdClickWorld
    >>> world = AdClickWorld(seed=1, size="small")
    >>> rate = GlobalRate().fit({"ad_id": [1, 2]}, [0, 1])
    >>> recorded = RecordedPolicy(ScorerPolicy(rate))
    >>> report = world.deploy(recorded, days=1, history_days=1)
    >>> bool(recorded.rows()["ts"].min() >= 0)
    True
    """

    def __init__(self, policy: Policy, table: str = "impressions") -> None:
        self.policy = policy
        self.table = table
        self._parts: list[pd.DataFrame] = []

    def act(self, requests: Requests) -> ActionsType:
        """Return what the policy decides."""
        return self.policy.act(requests)

    def observe(self, events: Tables) -> None:
        """Hand the events on, and keep the rows of the table among them."""
        self.policy.observe(events)
        if len(rows := table_of(events, self.table)):
            self._parts.append(rows)

    def rows(self) -> pd.DataFrame:
        """Return the rows that have become known, in time order.

        An ad market's impressions hold the features as served, the policy's own prediction and the
        click.
        """
        if not self._parts:
            return pd.DataFrame()
        return pd.concat(self._parts, ignore_index=True).sort_values("ts", ignore_index=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the policy; share the record."""
        other = type(self)(copy.deepcopy(self.policy, memo), self.table)
        other._parts = self._parts
        return other
