"""The market of short-lived ads of chapter 51, starts of new ads, and what its studies count."""

from mlsd.policies.ad_click import BetaPosteriors
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickConfig

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
OPTIMISM = {"double": 2.0, "fourfold": 4.0}


def beliefs(log, start, strength):
    """Return posteriors of the log whose new ads start in one of five ways.

    As their campaign (inherited), as the average impression (fresh), as that times two or four
    (double, fourfold), or as the average candidate (sober), which the randomised requests tell.
    """
    if start in ("inherited", "fresh"):
        return BetaPosteriors(strength=strength, inherit=start == "inherited").update(log)
    seen = log[log["explored"]] if start == "sober" else log
    rate = seen["click"].mean() * OPTIMISM.get(start, 1.0)
    return BetaPosteriors(strength=strength, prior_rate=rate).update(log)


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
