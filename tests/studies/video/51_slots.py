"""What an upload costs in each slot, and how often it is watched there: a randomised trial.

Slates hold the videos of most expected minutes. Where an upload is among the candidates and not on
the slate, a draw by request puts the best such upload into one of the six slots or into none, with
equal chances; what stood there and below moves down, and the last video drops out. Requests without
such an upload are left out.

Columns: `position` of the upload, -1 for none; `requests`; `minutes` watched per request, those of
the upload among them; `views`, how many of a hundred uploads that were put there were watched for
half a minute, which leaves out what started by itself.
"""

import numpy as np
import pandas as pd

from mlsd.experiments import run_study
from mlsd.lab_support.video.session_feeds import HISTORY_DAYS, SLOTS, seen_rows, session_feed
from mlsd.lab_support.video.session_slates import SlatePolicy
from mlsd.monitoring import RecordedPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds.kit.luck import hashed_uniform

SEEDS = tuple(range(160, 178))
DAYS = 3
NONE = -1
VIEW_MINUTES = 0.5


class SlotTrial(SlatePolicy):
    """Puts an upload into a slot drawn by request."""

    def __init__(self, feed, seed):
        super().__init__(feed, None)
        self.seed = seed
        self.drawn = {}

    def __deepcopy__(self, memo):
        """Share what was drawn: the world deploys a copy."""
        other = SlotTrial.__new__(SlotTrial)
        other.__dict__ = dict(self.__dict__)
        return other

    def places(self, offered, request_id):
        """Return the best by minutes, and among them perhaps an upload."""
        top = np.arange(SLOTS)
        others = np.flatnonzero(offered.is_upload[SLOTS:]) + SLOTS
        if not len(others):
            return top
        draw = hashed_uniform(self.seed, "slot-trial", np.array([request_id]))[0]
        position = int(draw * (SLOTS + 1)) - 1
        self.drawn[request_id] = position
        return top if position == NONE else np.insert(top, position, others[0])[:SLOTS]


def measure(seed):
    """Return one row per position, and one for none."""
    feed = session_feed(seed)
    trial = SlotTrial(feed, seed)
    record = RecordedPolicy(trial)
    feed.world.deploy(record, days=DAYS, history_days=HISTORY_DAYS)
    rows = record.rows()
    rows = seen_rows(rows[rows["ts"] >= HISTORY_DAYS * DAY])
    drawn = rows["request_id"].map(pd.Series(trial.drawn))
    minutes = rows.groupby("request_id")["minutes"].sum()
    viewed = rows[rows["position"] == drawn].set_index("request_id")["minutes"] >= VIEW_MINUTES
    drawn = drawn.groupby(rows["request_id"]).first().dropna()
    for position in range(NONE, SLOTS):
        requests = drawn.index[drawn == position]
        there = viewed.reindex(requests, fill_value=False)
        yield {
            "position": position,
            "requests": len(requests),
            "minutes": minutes.loc[requests].mean(),
            "views": 100 * there.mean(),
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/51_slots")
