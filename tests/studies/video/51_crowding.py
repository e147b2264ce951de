"""What a price on crowded videos does to sessions.

A video is crowded if its session has been shown two videos of its creator before. Slates are filled
from the top with the video of most expected minutes, each video of a creator that was shown twice
in the session less a fee, and deployed for three days after ten days of history.

Columns: `fee` in minutes; `minutes` watched per session, `upload_minutes` of them, and `crowded`
videos per session.
"""

import numpy as np

from mlsd.experiments import run_study
from mlsd.lab_support.video.session_feeds import FREE_PER_CREATOR, SLOTS
from mlsd.lab_support.video.session_slates import deployed

SEEDS = tuple(range(150, 156))
FEES = (0.0, 0.05, 0.1, 0.2, 0.4)
MEASURES = ("minutes", "upload_minutes", "crowded")


def charged(fee):
    """Return a maker of slates that charges a fee for each crowded video."""

    def choose(offered):
        seen = (offered.creator[:, None] == offered.seen_creator).sum(axis=1)
        left, places = offered.minutes.copy(), []
        for _ in range(SLOTS):
            best = int(np.argmax(left - fee * (seen >= FREE_PER_CREATOR)))
            places.append(best)
            left[best] = -np.inf
            seen += offered.creator == offered.creator[best]
        return places

    return lambda log: choose


def measure(seed):
    """Return one row per fee."""
    for fee in FEES:
        found = deployed(seed, charged(fee))
        yield {"fee": fee, **{name: found[name] for name in MEASURES}}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/51_crowding")
