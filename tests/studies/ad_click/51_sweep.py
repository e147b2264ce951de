"""Settings of three exploring rules in chapter 51's market of short-lived ads, on tuning seeds.

Columns are those of `51_markets`, whose market it is; `revenue` is the total of 14 days and `tried`
the share of new ads that had ten views within three days. About 30 CPU seconds per seed.
"""

from mlsd.experiments import run_study
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import BetaPosteriors, ExploringRatePolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = range(51, 55)
MARKET = AdClickConfig(
    users=12_000,
    requests_per_day=3_000,
    slots=1,
    candidates=50,
    live_ads=200,
    campaigns=200,
    advertisers=100,
    churn=0.12,
    ad_quality_sd=1.5,
    budget_per_impression=1e6,
)
TRIAL_DAYS, TRIAL_VIEWS = 3, 10
STARTS = ("inherited", "fresh")
SETTINGS = [
    (rule, start, strength, 0.0)
    for rule in ("greedy", "thompson")
    for start in STARTS
    for strength in (10.0, 30.0, 100.0)
] + [("ucb", start, 30.0, width) for start in STARTS for width in (0.5, 1.0, 2.0)]


def launched_ads(world):
    """Return the ads of the second week that live long enough; no policy changes when they do."""
    ads = world.history(days=14 + TRIAL_DAYS).ads.set_index("ad_id")
    ads = ads[(ads["known_at"] >= 7 * DAY) & (ads["known_at"] < 14 * DAY)]
    return ads[~(ads["retired_at"] < ads["known_at"] + TRIAL_DAYS * DAY)]


def share_tried(ads, shown):
    """Return the share of new ads that had enough views in their first days."""
    own = shown[shown["ad_id"].isin(ads.index)]
    early = own["ts"] < own["ad_id"].map(ads["known_at"]) + TRIAL_DAYS * DAY
    views = own[early].groupby("ad_id").size().reindex(ads.index, fill_value=0)
    return (views >= TRIAL_VIEWS).mean()


def measure(seed):
    """Return one row per setting."""
    world = AdClickWorld(seed=seed, config=MARKET)
    log = world.history(days=7).labelled_log().frame
    launched = launched_ads(world)
    for rule, start, strength, width in SETTINGS:
        beliefs = BetaPosteriors(strength=strength, inherit=start == "inherited").update(log)
        recorded = RecordedPolicy(ExploringRatePolicy(rule, posteriors=beliefs, width=width))
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
