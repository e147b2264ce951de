"""Thompson sampling against greedy in the default market, and with fewer slots for more candidates.

The default market has 3 slots and 10 candidates per request; the other is the same with 1 slot and
50 candidates, so that few ads are shown. Revenue is per thousand requests; `shown` is the share of
live ads that the logging policy's auctions showed on the last day of the history, without its
randomised requests. About 20 CPU seconds per seed.
"""

from mlsd.experiments import run_study
from mlsd.policies.ad_click import BetaPosteriors, ExploringRatePolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = range(200, 204)
CROWDED = AdClickConfig(slots=1, candidates=50)
CASES = (
    ("default", AdClickConfig(), (30.0, 100.0)),
    ("1 slot, 50 candidates", CROWDED, (30.0,)),
)


def measure(seed):
    """Return one row per market, strength and rule."""
    for market, config, strengths in CASES:
        world = AdClickWorld(seed=seed, config=config)
        log = world.history(days=7).labelled_log().frame
        auctions = log[~log["explored"] & (log["ts"] >= 6 * DAY)]
        for strength in strengths:
            for rule in ("greedy", "thompson"):
                beliefs = BetaPosteriors(strength=strength, examination=config.examination)
                policy = ExploringRatePolicy(rule, posteriors=beliefs.update(log))
                by_day = world.deploy(policy, days=14, history_days=7).by_day
                daily = 1_000 * (by_day["revenue"] / by_day["requests"]).to_numpy()
                yield {
                    "market": market,
                    "strength": strength,
                    "rule": rule,
                    "day 1": daily[0],
                    "days 2-7": daily[1:7].mean(),
                    "days 8-14": daily[7:].mean(),
                    "days 1-14": daily.mean(),
                    "shown": auctions["ad_id"].nunique() / config.live_ads,
                }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/51_default")
