"""What a fresher profile is worth to EASE where the input is not changed with it.

The overnight lists read the profiles that EASE was trained on. Here lists are made at each request
from that profile and, appended to it, from what the viewer started since the training. Each row is
the change of a measure against the overnight lists in twin worlds over three days, in percent, with
its interval by user. Run by hand; a CPU minute.
"""

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import EASERecommender
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds import VideoWorld

SEEDS = (60, 411)
HISTORY_DAYS, DEPLOY_DAYS = 14, 3
NONE = -1


class ProfilePolicy(RecommenderPolicy):
    """Lists at request from the trained profile and what the viewer started after the training."""

    def __init__(self, recommender, watched, started):
        super().__init__(recommender, at_request=True)
        self.profiles = dict(iter(watched.groupby("user_id")["item_id"].unique().items()))
        self.last = dict(iter(started.groupby("user_id")["item_id"].last().items()))

    def _read(self, requests, recent):
        users = np.asarray(requests.context["user_id"]).tolist()
        read = [
            self._of(user, views) for user, views in zip(users, super()._read(requests, recent))
        ]
        table = np.full((len(read), max(map(len, read), default=1) or 1), NONE)
        for row, views in zip(table, read):
            row[len(row) - len(views) :] = views
        return table

    def _of(self, user, views):
        """Return the trained profile, and the views that come after the last one of the log."""
        views, profile = views[views != NONE], self.profiles.get(user, np.zeros(0, int))
        known = np.flatnonzero(views == self.last.get(user, NONE))
        since = views[known[-1] + 1 :] if len(known) else views
        return np.concatenate([profile, since[~np.isin(since, profile)]])


def measure(seed):
    """Return one row per measure."""
    world = VideoWorld(seed=seed)
    frame = world.history(HISTORY_DAYS).labelled().frame
    watched = frame[frame["watched"] == 1]
    started = frame[frame["click"] == 1].sort_values(["ts", "position"])
    ease = EASERecommender(l2=300.0).fit(watched[["user_id", "item_id", "ts"]])
    fresh = ProfilePolicy(ease, watched, started)
    twins = world.compare(RecommenderPolicy(ease), fresh, DEPLOY_DAYS)
    for name, change in twins.changes("watch_hours", "clicks", "satisfaction").iterrows():
        yield {"measure": name, **change}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/60_inputs")
