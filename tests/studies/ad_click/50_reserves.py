"""What a reserve per impression and a reserve per click earn in thin and in crowded markets.

In markets like those of chapter 50 (two candidates for one slot, and ten for three, under
generalized second price), each kind of reserve is chosen by a replay of the top slot over ten days
of log, and deployed for the next three days with the chapter's best model. One row per seed and
market: the reserves, in money per thousand impressions and in money per click, and the change of
revenue in percent of no reserve.

    python tests/studies/ad_click/50_reserves.py
"""

from __future__ import annotations

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import FLOOR, ReservePolicy, ScorerPolicy, per_click, per_impression
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (200, 201, 202, 203, 204, 205, 206, 207)
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
MARKETS = {"2 for 1 slot": {"candidates": 2, "slots": 1}, "10 for 3 slots": {}}


def best_by_replay(score, unit, grid):
    """Return the multiple of `unit` that would have earned most for the first slot."""
    best, second = -np.sort(-score, axis=1)[:, :2].T
    paid = [np.where(best >= r * unit, np.maximum(second, r * unit), 0).sum() for r in grid]
    return grid[int(np.argmax(paid))]


def measure(seed: int) -> list[dict]:
    """Return what both kinds of reserve earn in both markets."""
    rows = []
    for name, market in MARKETS.items():
        config = AdClickConfig(
            users=8_000,
            requests_per_day=12_000,
            budget_per_impression=1.0,
            price_rule="gsp",
            score_reserve=FLOOR,
            **market,
        )
        world = AdClickWorld(seed=seed, config=config)
        logs = world.history(days=10)
        log, candidates = logs.impressions, logs.candidates
        policy = ScorerPolicy(SmoothedRate(levels=LEVELS, strength=30.0).fit(log, log["click"]))
        rate = candidates["predicted_ctr"].to_numpy().reshape(-1, config.candidates)
        score = rate * candidates["bid"].to_numpy().reshape(rate.shape)
        grids = np.arange(0.001, 0.041, 0.001), np.arange(0.05, 1.5, 0.05)
        fixed = best_by_replay(score, np.ones(len(rate)), grids[0])
        price = best_by_replay(score, rate.max(axis=1), grids[1])
        reserves = {"per_impression": per_impression(fixed), "per_click": per_click(price)}
        row = {"market": name, "reserve_per_thousand": 1_000 * fixed, "reserve_click": price}
        for kind, reserve in reserves.items():
            twins = world.compare(policy, ReservePolicy(policy, reserve), days=3, history_days=10)
            change = twins.changes("revenue").loc["revenue"]
            row |= {f"{kind}_{end}": change[end] for end in ("estimate", "low", "high")}
        rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/50_reserves")
