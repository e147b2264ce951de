"""Logs for the loop lab: a feed with viewers held out, three feeds without a name, aged lists."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.video.own_log import CHANCE, ScoreVideos, Start, count_of_views, start
from mlsd.policies.canary import in_canary
from mlsd.policies.video import HoldoutPolicy, RandomSlotsPolicy
from mlsd.runtime.times import DAY

MAKERS = ("runaway", "merit", "random")
# Percent of the viewers who are held out.
HELD_OUT = 20
# So many viewers stand for all of them where the jury votes.
JURY = 200
AGES = 14

FeedLog = tuple[pd.DataFrame, pd.DataFrame]


def held_out(user_id: np.ndarray) -> np.ndarray:
    """Return which viewers are held out, one in five, shape (n,)."""
    return in_canary(user_id, HELD_OUT)


@lru_cache(maxsize=4)
def log_with_holdout(seed: int) -> FeedLog:
    """Return log and catalogue of two weeks of a feed that ranks by its own count of views.

    A fifth of the viewers is held out: served at random, and kept out of the count. One slot in
    twenty of the others is left to chance.

    Returns
    -------
    log : DataFrame
        As `own_log.as_log` describes it, with `holdout`.
    videos : DataFrame
        `item_id` and `uploaded`, in days.
    """
    begin = start(seed)
    nightly = begin.nightly(count_of_views, lambda log: log[~held_out(log["user_id"].to_numpy())])
    by_chance = RandomSlotsPolicy(nightly, 1.0, seed=seed)
    policy = HoldoutPolicy(RandomSlotsPolicy(nightly, CHANCE, seed=seed), by_chance, held_out)
    log, videos = begin.run(policy)
    return log.assign(holdout=held_out(log["user_id"].to_numpy())), videos


def _vote(begin: Start) -> ScoreVideos:
    """Return scores by a jury of viewers who know every video, whatever the log says."""
    oracle, viewers = begin.world.oracle(), np.arange(JURY)

    def score_videos(log: pd.DataFrame, videos: pd.DataFrame, day: float) -> pd.Series:
        items = videos["item_id"].to_numpy()
        return pd.Series(oracle.scores(viewers, items, day * DAY).mean(axis=0), items)

    return score_videos


@lru_cache(maxsize=4)
def logs_by_maker(seed: int) -> dict[str, FeedLog]:
    """Return log and catalogue of three feeds over two weeks, as a fifth of the viewers saw them.

    ``"runaway"`` counts the views of its own log, in a world with the feedback loop. ``"merit"``
    shows what a jury likes best, in a world without it. ``"random"`` shows anything.
    """
    both, videos = log_with_holdout(seed)
    plain = start(seed, loop=False)
    others = in_canary(both["user_id"].to_numpy(), HELD_OUT, salt=1)
    merit, merit_videos = plain.run(plain.nightly(_vote(plain)))
    shown = ["day", "user_id", "item_id", "position", "watched"]
    logs = {
        "runaway": both[others & ~both["explored"]],
        "merit": merit[held_out(merit["user_id"].to_numpy())],
        "random": both[both["holdout"]],
    }
    catalogues = {"merit": merit_videos}
    return {
        name: (log[shown].reset_index(drop=True), catalogues.get(name, videos))
        for name, log in logs.items()
    }


def lettered_logs(seed: int) -> dict[str, FeedLog]:
    """Return the three logs by letter; the letters do not tell who made them."""
    by_maker = logs_by_maker(seed)
    order = np.random.default_rng(seed).permutation(MAKERS)
    return {letter: by_maker[name] for letter, name in zip("ABC", order.tolist())}


def aged_lists(seed: int, *, loss: float = 0.03, rows: int = 400_000) -> pd.DataFrame:
    """Return a made-up log of slots that were filled from lists of a random age.

    Parameters
    ----------
    seed : int
    loss : float
        Share of its views that a list loses per day of its age.
    rows : int

    Returns
    -------
    DataFrame
        `age`, whole days since the list was made, 0 to 13, young lists being rarer, and `watched`.

    Examples
    --------
    >>> int(aged_lists(0)["age"].max())
    13
    """
    rng = np.random.default_rng(seed)
    odds = np.arange(4.0, AGES + 4)
    age = rng.choice(AGES, rows, p=odds / odds.sum())
    watched = rng.random(rows) < 0.13 * (1 - loss) ** age
    return pd.DataFrame({"age": age, "watched": watched.astype(np.int8)})
