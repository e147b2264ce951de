"""Deploy a scorer of clicks: predict every candidate, let the auction do the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.features.lookup import FeatureLookup
from mlsd.models.base import OnlineScorer, Scorer
from mlsd.policies.online import OnlineModelPolicy
from mlsd.policies.scoring import ModelPolicy
from mlsd.runtime import InputError
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests


class RankedByBid:
    """Decides by predicted click-through rate and bid; the rule is `rank_by`.

    Attributes
    ----------
    rank_by : str
        ``"market"``: the world's own rule for its billing. ``"bid"``: the bid alone.
        ``"expected_value"``: bid times predicted click-through rate, whatever is billed.
    """

    rank_by: str

    def decide(self, requests: CandidateRequests, probability: np.ndarray) -> Actions:
        """Return predictions, and scores to rank by where the rule is not the market's.

        Raises
        ------
        InputError
            For an unknown rule.
        """
        return Actions(probability, rank_score=self._rank_score(requests, probability))

    def _rank_score(self, requests: CandidateRequests, predicted: np.ndarray) -> np.ndarray | None:
        if self.rank_by == "market":
            return None
        if self.rank_by == "bid":
            return requests.candidates["bid"]
        if self.rank_by == "expected_value":
            return requests.candidates["bid"] * predicted
        raise InputError(f"rank_by is {self.rank_by!r}; choose market, bid or expected_value")


class ScorerPolicy(RankedByBid, ModelPolicy[Actions]):
    """Ranks candidates by bid times the predicted click-through rate of a scorer.

    Parameters
    ----------
    scorer : Scorer
        Already fitted; deployment does not refit it.
    counters, histories : FeatureLookup or None
        Looked up for each candidate before the scorer is asked, and updated from the impressions
        that the world hands back.
    rank_by : str
        ``"market"``, ``"bid"`` or ``"expected_value"``: see `RankedByBid`.

    Raises
    ------
    InputError
        For another `rank_by`, when the policy acts.

    Notes
    -----
    Position is an effect of the slot, not of the ad, so every candidate is scored as if it stood
    in the top slot.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> one = np.ones((1, 2), int)
    >>> ads = {"ad_id": one, "bid": 2.0 * one}
    >>> requests = CandidateRequests(np.zeros(1), np.zeros(1, int), {}, ads, slots=1)
    >>> ScorerPolicy(GlobalRate().fit({"ad_id": [1, 2]}, [0, 1])).act(requests).predicted_ctr
    array([[0.5, 0.5]])
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        counters: FeatureLookup | None = None,
        histories: FeatureLookup | None = None,
        rank_by: str = "market",
    ) -> None:
        super().__init__(scorer, counters=counters, histories=histories, table="impressions")
        self.rank_by = rank_by


class OnlineScorerPolicy(RankedByBid, OnlineModelPolicy[Actions]):
    """Ranks candidates like `ScorerPolicy`, and learns from its clicks while it is deployed.

    Parameters
    ----------
    scorer : OnlineScorer, or Scorer with ``refit="nightly"``
        Already fitted; its column of labels is `click`.
    refit : str or None
        None: `partial_fit` on impressions as they become known. ``"nightly"``: at each midnight a
        copy is fitted from scratch on the trailing window.
    history : DataFrame or None
        Impressions known before the deployment, with `known_at` and `click`.
    window_days : float
        Length of the trailing window.
    rank_by : str
        As for `ScorerPolicy`.

    Raises
    ------
    InputError
        For another `refit`, a window that is not positive, or a scorer that cannot learn online.

    Notes
    -----
    `OnlineModelPolicy` says what is learned, and when.

    Examples
    --------
    >>> from mlsd.models import FTRLProximal
    >>> log = pd.DataFrame({"ad_id": [1, 2] * 50, "click": [1, 0] * 50})
    >>> model = FTRLProximal(categorical=("ad_id",), bits=8).fit(log, log["click"])
    >>> policy = OnlineScorerPolicy(model)
    >>> policy.observe({"impressions": log.assign(known_at=np.arange(100.0))})
    >>> policy.learn(49.0), policy.learn(200.0)
    (50, 50)
    """

    def __init__(
        self,
        scorer: OnlineScorer | Scorer,
        *,
        refit: str | None = None,
        history: pd.DataFrame | None = None,
        window_days: float = 14.0,
        rank_by: str = "market",
    ) -> None:
        super().__init__(scorer, refit=refit, history=history, window_days=window_days)
        self.rank_by = rank_by
