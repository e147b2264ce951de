"""What the interest lab deploys: its market, its baseline, and policies that remember wrongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from mlsd.data.log import LabelledLog
from mlsd.features.histories import ClickHistories, click_histories
from mlsd.features.history_serving import ServingHistories
from mlsd.lab_support.deployed import market_seeds, revenue_lift
from mlsd.metrics import Interval
from mlsd.models import GlobalRate, HashedLogisticRegression
from mlsd.models.base import Scorer
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests, Policy

HISTORY_DAYS, DEPLOYED_DAYS, WORLDS = 4, 4, 6
# Few users who click often, each with strong tastes of his own that turn within days. Campaigns are
# almost equally popular, so that the noise of a few large ones does not decide what is earned.
CONFIG = AdClickConfig(
    users=2_000,
    requests_per_day=12_000,
    publishers=40,
    campaigns=400,
    live_ads=800,
    clusters=400,
    activity_sd=0.5,
    popularity_exponent=0.2,
    base_logit=-4.4,
    cluster_taste_sd=2.2,
    user_taste_sd=0.0,
    daypart_taste_sd=0.0,
    drift_per_day=0.35,
    budget_per_impression=0.5,
)
CONTEXT = (
    *("ad_id", "campaign_id", "category", "format", "publisher_id"),
    *("device", "hour", "age_band", "region", "position"),
)

Interest = Callable[[np.ndarray, np.ndarray], np.ndarray]
MakePolicy = Callable[[LabelledLog], Policy]


class InterestPolicy:
    """Looks up what the user clicked last, and gives the scorer one more column, ``interest``.

    Parameters
    ----------
    scorer : Scorer
        Fitted on the columns of the log and ``interest``.
    histories : ServingHistories
        Of the category; kept up to date from what the world hands back.
    interest : callable
        ``interest(past, candidate) -> (n,)``: from categories clicked, shape (n, length), newest
        first and -1 where there is none, and the candidates' categories, shape (n,).
    """

    def __init__(self, scorer: Scorer, histories: ServingHistories, interest: Interest) -> None:
        self.scorer, self.histories, self.interest = scorer, histories, interest

    def act(self, requests: CandidateRequests) -> Actions:
        """Return the predicted click-through rate of each candidate, shape (n, k)."""
        columns = requests.columns(position=0)
        shape = requests.candidates["ad_id"].shape
        past = self.histories.lookup(columns, np.repeat(requests.ts, shape[1]))
        found = self.interest(past["clicked_category"], np.asarray(columns["category"]))
        predicted = self.scorer.predict_proba(columns | {"interest": np.asarray(found)})[:, 1]
        return Actions(predicted_ctr=predicted.reshape(shape))

    def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
        """Remember the clicks that became known."""
        if len(events["impressions"]):
            self.histories.update(events["impressions"])


def plain_policy(log: LabelledLog) -> Policy:
    """Return the baseline: linear on the context and the ad, without a history."""
    rows = log.split.train
    linear = HashedLogisticRegression(categorical=CONTEXT, C=0.3)
    return ScorerPolicy(linear.fit(log.frame.iloc[rows], log.label[rows]))


class _Changed:
    """Serves what another policy predicts, changed by a function of requests and predictions."""

    def __init__(self, policy: Policy, change: Callable[..., np.ndarray]) -> None:
        self.policy, self.change = policy, change

    def act(self, requests: CandidateRequests) -> Actions:
        predicted = self.change(requests, self.policy.act(requests).predicted_ctr)
        return Actions(predicted_ctr=np.clip(predicted, 1e-6, 1 - 1e-6))

    def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
        self.policy.observe(events)


def multiplied_policy(log: LabelledLog) -> Policy:
    """Return a policy that serves the baseline's predictions times 1.1."""
    return _Changed(plain_policy(log), lambda requests, predicted: 1.1 * predicted)


def constant_policy(log: LabelledLog) -> Policy:
    """Return a policy that predicts one rate for all, so that the bid alone decides."""
    return ScorerPolicy(GlobalRate().fit(log.frame, log.label))


@lru_cache(maxsize=1)
def interest_world(seed: int) -> tuple[AdClickWorld, LabelledLog]:
    """Return a world in which tastes turn fast, and its labelled log."""
    world = AdClickWorld(seed=seed, config=CONFIG)
    return world, world.history(days=HISTORY_DAYS).labelled_log()


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return what a policy earns in six markets, in percent of what the baseline earns there.

    Parameters
    ----------
    seed : int
        Of the six markets together.
    make_policy : callable
        From the labelled log of four days to a policy, which is deployed for four more.

    Returns
    -------
    Interval
        The mean over the markets, and the 95 % interval of that mean by Student's t.
    """
    if make_policy is plain_policy:
        return Interval(100.0, 100.0, 100.0)
    earned = []
    for market in market_seeds(seed, WORLDS):
        world, log = interest_world(market)
        policies = plain_policy(log), make_policy(log)
        gain = revenue_lift(world, *policies, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)
        earned.append(100 * (1 + gain))
    half_width = stats.t.ppf(0.975, WORLDS - 1) * stats.sem(earned)
    mean = float(np.mean(earned))
    return Interval(mean, mean - half_width, mean + half_width)


_LENGTH = 10


def _matching(past: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    return np.log1p((past == candidate[:, None]).sum(axis=1))


def _past(log: LabelledLog, length: int = _LENGTH) -> np.ndarray:
    found = click_histories(log.frame, ["category"], roles=log.roles, length=length)
    return found["clicked_category"]


def _policy(
    log: LabelledLog, past: np.ndarray, learned: Interest, served: Interest, *, fresh: bool = True
) -> Policy:
    rows = log.split.train
    table = log.frame.assign(interest=learned(past, log.frame["category"].to_numpy()))
    linear = HashedLogisticRegression(categorical=CONTEXT, numeric=("interest",), C=0.3)
    linear.fit(table.iloc[rows], log.label[rows])
    histories = ClickHistories(["category"], length=past.shape[1]).serving(log)
    return InterestPolicy(linear, histories if fresh else _NeverUpdated(histories), served)


class _NeverUpdated:
    def __init__(self, histories: ServingHistories) -> None:
        self.lookup = histories.lookup

    def update(self, events: pd.DataFrame) -> None:
        pass


def share_policy(log: LabelledLog) -> Policy:
    """Return a policy that reads the share of matching clicks, whether of one click or of ten."""

    def share(past: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        matches = (past == candidate[:, None]).sum(axis=1)
        return matches / np.maximum((past >= 0).sum(axis=1), 1)

    return _policy(log, _past(log), share, share)


def stale_policy(log: LabelledLog) -> Policy:
    """Return a policy whose histories end where the log ended."""
    return _policy(log, _past(log), _matching, _matching, fresh=False)


def leaking_policy(log: LabelledLog, interest: Interest = _matching) -> Policy:
    """Return a policy trained on histories as of the log's end, whatever the row's time."""
    past = ClickHistories(["category"], length=_LENGTH).serving(log).lookup(log.frame)
    return _policy(log, past["clicked_category"], interest, interest)


def fading_leak_policy(log: LabelledLog) -> Policy:
    """Return a policy with the same leak that trusts newer clicks more, as a good one would.

    It earns almost as much as a right one, because few training rows are among the newest clicks.
    """

    def fading(past: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        weights = 0.5 ** np.arange(past.shape[1])
        return np.log1p(((past == candidate[:, None]) * weights).sum(axis=1))

    return leaking_policy(log, fading)


def untrained_policy(log: LabelledLog) -> Policy:
    """Return a policy that doubles the baseline's prediction for each match, learned from nothing.

    It earns as much as a right one where the doubling happens to suit the market.
    """
    histories = ClickHistories(["category"], length=_LENGTH).serving(log)

    class Remembering(_Changed):
        def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
            if len(events["impressions"]):
                histories.update(events["impressions"])

    def raised(requests: CandidateRequests, predicted: np.ndarray) -> np.ndarray:
        columns = requests.columns()
        past = histories.lookup(columns, np.repeat(requests.ts, requests.width))
        matches = (past["clicked_category"] == columns["category"][:, None]).sum(axis=1)
        return predicted * (1 + matches.reshape(predicted.shape))

    return Remembering(plain_policy(log), raised)


def own_click_policy(log: LabelledLog) -> Policy:
    """Return a policy trained on histories in which a row finds its own click."""
    rows = log.frame.assign(known_at=log.frame["ts"] - 1e-3)
    found = click_histories(rows, ["category"], roles=log.roles, length=_LENGTH)
    return _policy(log, found["clicked_category"], _matching, _matching)


def upside_down_policy(log: LabelledLog) -> Policy:
    """Return a policy that is served the column with the sign turned."""
    return _policy(log, _past(log), _matching, lambda past, cand: -_matching(past, cand))


def indifferent_policy(log: LabelledLog) -> Policy:
    """Return a policy that counts clicks and ignores which category the candidate has."""

    def clicks(past: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        return np.log1p((past >= 0).sum(axis=1))

    return _policy(log, _past(log), clicks, clicks)


def oldest_policy(log: LabelledLog) -> Policy:
    """Return a policy that reads the histories from the wrong end: the first click of all."""

    def matching(past: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        first = np.maximum((past >= 0).sum(axis=1) - 1, 0)
        return _matching(past[np.arange(len(past)), first][:, None], candidate)

    return _policy(log, _past(log, 60), matching, matching)
