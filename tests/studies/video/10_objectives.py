"""What feeds that rank by clicks, by watch time or by predicted stars bring when deployed.

Each feed shows everybody the same order of videos, by a mean per impression (clicks, seconds) or
per view (predicted stars) that is shrunk towards the mean of all with four strengths. `both` adds
the ranks by seconds and by stars. The columns are changes in percent against the feed that made the
log, over seven days.
"""

import numpy as np
import pandas as pd

from mlsd.experiments import run_study
from mlsd.models import PopularityRecommender
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds import VideoWorld

SEEDS = (31, 32, 33)
STRENGTHS = (20, 50, 200, 800)
SIGNALS = ["share_watched", "completed", "like"]
MEASURES = ("watch_hours", "clicks", "satisfaction", "return_1", "return_28")


def with_stars(logs):
    """Return the impressions with the stars that a linear model of the survey predicts."""
    shown = logs.impressions
    shown["share_watched"] = (shown["watch_seconds"] / shown["duration"]).clip(upper=1)
    answers = logs.surveys.merge(shown[["impression_id", *SIGNALS]], on="impression_id")
    design = np.column_stack([np.ones(len(answers)), answers[SIGNALS]])
    weights = np.linalg.lstsq(design, answers["stars"], rcond=None)[0]
    return shown.assign(stars=weights[0] + shown[SIGNALS] @ weights[1:])


def mean_by_video(rows, column, strength):
    """Return the mean of a column per video, shrunk towards the mean of all rows."""
    sums = rows.groupby("item_id")[column].agg(["sum", "size"])
    return (sums["sum"] + strength * rows[column].mean()) / (sums["size"] + strength)


def feed_by(value):
    """Return a feed that shows everybody the live videos with the highest value first."""
    table = pd.DataFrame({"user_id": -1, "item_id": value.index, "weight": value})
    return RecommenderPolicy(PopularityRecommender().fit(table))


def measure(seed):
    """Return the changes of each measure, by objective and strength."""
    world = VideoWorld(seed=seed)
    shown = with_stars(world.history(days=14))
    today = world.deploy(world.logging_policy(), days=7)
    rows = []
    for strength in STRENGTHS:
        values = {
            "clicks": mean_by_video(shown, "click", strength),
            "watch time": mean_by_video(shown, "watch_seconds", strength),
            "stars": mean_by_video(shown[shown["click"] == 1], "stars", strength),
        }
        ranks = [values[name].rank(pct=True) for name in ("watch time", "stars")]
        values["both"] = sum(ranks).dropna()
        for objective, value in values.items():
            report = world.deploy(feed_by(value), days=7)
            change = {
                name: 100 * (report.measures[name].estimate / today.measures[name].estimate - 1)
                for name in MEASURES
            }
            visits = report.by_day["sessions"].sum() / today.by_day["sessions"].sum()
            row = {"objective": objective, "strength": strength, **change}
            rows.append(row | {"sessions": 100 * (visits - 1)})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/10_objectives")
