"""Settings of three exploring rules in chapter 51's market of short-lived ads, on tuning seeds.

Columns are those of `51_markets`, whose market it is; `revenue` is the total of 14 days and `tried`
the share of new ads that had ten views within three days. Each rule gets sixteen settings: four
starts of a new ad, and four values of a knob. About 50 CPU seconds per seed.
"""

from short_lived_ads import MARKET, beliefs, launched_ads, share_tried

from mlsd.experiments import run_study
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import ExploringRatePolicy
from mlsd.worlds import AdClickWorld

SEEDS = range(51, 55)
STARTS = ("inherited", "fresh", "double", "fourfold")
SETTINGS = [
    (rule, start, strength, 0.0)
    for rule in ("greedy", "thompson")
    for start in STARTS
    for strength in (3.0, 10.0, 30.0, 100.0)
] + [("ucb", start, 30.0, width) for start in STARTS for width in (0.5, 1.0, 2.0, 4.0)]


def measure(seed):
    """Return one row per setting."""
    world = AdClickWorld(seed=seed, config=MARKET)
    log = world.history(days=7).labelled_log().frame
    launched = launched_ads(world)
    for rule, start, strength, width in SETTINGS:
        policy = ExploringRatePolicy(rule, posteriors=beliefs(log, start, strength), width=width)
        recorded = RecordedPolicy(policy)
        report = world.deploy(recorded, days=14, history_days=7)
        yield {
            "rule": rule,
            "start": start,
            "strength": strength,
            "width": width,
            "revenue": report.by_day["revenue"].sum(),
            "tried": share_tried(launched, recorded.rows()),
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/51_sweep")
