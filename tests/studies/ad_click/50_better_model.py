"""What better predictions do to bid value and to revenue under generalized second price.

In markets like the one of chapter 50, three policies are compared with one rate for all ads: the
rate of each ad; the same rates, each handed to an ad with a similar number of views, so that their
spread stays and their knowledge goes; and the chapter's best model, ranked by bid times rate and by
bid times the square root of the rate. One row per seed and policy: changes in percent, and the
share of the winners' bids that they pay.

    python tests/studies/ad_click/50_better_model.py
"""

from __future__ import annotations

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import GlobalRate, SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions

SEEDS = (200, 201, 202, 203, 204, 205, 206, 207)
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


class Squashed:
    """Ranks by bid times a power of the predicted rate."""

    def __init__(self, policy, power):
        self.policy, self.power = policy, power

    def act(self, requests):
        """Return the predictions of the policy, and scores with the power of them."""
        predicted = self.policy.act(requests).predicted_ctr
        return Actions(predicted, rank_score=requests.candidates["bid"] * predicted**self.power)

    def observe(self, events):
        """Hand events to the policy that predicts."""
        self.policy.observe(events)


def measure(seed: int) -> list[dict]:
    """Return the changes of each policy against one rate for all."""
    options = {"users": 8_000, "requests_per_day": 12_000, "budget_per_impression": 1.0}
    worlds = {
        rule: AdClickWorld(seed=seed, config=AdClickConfig(**options, price_rule=rule))
        for rule in ("first", "gsp")
    }
    log = worlds["gsp"].history(days=10).impressions
    ads = log["ad_id"].value_counts().index
    swapped = log.assign(ad_id=log["ad_id"].map(dict(zip(ads, np.roll(ads, 7)))))

    def fitted(model, rows):
        return ScorerPolicy(model.fit(rows, rows["click"]))

    best = fitted(SmoothedRate(levels=LEVELS, strength=30.0), log)
    policies = {
        "rate by ad": fitted(SmoothedRate(levels=LEVELS[:1], strength=100.0), log),
        "rates swapped": fitted(SmoothedRate(levels=LEVELS[:1], strength=100.0), swapped),
        "ad, place, user": best,
        "squashed": Squashed(best, 0.5),
    }
    alone, rows = fitted(GlobalRate(), log), []
    for name, policy in policies.items():
        twins = {r: w.compare(alone, policy, days=3, history_days=10) for r, w in worlds.items()}
        paid = {r: twin.treatment.measures["revenue"].estimate for r, twin in twins.items()}
        row = {"policy": name, "share_paid": paid["gsp"] / paid["first"]}
        for rule, label in (("first", "bid_value"), ("gsp", "gsp_revenue")):
            change = twins[rule].changes("revenue").loc["revenue"]
            row |= {f"{label}_{end}": change[end] for end in ("estimate", "low", "high")}
        rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/50_better_model")
