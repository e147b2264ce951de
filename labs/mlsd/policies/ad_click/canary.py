"""The canary of an ad market, which watches clicks and money."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlsd.policies.canary import CanaryPolicy
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import Policy
from mlsd.worlds.logs import Tables


class AdCanaryPolicy(CanaryPolicy[Actions]):
    """A canary that is taken back when clicks or revenue per impression are clearly behind.

    Parameters
    ----------
    control, treatment, **options
        As for `CanaryPolicy`; clicks are billed, so that an impression's revenue is its price if it
        was clicked.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies.ad_click import ScorerPolicy
    >>> policy = ScorerPolicy(GlobalRate().fit({"ad_id": [1, 2]}, [0, 1]))
    >>> list(AdCanaryPolicy(policy, policy, share=5).outcomes)
    ['click', 'revenue']
    """

    def __init__(self, control: Policy, treatment: Policy, **options: Any) -> None:
        watched = {"outcomes": {"click": 1, "revenue": 1}}
        super().__init__(control, treatment, **watched | options)

    def watched(self, events: Tables) -> pd.DataFrame:
        """Return the impressions with their revenue."""
        rows = super().watched(events)
        return rows.assign(revenue=rows["price"] * rows["click"])
