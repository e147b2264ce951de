"""Exploring and not, in markets of short-lived ads: revenue by period, and how new ads are tried.

The market is chapter 51's, with 50 candidates for one slot. Seeds 0 to 4 are those on which it was
chosen; no seed from 200 on was looked at before. `51_sweep` chose the settings of the rules.
`start` says what an ad without views of its own is believed to be: as its campaign (inherited), as
the average impression (fresh), or as the average candidate (sober), which the randomised requests
of the log tell. Revenue is per thousand requests. `tried` is the share of the ads launched on days
7 to 13 and alive for three days that had ten views within these. About 8 CPU seconds per seed.
"""

from short_lived_ads import MARKET, launched_ads, share_tried

from mlsd.experiments import run_study
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import BetaPosteriors, ExploringRatePolicy
from mlsd.worlds import AdClickWorld

CHOSEN_ON = range(5)
SEEDS = (*range(5), *range(200, 220))
FIRST = [("greedy", "inherited", 30.0, 0.0), ("thompson", "inherited", 30.0, 0.0)]
FINAL = [
    *FIRST,
    ("greedy", "fresh", 30.0, 0.0),
    ("greedy", "sober", 30.0, 0.0),
    ("ucb", "fresh", 30.0, 2.0),
]


def beliefs(log, start, strength):
    """Return posteriors of the log whose new ads start in one of three ways."""
    if start == "sober":
        rate = log.loc[log["explored"], "click"].mean()
        return BetaPosteriors(strength=strength, prior_rate=rate).update(log)
    return BetaPosteriors(strength=strength, inherit=start == "inherited").update(log)


def measure(seed):
    """Return one row per rule and setting."""
    world = AdClickWorld(seed=seed, config=MARKET)
    log = world.history(days=7).labelled_log().frame
    launched = launched_ads(world)
    settings = FIRST if seed in CHOSEN_ON else FINAL
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
