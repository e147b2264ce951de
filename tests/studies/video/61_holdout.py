"""Which of two models the log of each, and a randomised holdout beside it, put first.

Per world (small, variant `feedback`), pair, model that served and part of the log: the mean place
of discovered videos in the order of the second model minus that in the order of the first, in
percentiles, with its 95 % interval by user. A tenth of the users is held out and served at random
for the week. `hours` is the change of watch hours with the second model instead of the first in
twin worlds, in percent. The pairs: trending and EASE, and as an A/A pair trending fitted
on one random half of the viewers and on the other.

    python tests/studies/video/61_holdout.py
"""

import copy

import numpy as np

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.lab_support.video.feed_loops import discoveries, percentiles, run_feed
from mlsd.models import EASERecommender, PopularityRecommender
from mlsd.policies import in_canary
from mlsd.policies.video import HoldoutPolicy, RandomSlotsPolicy, RecommenderPolicy, watched_rows
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import VideoConfig
from mlsd.worlds.video.logs import with_watched

SEEDS = tuple(range(631, 637))


def held_out(user_id):
    """Return whether each user is held out: a tenth of them."""
    return in_canary(user_id, 10, salt=61)


def pairs_of(rows):
    """Return the pairs of fitted models, by name."""
    in_half = in_canary(rows["user_id"].to_numpy(), 50, salt=62)
    popular = PopularityRecommender(half_life=2.0 * DAY)
    halves = {
        name: copy.copy(popular).fit(rows[chosen])
        for name, chosen in (("half A", in_half), ("half B", ~in_half))
    }
    two = {"trending": copy.copy(popular).fit(rows), "EASE": EASERecommender(l2=100.0).fit(rows)}
    return {"models": two, "A/A": halves}


def leads(log, history, videos, models):
    """Return the lead of the second model, by part of a log."""
    chosen = discoveries(log, history, videos)
    apart = held_out(chosen["user_id"].to_numpy())
    found = []
    for part, judged in (("own log", chosen[~apart]), ("holdout", chosen[apart])):
        first, second = (percentiles(each, judged, videos) for each in models.values())
        lead = metrics.mean_interval(100 * (second - first), clusters=judged["user_id"])
        found.append({"part": part, "rows": len(judged)} | vars(lead))
    return found


def measure(seed):
    """Return one row per pair, model that served and part of its log."""
    world = VideoWorld(seed=seed, size="small", config=VideoConfig.variant("feedback"))
    logs = world.history(7)
    history = logs.labelled().frame
    rows = watched_rows(history)
    videos = np.sort(rows["item_id"].unique())
    found = []
    for pair, models in pairs_of(rows).items():
        policies = {name: RecommenderPolicy(model) for name, model in models.items()}
        twins = world.compare(*policies.values(), 7, history_days=7)
        truth = twins.lifts["watch_hours"].relative
        ends = {"hours": truth.estimate, "hours_low": truth.low, "hours_high": truth.high}
        at_random = RandomSlotsPolicy(next(iter(policies.values())), 1.0)
        for name, policy in policies.items():
            served = HoldoutPolicy(policy, at_random, held_out)
            log = with_watched(run_feed(world, served, logs, days=7).rows)
            for lead in leads(log, history, videos, models):
                row = {"pair": pair, "served": name} | lead
                found.append(row | {key: 100 * value for key, value in ends.items()})
    return found


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/61_holdout")
