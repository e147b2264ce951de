"""What answering bidders do to the lead of first price over generalized second price.

In markets like the one of chapter 50, the chapter's best model is deployed for three days after ten
days of history, under both rules, with frozen bids and with bidders who move halfway to their best
reply every night. One row per seed: revenue under first price over revenue under generalized second
price, in percent more.

    python tests/studies/ad_click/50_answering_bids.py
"""

from __future__ import annotations

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (200, 201, 202, 203, 204, 205, 206, 207)
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


def measure(seed: int) -> dict[str, float]:
    """Return the lead of first price with frozen and with answering bids."""
    options = {"users": 8_000, "requests_per_day": 12_000, "budget_per_impression": 1.0}
    world = AdClickWorld(seed=seed, config=AdClickConfig(**options, price_rule="gsp"))
    log = world.history(days=10).impressions
    policy = ScorerPolicy(SmoothedRate(levels=LEVELS, strength=30.0).fit(log, log["click"]))
    lead = {}
    for name, response in (("frozen", "none"), ("answering", "best_reply")):
        earned = {}
        for rule in ("first", "gsp"):
            config = AdClickConfig(**options, price_rule=rule, response=response)
            report = AdClickWorld(seed=seed, config=config).deploy(policy, days=3, history_days=10)
            earned[rule] = report.measures["revenue"].estimate
        lead[name] = 100 * (earned["first"] / earned["gsp"] - 1)
    return lead


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/50_answering_bids")
