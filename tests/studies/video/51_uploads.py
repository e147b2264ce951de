"""What slots for uploads cost, and what they buy a feed that learns from them.

Small worlds, a fortnight each. A recommender serves its lists as they were fitted on the history
(``fixed``) or is fitted again every midnight on all that was watched (``nightly``), or on all but
the explored views (``blind``: the cause of what a slot teaches is removed); a share of the requests
gives one position to an upload of the last two days, drawn at random. The control is the same
recommender, fitted nightly, without such slots.

Columns: `model`; `learns`; `position` (from 0) and `share` of the slot; change of hours and
satisfaction in percent with intervals; `week_1`, `week_2` the change of hours per session in each
week; `upload_share` of the impressions, in percent; `served`, the share of uploads shown twenty
times in their first 48 hours; coverage, and the Gini coefficient of creators. Run by hand; four
minutes of one thread.
"""

import numpy as np

from mlsd.experiments import run_study, twin_changes
from mlsd.lab_support.video.slate_trials import deployed, uploads_served
from mlsd.models import EASERecommender, PopularityRecommender
from mlsd.policies.video import (
    ExplorationSlotPolicy,
    RecommenderPolicy,
    RetrainedPolicy,
    watched_rows,
)
from mlsd.policies.video.uploads import EXPLORED
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld

SEEDS = (541, 542, 543, 544)
DAYS = 14
NONE, LAST, ALL_LAST, TOP = (None, 0.0), (5, 0.2), (5, 1.0), (0, 0.2)
SLOTS = {"fixed": (NONE, LAST, TOP), "nightly": (NONE, LAST, ALL_LAST, TOP), "blind": (TOP,)}
MODELS = {
    "EASE": EASERecommender(l2=100.0),
    "popularity": PopularityRecommender(half_life=4.0 * DAY),
}


def by_week(control, report):
    """Return the change of hours per session in each week, in percent."""
    hours = [
        (each.by_day[["watch_hours", "sessions"]].to_numpy().reshape(2, -1, 2).sum(axis=1))
        for each in (control, report)
    ]
    one, other = (week[:, 0] / week[:, 1] for week in hours)
    return dict(zip(("week_1", "week_2"), 100 * (other / one - 1)))


def not_explored(impressions):
    """Return the watched impressions that no slot brought about."""
    rows = watched_rows(impressions)
    return rows[rows["source"] != EXPLORED]


def measure(seed):
    """Return one row per model, way of learning, and slot."""
    world = VideoWorld(seed=seed, size="small")
    logs = world.history(days=14)
    frame = logs.labelled().frame
    watched = frame.loc[frame["watched"] == 1, ["user_id", "item_id", "ts"]]
    for model, recommender in MODELS.items():
        fitted = recommender.fit(watched)
        feeds = {
            "fixed": RecommenderPolicy(fitted),
            "nightly": RetrainedPolicy(fitted, frame),
            "blind": RetrainedPolicy(fitted, frame, rows=not_explored),
        }
        control = deployed(world, feeds["nightly"], DAYS)
        for learns, feed in feeds.items():
            for position, share in SLOTS[learns]:
                policy = feed
                if share:
                    policy = ExplorationSlotPolicy(
                        feed, logs.videos, position=position, share=share
                    )
                trial = deployed(world, policy, DAYS)
                setting = {"model": model, "learns": learns, "position": position, "share": share}
                yield {**setting, **row_of(world, logs, control.report, trial)}


def row_of(world, logs, control, trial):
    """Return what a deployment changed, and whom it showed."""
    names = ("watch_hours", "satisfaction")
    found = {}
    for name, change in twin_changes(control, trial.report, world.measures, names=names).iterrows():
        found |= {name: change["estimate"], f"{name}_low": change["low"]}
        found[f"{name}_high"] = change["high"]
    is_upload = trial.rows["item_id"] > logs.videos["item_id"].max()
    return {
        **found,
        **by_week(control, trial.report),
        "upload_share": 100 * np.mean(is_upload),
        "served": uploads_served(trial),
        **{n: trial.report.measures[n].estimate for n in ("coverage", "creator_gini")},
    }


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/51_uploads")
