"""Wrong answers of the evaluator lab: probes that miss faults, and ways to ship the wrong feed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.lab_support.video.ranking_evaluators import (
    HeldOut,
    Recommender,
    popularity,
    samples_negatives,
)
from mlsd.lab_support.video.shipped_feeds import Candidate, Candidates

Probe = tuple[Recommender, float, float]
K = 10


def _gains(k: int) -> np.ndarray:
    return 1 / np.log2(np.arange(k) + 2)


def ideal_of_k(unseen: int, discoveries: int, k: int) -> float:
    """Divide by the value of k hits, whatever there is to find."""
    return discoveries / unseen


def not_divided(unseen: int, discoveries: int, k: int) -> float:
    """Return the expected gain without dividing it by the best one."""
    return discoveries / unseen * _gains(k).sum()


def perfect_alone(data: HeldOut) -> list[Probe]:
    """Probe with what was held out."""
    return [(lambda train: data.held_out.astype(float), 0.999, 1.001)]


def perfect_and_random(data: HeldOut) -> list[Probe]:
    """Probe with what was held out, and with noise."""
    noise = np.random.default_rng(1).random(data.train.shape)
    return [*perfect_alone(data), (lambda train: noise, 0.0, 0.2)]


def calls_all_broken(data: HeldOut) -> list[Probe]:
    """Allow nothing."""
    return [(popularity, 1.0, 0.0)]


def popularity_by_one_team(data: HeldOut) -> list[Probe]:
    """Take what some evaluator says for the truth."""
    value = samples_negatives(popularity, data)
    return [(popularity, value - 0.01, value + 0.01)]


def by_means(user: np.ndarray, first: np.ndarray, second: np.ndarray) -> str:
    """Compare means of users."""
    means = pd.DataFrame({"first": first, "second": second}).groupby(user).mean().mean()
    return str(means.idxmax())


def _verdict(difference: np.ndarray, error: float) -> str:
    mean = difference.mean()
    return "tie" if abs(mean) < 1.96 * error else ("first" if mean > 0 else "second")


def by_rows(user: np.ndarray, first: np.ndarray, second: np.ndarray) -> str:
    """Take rows for independent."""
    difference = first - second
    return _verdict(difference, difference.std() / np.sqrt(len(difference)))


def unpaired(user: np.ndarray, first: np.ndarray, second: np.ndarray) -> str:
    """Add the errors of both, as if the users were different ones."""
    means = pd.DataFrame({"first": first, "second": second}).groupby(user).mean()
    error = np.sqrt((means.var() / len(means)).sum())
    return _verdict((means["first"] - means["second"]).to_numpy(), float(error))


def _best(candidates: Candidates, value: Callable[[Candidate], float]) -> str:
    return max(candidates, key=lambda letter: value(candidates[letter]))


def _size(one: Candidate) -> float:
    return one.parameters


def most_parameters(candidates: Candidates, log: pd.DataFrame) -> str:
    """Choose the largest model."""
    return _best(candidates, _size)


def largest_of_the_earlier(candidates: Candidates, log: pd.DataFrame) -> str:
    """Choose the largest model, but not the one that was trained last."""
    latest = trained_last(candidates, log)
    return _best({name: one for name, one in candidates.items() if name != latest}, _size)


def trained_last(candidates: Candidates, log: pd.DataFrame) -> str:
    """Choose what has learned from the latest rows."""
    return _best(candidates, lambda one: one.trained_until)


def most_popular_items(candidates: Candidates, log: pd.DataFrame) -> str:
    """Choose what recommends the items that most people watched."""
    count = log["item_id"].value_counts()
    users = log["user_id"].unique()

    def mean_count(one: Candidate) -> float:
        items = one.recommend(users, K)[0].ravel()
        return float(count.reindex(items[items >= 0]).mean())

    return _best(candidates, mean_count)


def _later(candidates: Candidates, log: pd.DataFrame, *, leaking: bool = False) -> pd.DataFrame:
    """Return the rows to judge on: after the first training, or after all of them."""
    ends = [one.trained_until for one in candidates.values()]
    return log[log["ts"] >= (min(ends) if leaking else max(ends))]


def _judged(
    candidates: Candidates, log: pd.DataFrame, *, leaking: bool = False, keeps: bool = False
) -> str:
    later = _later(candidates, log, leaking=leaking)
    known = log[log["ts"] < later["ts"].min()]
    had = known.groupby("user_id")["item_id"].agg(set)
    wanted = (log if keeps else later).groupby("user_id")["item_id"].agg(set)
    wanted = wanted.reindex(later["user_id"].unique())
    if not keeps:
        gone = had.reindex(wanted.index)
        pairs = zip(wanted, gone)
        wanted = pd.Series(
            [w - g if isinstance(g, set) else w for w, g in pairs], index=wanted.index
        )
    wanted = wanted[wanted.map(len) > 0]
    users = wanted.index.to_numpy()

    def ndcg(one: Candidate) -> float:
        lists = one.recommend(users, K)[0]
        return float(np.nanmean(metrics.ranking_by_user(lists, list(wanted), K)["ndcg"]))

    return _best(candidates, ndcg)


def on_leaked_rows(candidates: Candidates, log: pd.DataFrame) -> str:
    """Judge on what came after the first candidate was trained."""
    return _judged(candidates, log, leaking=True)


def with_what_users_had(candidates: Candidates, log: pd.DataFrame) -> str:
    """Judge on rows that nobody trained on, and count what users had before as wanted too."""
    return _judged(candidates, log, keeps=True)


def by_optimistic_ranks(candidates: Candidates, log: pd.DataFrame) -> str:
    """Rank a choice behind the items of higher score alone, so that ties cost nothing."""
    later = _later(candidates, log).drop_duplicates(["user_id", "item_id"])
    items = log["item_id"].unique()

    def hits(one: Candidate) -> float:
        users = later["user_id"].to_numpy()
        own = one.score(users, later["item_id"].to_numpy())
        pairs = np.repeat(users, len(items)), np.tile(items, len(users))
        above = one.score(*pairs).reshape(len(users), -1) > own[:, None]
        return float((above.sum(axis=1) < K).mean())

    return _best(candidates, hits)
