"""The tracker lab's world, in which an event begins with the deployment, and its correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds, percent_of_baseline
from mlsd.metrics import Interval
from mlsd.models import FTRLProximal
from mlsd.models.base import Scorer
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests, Policy

HISTORY_DAYS, DEPLOYED_DAYS, MARKETS = 7, 1, 4
# The event begins with the deployment, and lasts. Ads differ so much within a category that what
# the frozen model knows of them is worth more than a day's click rates by category.
CONFIG = AdClickConfig(
    event_days=(HISTORY_DAYS, 60),
    event_sd=1.5,
    ad_quality_sd=1.6,
    categories=40,
    users=8_000,
    requests_per_day=12_000,
    base_logit=-3.7,
)
Learn = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
MakePolicy = Callable[[Scorer], Policy]


class FrozenScorer:
    """A fitted scorer that can do nothing but predict."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def predict_proba(self, X: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        return self._scorer.predict_proba(X)


class SegmentPolicy:
    """Multiplies a frozen scorer's prediction by the factor of the candidate's segment.

    Parameters
    ----------
    scorer : Scorer
    segment : str
        Column of small whole numbers that names the segment.
    learn : callable
        ``learn(state, clicks, expected) -> state``, called once an hour with what became known in
        it: arrays of shape (2, segments), (segments,) and (segments,). A segment's factor is
        ``state[0] / state[1]``.
    strength : float
        Both rows of the state begin here, so that the first factors are 1.
    segments : int
        More than the largest segment.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        segment: str,
        learn: Learn,
        strength: float,
        segments: int = 20_000,
    ) -> None:
        self.scorer, self.segment, self.learn = scorer, segment, learn
        self.state = np.full((2, segments), float(strength))

    def act(self, requests: CandidateRequests) -> Actions:
        """Return the corrected click-through rate of each candidate, shape (n, k)."""
        columns = requests.columns(position=0)
        segment = np.asarray(columns[self.segment], np.intp)
        factor = self.state[0, segment] / self.state[1, segment]
        predicted = self.scorer.predict_proba(columns)[:, 1] * factor
        shape = requests.candidates["ad_id"].shape
        return Actions(predicted_ctr=np.clip(predicted, 0, 1).reshape(shape))

    def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
        """Learn from what became known: real clicks, and those that the scorer had expected."""
        rows = events["impressions"]
        if len(rows) == 0:
            return
        segment, count = rows[self.segment].to_numpy(np.intp), self.state.shape[1]
        clicks = np.bincount(segment, rows["click"], minlength=count)
        expected = np.bincount(segment, self.scorer.predict_proba(rows)[:, 1], minlength=count)
        self.state = np.asarray(self.learn(self.state.copy(), clicks, expected), float)


def baseline_policy(scorer: Scorer) -> Policy:
    """Return the policy that deploys the scorer as it is."""
    return ScorerPolicy(scorer)


@lru_cache(maxsize=MARKETS + 1)
def frozen_model(seed: int) -> tuple[AdClickWorld, FrozenScorer]:
    """Return the world of a seed, and the chapter's model trained on the week before the event."""
    world = AdClickWorld(seed=seed, config=CONFIG)
    log = world.history(days=HISTORY_DAYS).labelled_log()
    columns = tuple(name for name in log.roles.identifiers if name != "weekday")
    model = FTRLProximal(categorical=columns, numeric=log.roles.numeric, alpha=0.3, l2=1.0)
    return world, FrozenScorer(model.fit(log.frame, log.frame["click"]))


def morning_log(seed: int) -> pd.DataFrame:
    """Return the log of the event day until noon, with what the frozen model expects.

    Parameters
    ----------
    seed : int
        Of the world.

    Returns
    -------
    DataFrame
        One row per impression: `click`, `expected` (the probability that the frozen model predicts)
        and the columns of the log.

    Examples
    --------
    >>> rows = morning_log(33)
    >>> bool(rows["ts"].max() < (HISTORY_DAYS + 0.5) * 86_400), "category" in rows
    (True, True)
    """
    world, scorer = frozen_model(seed)
    log = world.history(days=HISTORY_DAYS + 1).labelled_log().frame
    start = HISTORY_DAYS * DAY
    rows = log[(log["ts"] >= start) & (log["ts"] < start + DAY / 2)]
    rows = rows.assign(expected=scorer.predict_proba(rows)[:, 1])
    return rows.reset_index(drop=True)


def deployed_revenue(seed: int, make_policy: MakePolicy) -> float | Interval:
    """Return what a policy earns on the day of the event, in percent of the frozen model's revenue.

    The mean of four markets, with the interval of that mean: in a single one, factors that read no
    click may gain a percent, and those of a day's clicks lose it.

    Parameters
    ----------
    seed : int
        Of the markets; see `market_seeds`.
    make_policy : callable
        From the frozen scorer to a policy.
    """
    if make_policy is baseline_policy:
        return 100.0
    shares = []
    for market in market_seeds(seed, MARKETS):
        world, scorer = frozen_model(market)
        pair = baseline_policy(scorer), make_policy(scorer)
        days = {"days": DEPLOYED_DAYS, "history_days": HISTORY_DAYS}
        shares.append(percent_of_baseline(world, *pair, **days))
    mean = float(np.mean([share.estimate for share in shares]))
    widths = [share.high - share.low for share in shares]
    error = float(np.linalg.norm(widths)) / 2 / MARKETS
    return Interval(mean, mean - error, mean + error)
