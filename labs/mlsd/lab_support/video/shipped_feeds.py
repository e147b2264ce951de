"""What the evaluator lab deploys: six recommenders without a label, and what each earns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from mlsd.lab_support.deployed import market_seeds
from mlsd.metrics import Interval
from mlsd.models import EASERecommender, PopularityRecommender
from mlsd.models.base import Recommender
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld

HISTORY_DAYS, DEPLOYED_DAYS, WORLDS = 10, 3, 6
TRAINED_DAYS, LEAKING_DAYS = 7, 9
LETTERS = "ABCDEF"
TEAMS = ("trending", "leaking", "coarse", "neighbours", "short", "remembering")
# Room for videos that are uploaded after a recommender was fitted.
NEW_ITEMS = 1_000


@dataclass(frozen=True)
class Candidate:
    """A fitted recommender as a team hands it over.

    Attributes
    ----------
    trained_until : float
        Seconds since the origin: it has learned from what happened before, and from nothing after.
    parameters : int
        Numbers that its file holds, used or not.
    """

    trained_until: float
    parameters: int
    _recommender: Recommender = field(repr=False)

    def recommend(
        self, user_ids: np.ndarray, k: int, *, candidates: np.ndarray | None = None, **_: object
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return item ids and scores, both of shape (users, k), best first; -1 where it has none.

        Nothing says that a list leaves out what the user has watched before.
        """
        return self._recommender.recommend(user_ids, k, candidates=candidates)

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the score of each pair, shape (n,)."""
        return self._recommender.score(user_ids, item_ids)


Candidates = Mapping[str, Candidate]
Choose = Callable[[Candidates, pd.DataFrame], str]


class _Remembering:
    """Recommends to users what they watched, and then the catalogue in an arbitrary order."""

    def __init__(self, watched: pd.DataFrame, items: int) -> None:
        self.order = np.random.default_rng(7).permutation(items + NEW_ITEMS) / 10_000
        self.known = self._code(watched["user_id"].to_numpy(), watched["item_id"].to_numpy())

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        known = np.isin(self._code(user_ids, item_ids), self.known)
        return known + self.order[np.asarray(item_ids)]

    def _code(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        return np.asarray(user_ids).astype(np.int64) * len(self.order) + np.asarray(item_ids)

    def recommend(
        self, user_ids: np.ndarray, k: int, *, candidates: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        pool = (
            np.arange(len(self.order) - NEW_ITEMS) if candidates is None else np.asarray(candidates)
        )
        pairs = np.repeat(user_ids, len(pool)), np.tile(pool, len(user_ids))
        scores = self.score(*pairs).reshape(len(user_ids), len(pool))
        best = np.argsort(-scores, axis=1)[:, :k]
        return pool[best], np.take_along_axis(scores, best, axis=1)


class _Short:
    """Stops after three items."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        return self.recommender.score(user_ids, item_ids)

    def recommend(
        self, user_ids: np.ndarray, k: int, *, candidates: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        items, scores = self.recommender.recommend(user_ids, k, candidates=candidates)
        items, scores = items.copy(), scores.astype(float)
        items[:, 3:], scores[:, 3:] = -1, -np.inf
        return items, scores


def _coarse(watched: pd.DataFrame) -> Recommender:
    """Return popularity that only knows whether three people or fewer watched an item."""
    count = watched["item_id"].value_counts()
    table = {"user_id": -1, "item_id": count.index, "weight": 1.0 + (count.to_numpy() > 3)}
    return PopularityRecommender().fit(pd.DataFrame(table))


@lru_cache(maxsize=WORLDS)
def shipping_world(seed: int) -> tuple[VideoWorld, pd.DataFrame]:
    """Return a small world and its log of ten days: what was watched for long enough.

    The log has the columns `user_id`, `item_id`, and `ts`, in seconds since the origin.
    """
    world = VideoWorld(seed=seed, size="small")
    frame = world.history(days=HISTORY_DAYS).labelled().frame
    log = frame.loc[frame["watched"] == 1, ["user_id", "item_id", "ts"]]
    return world, log.reset_index(drop=True)


@lru_cache(maxsize=WORLDS)
def _teams(seed: int) -> dict[str, Candidate]:
    _, log = shipping_world(seed)
    past, more = (log[log["ts"] < days * DAY] for days in (TRAINED_DAYS, LEAKING_DAYS))
    items = int(log["item_id"].max()) + 1
    until, later = float(TRAINED_DAYS * DAY), float(LEAKING_DAYS * DAY)
    sizes = _sizes(seed)
    trending = PopularityRecommender(half_life=2.0 * DAY).fit(past)
    made: dict[str, tuple[float, Recommender]] = {
        "trending": (until, trending),
        "neighbours": (until, EASERecommender(l2=100.0).fit(past)),
        "remembering": (until, _Remembering(past, items)),
        "leaking": (later, _Remembering(more, items)),
        "coarse": (until, _coarse(past)),
        "short": (until, _Short(PopularityRecommender().fit(past))),
    }
    return {name: Candidate(end, sizes[name], fitted) for name, (end, fitted) in made.items()}


def candidates_of(seed: int) -> dict[str, Candidate]:
    """Return the six candidates of a world by letter; letters are dealt again in every world.

    Examples
    --------
    >>> "".join(candidates_of(5))
    'ABCDEF'
    """
    made = _teams(seed)
    return {letter: made[name] for letter, name in _letters(seed).items()}


def _letters(seed: int) -> dict[str, str]:
    """Return which team has which letter: in six successive worlds each has each letter once."""
    shuffled = np.random.default_rng(seed // 1_000).permutation(TEAMS)
    return dict(zip(LETTERS, np.roll(shuffled, seed % WORLDS).tolist()))


def _sizes(seed: int) -> dict[str, int]:
    """Return what the file of each team holds: in six successive worlds each has each place once.

    True counts would give a team away without a look at the log: neighbours learn a matrix.
    """
    shuffled = np.random.default_rng([seed // 1_000, 1]).permutation(TEAMS)
    sizes = np.sort(10 ** np.random.default_rng([seed, 1]).uniform(3, 9, WORLDS)).astype(int)
    return dict(zip(np.roll(shuffled, -(seed % WORLDS)).tolist(), sizes.tolist()))


@lru_cache(maxsize=WORLDS * (len(LETTERS) + 1))
def _hours(seed: int, name: str) -> float:
    world, log = shipping_world(seed)
    recommender = _teams(seed)[name] if name else PopularityRecommender().fit(log)
    policy = RecommenderPolicy(recommender)
    report = world.deploy(policy, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)
    return report.measures["watch_hours"].estimate


def shipped_hours(seed: int, choose: Choose) -> Interval:
    """Return the hours per session of what is chosen, in percent of popularity's, in six worlds.

    Parameters
    ----------
    seed : int
        Of the six worlds together.
    choose : callable
        ``choose(candidates, log) -> letter``.

    Returns
    -------
    Interval
        The mean over the worlds, and the 95 % interval of that mean by Student's t.
    """
    shares = []
    for market in market_seeds(seed, WORLDS):
        chosen = choose(candidates_of(market), shipping_world(market)[1].copy())
        shares.append(100 * _hours(market, _letters(market)[chosen]) / _hours(market, ""))
    half_width = stats.t.ppf(0.975, WORLDS - 1) * stats.sem(shares)
    mean = float(np.mean(shares))
    return Interval(mean, mean - half_width, mean + half_width)


def trusting_choice(candidates: Candidates, log: pd.DataFrame) -> str:
    """Choose by the hits among ten, over all that was watched from the eighth day on.

    It asks nobody until when they trained, and it does not take out what a user has had before.
    """
    later = log[log["ts"] >= TRAINED_DAYS * DAY]
    users = later["user_id"].unique()
    wanted = set(zip(later["user_id"].tolist(), later["item_id"].tolist()))

    def hits(candidate: Candidate) -> int:
        lists = candidate.recommend(users, 10)[0]
        return sum((u, i) in wanted for u, row in zip(users.tolist(), lists.tolist()) for i in row)

    return max(candidates, key=lambda letter: hits(candidates[letter]))
