"""Three weeks of feeds that learn from their own logs, with what might drive or stop the loop.

Per world and arm: the Gini coefficient of views over videos in the first and the third week, the
share of views of one video in a hundred, the share of the videos shown at least twenty times, and
what the three weeks brought. `world` is the variant `feedback`, or what was taken out of it: all
of the variant (`plain`), the drift of tastes, or uploads. Trending is decayed popularity with a
half-life of two days, popular counts that never fade; EASE has an `l2` of 100. History: seven days
of the logging policy. With `viewers renamed`, a refit learns from the deployment as if its viewers
were others: it sees which videos go together, but nothing new of the viewers whom it serves.

    python tests/studies/video/61_loop.py
"""

from dataclasses import replace

from mlsd.experiments import run_study
from mlsd.lab_support.video.feed_loops import anonymous_rows, rate_rows, run_feed, weighted_rows
from mlsd.models import EASERecommender, PopularityRecommender
from mlsd.policies.video import RandomSlotsPolicy, RetrainedPolicy, watched_rows
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import VideoConfig

SEEDS = (611, 612, 613)
HISTORY, DAYS = 7, 21
OTHER_NAMES = 10_000_000
FEEDBACK = VideoConfig.variant("feedback")
WORLDS = {
    "feedback": FEEDBACK,
    "plain": VideoConfig(),
    "no drift": replace(FEEDBACK, drift_per_day=0.0),
    "no uploads": replace(FEEDBACK, uploads_per_day=0),
}


def renamed_rows(impressions):
    """Return what was watched, by viewers of other names since the end of the history."""
    rows = watched_rows(impressions)
    return rows.assign(user_id=rows["user_id"] + OTHER_NAMES * (rows["ts"] >= HISTORY * DAY))


# What serves, days between fits, rows to learn from, share of random slots.
ARMS = {
    "trending, never": ("trending", None, watched_rows, 0.0),
    "trending, weekly": ("trending", 7, watched_rows, 0.0),
    "trending, daily": ("trending", 1, watched_rows, 0.0),
    "repeats allowed": ("trending", 1, anonymous_rows, 0.0),
    "repeats allowed, no fading": ("popular", 1, anonymous_rows, 0.0),
    "rate per impression": ("trending", 1, rate_rows, 0.0),
    "random slots": ("trending", 1, watched_rows, 0.1),
    "random slots, weighted": ("trending", 1, weighted_rows, 0.1),
    "repeats, random slots": ("trending", 1, anonymous_rows, 0.1),
    "repeats, random slots, weighted": (
        "trending",
        1,
        lambda log: anonymous_rows(weighted_rows(log)),
        0.1,
    ),
    "EASE, never": ("EASE", None, watched_rows, 0.0),
    "EASE, weekly": ("EASE", 7, watched_rows, 0.0),
    "EASE, daily": ("EASE", 1, watched_rows, 0.0),
    "EASE, daily, viewers renamed": ("EASE", 1, renamed_rows, 0.0),
    "all random": ("trending", None, watched_rows, 1.0),
}
IN_OTHERS = {
    "plain": ("trending, daily", "repeats allowed", "EASE, daily"),
    "no drift": ("EASE, never", "EASE, daily"),
    "no uploads": ("EASE, never", "EASE, daily"),
}
ONLINE = ("watch_hours", "clicks", "satisfaction", "return_1", "return_28")


def policy_of(arm, history):
    """Return the policy of an arm, fitted on the history."""
    model, every, rows, share = ARMS[arm]
    models = {
        "trending": PopularityRecommender(half_life=2.0 * DAY),
        "popular": PopularityRecommender(),
        "EASE": EASERecommender(l2=100.0),
    }
    fitted = models[model].fit(rows(history))
    retrained = RetrainedPolicy(fitted, history, every=every, rows=rows)
    return RandomSlotsPolicy(retrained, share) if share else retrained


def measure(seed):
    """Return one row per world and arm."""
    found = []
    for name, config in WORLDS.items():
        world = VideoWorld(seed=seed, size="small", config=config)
        if name == "no uploads":
            world = VideoWorld(seed=seed, config=without_uploads(config))
        logs = world.history(HISTORY)
        history = logs.labelled().frame
        for arm in IN_OTHERS.get(name, ARMS):
            run = run_feed(world, policy_of(arm, history), logs, days=DAYS)
            weeks = run.weekly()
            row = {"world": name, "arm": arm}
            row |= {f"gini_{week}": weeks.loc[week, "gini"] for week in (1, 2, 3)}
            row |= {f"top_{week}": weeks.loc[week, "top_share"] for week in (1, 3)}
            row |= {
                "known": run.known_share(),
                "coverage": run.report.measures["coverage"].estimate,
            }
            row |= {measure: run.report.measures[measure].estimate for measure in ONLINE}
            found.append(row)
    return found


def without_uploads(config):
    """Return the small size of a configuration, with the uploads taken out of that."""
    return replace(config.scaled("small"), uploads_per_day=0)


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/61_loop")
