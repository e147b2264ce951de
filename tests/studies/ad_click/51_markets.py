"""Exploring and not, in markets of short-lived ads: revenue by period, and how new ads are tried.

The market is chapter 51's, with 50 candidates for one slot. Seeds 0 to 4 are those on which it was
chosen; no seed from 200 on was used to choose anything. `TUNED` is what `51_sweep` chose: the
greedy setting that earned most, and for each rule the one that earned most of those that try 30 %
of the new ads. The others take the effect of a start apart, at one strength. Revenue is per
thousand requests. `tried` is the share of the ads launched on days 7 to 13 and alive for three days
that had ten views within these. About 10 CPU seconds per seed.
"""

from short_lived_ads import MARKET, beliefs, launched_ads, share_tried

from mlsd.experiments import run_study
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import ExploringRatePolicy
from mlsd.worlds import AdClickWorld

CHOSEN_ON = range(5)
SEEDS = (*range(5), *range(200, 220))
FIRST = [("greedy", "inherited", 30.0, 0.0), ("thompson", "inherited", 30.0, 0.0)]
STARTS = [("greedy", "fresh", 30.0, 0.0), ("greedy", "sober", 30.0, 0.0)]
TUNED = [
    ("greedy", "fresh", 10.0, 0.0),
    ("greedy", "fourfold", 3.0, 0.0),
    ("ucb", "fresh", 30.0, 2.0),
    ("thompson", "inherited", 10.0, 0.0),
]


def measure(seed):
    """Return one row per rule and setting."""
    world = AdClickWorld(seed=seed, config=MARKET)
    log = world.history(days=7).labelled_log().frame
    launched = launched_ads(world)
    settings = FIRST if seed in CHOSEN_ON else FIRST + STARTS + TUNED
    for rule, start, strength, width in settings:
        policy = ExploringRatePolicy(rule, posteriors=beliefs(log, start, strength), width=width)
        recorded = RecordedPolicy(policy)
        by_day = world.deploy(recorded, days=14, history_days=7).by_day
        daily = 1_000 * (by_day["revenue"] / by_day["requests"]).to_numpy()
        yield {
            "rule": rule,
            "start": start,
            "strength": strength,
            "width": width,
            "day 1": daily[0],
            "days 2-7": daily[1:7].mean(),
            "days 8-14": daily[7:].mean(),
            "days 1-14": daily.mean(),
            "tried": share_tried(launched, recorded.rows()),
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/51_markets")
