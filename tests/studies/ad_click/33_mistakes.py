"""What three mistakes in probabilities change online, against the corrected model, in five worlds.

The model learned from a twentieth of the negatives. `uncorrected` is served as trained, `mixed
pipelines` comes from formats that were thinned unevenly, and `a fifth` multiplies all corrected
probabilities by 0.2 in a market that withholds slots below 0.005 of bid times probability.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (201, 202, 203, 204, 205)
SHARE, FORMAT_SHARES = 0.05, (0.1, 0.1, 0.025, 0.025)
CONFIG = AdClickConfig(users=12_000, requests_per_day=18_000)
MARKETS = {
    ("own bid", "uncorrected"): {},
    ("own bid", "mixed pipelines"): {},
    ("gsp", "uncorrected"): {"price_rule": "gsp"},
    ("gsp", "mixed pipelines"): {"price_rule": "gsp"},
    ("reserve", "a fifth"): {"score_reserve": 0.005},
}


class Scaled:
    """A scorer whose probabilities are multiplied by a number."""

    def __init__(self, scorer, factor):
        self.scorer, self.factor = scorer, factor

    def predict_proba(self, X):
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        p = self.scorer.predict_proba(X)[:, 1] * self.factor
        return np.column_stack([1 - p, p])


def measure(seed: int) -> list[dict[str, object]]:
    """Return the changes of revenue and clicks in percent, by mistake and market."""
    log = AdClickWorld(seed=seed, config=CONFIG).history(days=14).labelled_log()
    train, later = (log.frame.iloc[rows] for rows in (log.split.train, log.split.validation))
    is_click = train["click"].to_numpy() == 1
    draw = np.random.default_rng(0).random(len(train))

    def fit(rows):
        columns = {"categorical": log.roles.identifiers, "numeric": log.roles.numeric}
        return HashedLogisticRegression(**columns, C=0.3).fit(rows, rows["click"])

    thinned = fit(train[is_click | (draw < SHARE)])
    repaired = copy.copy(thinned)
    repaired.intercept_ = thinned.intercept_ + np.log(SHARE)
    shares = np.array(FORMAT_SHARES)[train["format"]]
    mixed = fit(train[is_click | (draw < shares)])
    mixed.intercept_ = mixed.intercept_ + np.log(shares[~is_click].mean())
    total = later["click"].sum() / mixed.predict_proba(later)[:, 1].sum()
    rivals = {
        "uncorrected": thinned,
        "mixed pipelines": Scaled(mixed, total),
        "a fifth": Scaled(repaired, 0.2),
    }
    rows = []
    for (rule, mistake), options in MARKETS.items():
        market = AdClickWorld(seed=seed, config=replace(CONFIG, **options))
        pair = ScorerPolicy(repaired), ScorerPolicy(rivals[mistake])
        changes = market.compare(*pair, days=3).changes("revenue", "clicks")
        for name, change in changes.iterrows():
            rows.append({"mistake": mistake, "rule": rule, "measure": name, **change})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/33_mistakes")
