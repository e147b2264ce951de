"""A shadow deployment: new policies decide on the live traffic, and none of it is served."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Generic, Self, TypeVar

import numpy as np
import pandas as pd

from mlsd.worlds.base import Policy, Requests
from mlsd.worlds.logs import Tables

ActionsType = TypeVar("ActionsType")
Describe = Callable[[Requests, Any, Any], Mapping[str, np.ndarray]]


class ShadowedPolicy(Generic[ActionsType]):
    """Serves one policy, and asks others what they would have decided on the same requests.

    The whole path of a shadow runs: it observes every event and acts on every request, with the
    look-ups and the ranking rule that it would be released with.

    Parameters
    ----------
    live : Policy
        Whose actions are served.
    shadows : mapping of str to Policy
        By the name of the release.
    describe : callable
        ``describe(requests, actions, live_actions) -> {column: array (n,)}``: what is kept of the
        decisions.

    Notes
    -----
    Copies share the record, as in `RecordedPolicy`. The events that shadows observe are those that
    the live policy brought about, which is what a shadow cannot get around.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies.ad_click import ScorerPolicy, describe_slate
    >>> from mlsd.worlds import AdClickWorld
    >>> rate = GlobalRate().fit({"ad_id": [1, 2]}, [0, 1])
    >>> live, other = ScorerPolicy(rate), ScorerPolicy(rate, rank_by="bid")
    >>> shadowed = ShadowedPolicy(live, {"by bid": other}, describe_slate)
    >>> report = AdClickWorld(1, size="small").deploy(shadowed, days=1, history_days=1)
    >>> float(shadowed.decisions().loc["by bid", "overlap"].mean())
    1.0
    """

    def __init__(self, live: Policy, shadows: Mapping[str, Policy], describe: Describe) -> None:
        self.live, self.shadows, self.describe = live, dict(shadows), describe
        self._parts: list[pd.DataFrame] = []

    def act(self, requests: Requests) -> ActionsType:
        """Return what the live policy decides, and record what each shadow would have done."""
        live = self.live.act(requests)
        for name, policy in self.shadows.items():
            kept = self.describe(requests, policy.act(requests), live)
            self._parts.append(pd.DataFrame({"release": name, "ts": requests.ts, **kept}))
        return live

    def observe(self, events: Tables) -> None:
        """Hand the events to the live policy and to every shadow."""
        for policy in (self.live, *self.shadows.values()):
            policy.observe(events)

    def decisions(self) -> pd.DataFrame:
        """Return one row per request and shadow, indexed by the name of the release."""
        if not self._parts:
            return pd.DataFrame()
        return pd.concat(self._parts, ignore_index=True).set_index("release")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the policies; share the record."""
        shadows = {name: copy.deepcopy(policy, memo) for name, policy in self.shadows.items()}
        other = type(self)(copy.deepcopy(self.live, memo), shadows, self.describe)
        other._parts = self._parts
        return other
