"""What a holdout says of four models, beside what each earns when it is deployed.

Per world (small, variant `feedback`) and model, all against the trending shelf: the mean place of
discovered videos in its order, in percentiles, over the watches of a tenth of the users, who were
held out and served at random for a week while trending served the rest; and what it changed when
deployed in the twin of its world, in percent. Each with its 95 % interval by user. Models are
fitted on a week of the logging policy; the content tower has the setting of the ledger `video.csv`.

    python tests/studies/video/61_judge.py
"""

import json

import numpy as np

from mlsd import metrics
from mlsd.cases import find_case
from mlsd.experiments import load_ledger, run_study
from mlsd.experiments.rungs import RungInputs, select_rungs
from mlsd.lab_support.video.feed_loops import discoveries, percentiles, run_feed
from mlsd.models import EASERecommender, PopularityRecommender
from mlsd.policies import in_canary
from mlsd.policies.video import HoldoutPolicy, RandomSlotsPolicy, RecommenderPolicy, watched_rows
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import VideoConfig
from mlsd.worlds.video.logs import with_watched

SEEDS = tuple(range(631, 637))
MEASURES = ("watch_hours", "return_1", "return_28")


def held_out(user_id):
    """Return whether each user is held out: a tenth of them."""
    return in_canary(user_id, 10, salt=61)


def content_tower(logs, labelled):
    """Return the rung of the ladder, with the setting that the ledger selected, not yet fitted."""
    settings = load_ledger("video").set_index("rung").loc["content_two_tower", "settings"]
    (rung,) = select_rungs(find_case("video").ladder.rungs, ["content_two_tower"])
    numeric = tuple(logs.videos.drop(columns=["ts", "removed_at"]).select_dtypes("floating"))
    columns = {"item_categorical": ("creator_id", "topic"), "item_numeric": numeric}
    inputs = RungInputs(labelled.roles, (), 0, item_columns=columns)
    return rung.build(inputs, json.loads(settings))


def models_of(logs, labelled):
    """Return the models by name, fitted on the history."""
    rows = watched_rows(labelled.frame)
    items = logs.videos.drop(columns=["ts", "removed_at"])
    found = {
        "trending": PopularityRecommender(half_life=2.0 * DAY),
        "popularity": PopularityRecommender(),
        "EASE, l2 = 100": EASERecommender(l2=100.0),
        "EASE, l2 = 1000": EASERecommender(l2=1000.0),
        "content tower": content_tower(logs, labelled),
    }
    return {name: model.fit(rows, users=logs.users, items=items) for name, model in found.items()}


def measure(seed):
    """Return one row per model."""
    world = VideoWorld(seed=seed, size="small", config=VideoConfig.variant("feedback"))
    logs = world.history(7)
    labelled = logs.labelled()
    models = models_of(logs, labelled)
    videos = np.sort(watched_rows(labelled.frame)["item_id"].unique())
    base = RecommenderPolicy(models["trending"])
    served = HoldoutPolicy(base, RandomSlotsPolicy(base, 1.0), held_out)
    log = with_watched(run_feed(world, served, logs, days=7).rows)
    log = log[held_out(log["user_id"].to_numpy())]
    judged = discoveries(log, labelled.frame, videos)
    base_place = percentiles(models.pop("trending"), judged, videos)
    found = []
    for name, model in models.items():
        gap = 100 * (percentiles(model, judged, videos) - base_place)
        lead = metrics.mean_interval(gap, clusters=judged["user_id"])
        twins = world.compare(base, RecommenderPolicy(model), 7, history_days=7)
        ends = {"place": vars(lead)} | twins.changes(*MEASURES).to_dict("index")
        row = {f"{what}_{end}": each[end] for what, each in ends.items() for end in vars(lead)}
        found.append({"model": name, "rows": len(judged)} | row)
    return found


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/61_judge")
