"""Four builds in the shadow of one service, for the rollback lab to diagnose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.metrics import calibration_ratio, normalized_entropy
from mlsd.models import SmoothedRate
from mlsd.monitoring import RecordedPolicy, ShadowedPolicy
from mlsd.policies.ad_click import ScorerPolicy, describe_slate
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests

CAUSES = ("fine", "feature codes", "ranking rule", "new ads")
_HISTORY = 7
_LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


class NoNewAds(ScorerPolicy):
    """Predicts like its scorer, and never shows an ad that is not a day old."""

    def decide(self, requests: CandidateRequests, probability: np.ndarray) -> Actions:
        """Return the predictions, and scores of zero for new ads."""
        value = requests.candidates["bid"] * probability
        return Actions(probability, np.where(requests.candidates["ad_age_days"] < 1, 0.0, value))


def shadow_report(seed: int) -> pd.DataFrame:
    """Return what the gate and the shadow say of four builds, in an order that depends on the seed.

    Returns
    -------
    DataFrame
        Index: A to D. Columns: ``entropy_change`` against the service on a day of impressions,
        ``calibration_ratio``, ``overlap`` of the slates, and ``value`` and ``new_ads`` of the
        slates as a ratio to the service. ``cause`` holds the truth, one of `CAUSES`.
    """
    world = AdClickWorld(seed=seed)
    log = world.history(days=_HISTORY).labelled_log().frame
    service = ScorerPolicy(_fitted(log, _LEVELS[:1]))
    builds = _builds(log)
    shadowed = ShadowedPolicy(service, {"service": service, **builds}, describe_slate)
    recorded = RecordedPolicy(shadowed)
    world.deploy(recorded, days=1, history_days=_HISTORY)
    seen = recorded.rows().query(f"ts >= {_HISTORY * DAY}")
    slates = shadowed.decisions().groupby("release").mean()
    report = {name: _quality(policy, service, seen) for name, policy in builds.items()}
    table = pd.DataFrame(report).T
    table["overlap"] = slates["overlap"]
    for column in ("value", "new_ads"):
        table[column] = slates[column] / slates.loc["service", column]
    order = np.random.default_rng(seed).permutation(len(table))
    table = table.iloc[order].rename_axis("cause").reset_index()
    return table.set_index(pd.Index(list("ABCD"), name="build"))


def _fitted(log: pd.DataFrame, levels: tuple[tuple[str, ...], ...]) -> SmoothedRate:
    return SmoothedRate(levels=levels, strength=30.0).fit(log, log["click"])


def _builds(log: pd.DataFrame) -> dict[str, ScorerPolicy]:
    model = _fitted(log, _LEVELS)
    shifted = _fitted(log.assign(category=(log["category"] + 1) % 24), _LEVELS)
    policies = (
        ScorerPolicy(model),
        ScorerPolicy(shifted),
        ScorerPolicy(model, rank_by="bid"),
        NoNewAds(model),
    )
    return dict(zip(CAUSES, policies))


def _quality(policy: ScorerPolicy, service: ScorerPolicy, seen: pd.DataFrame) -> dict[str, float]:
    outcome = seen["click"].to_numpy()
    new, old = (each.scorer.predict_proba(seen)[:, 1] for each in (policy, service))
    change = normalized_entropy(outcome, new) - normalized_entropy(outcome, old)
    return {"entropy_change": change, "calibration_ratio": calibration_ratio(outcome, new)}
