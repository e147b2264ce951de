"""What two versions in one page, stale lists and a fallback cost online, in three default worlds.

Each row is a policy against another in twin worlds over three days: the change of watch hours per
session in percent, with its interval by user. Two trainings are those of two nights: the first
knows the history but for its last day. Run by hand; some four CPU minutes.
"""

from mlsd.experiments import run_study
from mlsd.lab_support.video.mixed_versions import mixed_versions, turned_axes
from mlsd.models import (
    BPRRecommender,
    EASERecommender,
    ImplicitALSRecommender,
    PopularityRecommender,
)
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld

SEEDS = (411, 412, 413)
HISTORY_DAYS, DEPLOY_DAYS = 14, 3
DIM = 64
ALS = {"unobserved": 0.1, "l2": 0.03, "dim": DIM}


def measure(seed):
    """Return one row per pair of policies."""
    world = VideoWorld(seed=seed)
    frame = world.history(HISTORY_DAYS).labelled().frame
    watched = frame.loc[frame["watched"] == 1, ["user_id", "item_id", "ts"]]
    first = watched[watched["ts"] < (HISTORY_DAYS - 1) * DAY]
    bpr = [
        BPRRecommender(dim=DIM, random_state=night).fit(rows)
        for night, rows in enumerate((first, watched))
    ]
    ials = [
        ImplicitALSRecommender(**ALS, random_state=night).fit(rows)
        for night, rows in enumerate((first, watched))
    ]
    ease = EASERecommender(l2=300.0).fit(watched)
    popular = RecommenderPolicy(PopularityRecommender(half_life=4.0 * DAY).fit(watched))
    overnight = RecommenderPolicy(ease)
    by_day, by_session, by_request = (
        RecommenderPolicy(ease, at_request=True, views_until=moment)
        for moment in ("day", "session", "request")
    )
    pairs = {
        "BPR, mixed": (RecommenderPolicy(bpr[1]), RecommenderPolicy(mixed_versions(*bpr))),
        "iALS, mixed": (RecommenderPolicy(ials[1]), RecommenderPolicy(mixed_versions(*ials))),
        "iALS, mixed and turned": (
            RecommenderPolicy(ials[1]),
            RecommenderPolicy(mixed_versions(*ials, axes=turned_axes(DIM))),
        ),
        "trending instead of EASE": (overnight, popular),
        "EASE of what was started": (overnight, by_day),
        "EASE at each session": (by_day, by_session),
        "EASE at each request": (by_session, by_request),
    }
    rows = []
    for name, (control, treatment) in pairs.items():
        test = world.compare(control, treatment, DEPLOY_DAYS, history_days=HISTORY_DAYS)
        (change,) = test.changes("watch_hours").to_dict("records")
        rows.append({"pair": name, **change})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/60_versions")
