"""Offline metrics of the ladder's rungs on all of a log and on its random slots, and each deployed.

Per world and rung, at the setting that the ledger `video.csv` selected: fitted on ten days, judged
on the four days after, and deployed as it stands for the week after those. `ndcg` and `recall` are
those of full-corpus lists of 20, means over viewers. `pooled recall` is the share of all watches
that are hits, and `weighted recall` the same with each watch counted by one over the propensity of
its row. A percentile is the place of a watched video among all videos in the viewer's order, 1 at
the top and 0 at the end, its mean over all watched rows, or over those in slots that the logging
policy left to chance. Online is the change against popularity in the twin of its world, in percent.

    python tests/studies/video/61_metrics.py
"""

import json

import numpy as np

from mlsd import metrics
from mlsd.cases import find_case
from mlsd.experiments import load_ledger, run_study
from mlsd.experiments.rungs import RungInputs, select_rungs
from mlsd.lab_support.video.feed_loops import (
    LARGEST_WEIGHT,
    RANDOM_SOURCE,
    discoveries,
    percentiles,
)
from mlsd.policies.video import RecommenderPolicy, watched_rows
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld

SEEDS = (621, 622, 623, 624)
TRAINED, HISTORY, DAYS, K = 10, 14, 7, 20
SLOW = ("sasrec", "blend", "blend_with_users")
ONLINE = ("watch_hours", "clicks", "satisfaction", "return_1", "return_28")


def rungs_and_settings():
    """Return the rungs that are quick to fit, each with the setting that the ledger selected."""
    ledger = load_ledger("video").set_index("rung")
    names = [name for name in ledger.index if name not in (*SLOW, "oracle")]
    chosen = select_rungs(find_case("video").ladder.rungs, names)
    return [(rung, json.loads(ledger.loc[rung.name, "settings"])) for rung in chosen]


def judged(model, train, test, videos):
    """Return the offline metrics of a fitted model."""
    wanted = discoveries(test, train, videos)
    users = wanted["user_id"].unique()
    lists = model.recommend(users, K, candidates=videos)[0]
    relevant = [rows.to_numpy() for _, rows in wanted.groupby("user_id", sort=False)["item_id"]]
    found = metrics.ranking_by_user(lists, relevant, K)
    row = dict(zip(users, lists))
    hit = np.array([i in row[u] for u, i in zip(wanted["user_id"], wanted["item_id"])])
    weight = np.minimum(1 / wanted["propensity"], LARGEST_WEIGHT)
    chosen_by = np.bincount(train["item_id"], minlength=videos.max() + 1)
    chance = wanted[wanted["source"] == RANDOM_SOURCE]
    return {
        "ndcg": found["ndcg"].mean(),
        "recall": found["recall"].mean(),
        "pooled recall": hit.mean(),
        "weighted recall": (hit * weight).sum() / weight.sum(),
        "percentile, all rows": percentiles(model, wanted, videos).mean(),
        "percentile, random slots": percentiles(model, chance, videos).mean(),
        "novelty": np.nanmean(
            metrics.novelty_by_user(lists, chosen_by, train["user_id"].nunique(), K)
        ),
        "coverage": metrics.catalogue_coverage(lists, len(chosen_by), K),
    }


def chance_rows(watched):
    """Return how many rows stood in slots that the logging policy left to chance."""
    return int((watched["source"] == RANDOM_SOURCE).sum())


def measure(seed):
    """Return one row per rung."""
    world = VideoWorld(seed=seed, size="small")
    logs = world.history(HISTORY)
    labelled = logs.labelled()
    watched = watched_rows(labelled.frame)
    train, test = watched[watched["ts"] < TRAINED * DAY], watched[watched["ts"] >= TRAINED * DAY]
    videos = np.sort(train["item_id"].unique())
    test = test[test["item_id"].isin(videos)]
    items = logs.videos.drop(columns=["ts", "removed_at"])
    columns = {
        "item_categorical": ("creator_id", "topic"),
        "item_numeric": tuple(items.select_dtypes("floating")),
    }
    rows, control = [], None
    for rung, settings in rungs_and_settings():
        inputs = RungInputs(labelled.roles, (), seed, item_columns=columns)
        model = rung.build(inputs, settings).fit(train, users=logs.users, items=items)
        policy = RecommenderPolicy(model)
        control = control or policy
        changes = world.compare(control, policy, DAYS).changes(*ONLINE)["estimate"]
        found = judged(model, train, test, videos)
        rows.append(
            {"rung": rung.name} | found | changes.to_dict() | {"random rows": chance_rows(test)}
        )
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/61_metrics")
