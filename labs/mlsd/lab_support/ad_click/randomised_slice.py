"""A half-randomised slice of the ad market: what its log says of a policy, and what is true."""

from __future__ import annotations

import pandas as pd

from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

_FITTED_DAYS, _SLICE_DAYS, _STRENGTH = 3, 7, 30.0


def slice_world(seed: int, *, budgets: bool, randomised: float = 0.5) -> AdClickWorld:
    """Return a market with one slot in which half of the requests are randomised.

    Parameters
    ----------
    seed : int
    budgets : bool
        Whether daily budgets bind. Without them no request depends on another one: nobody tires,
        no taste drifts and no ad dies.
    randomised : float
        Share of the requests whose candidates are ordered at random.
    """
    config = AdClickConfig(
        users=4_000,
        requests_per_day=6_000,
        slots=1,
        live_ads=100,
        campaigns=50,
        advertisers=40,
        exploration_share=randomised,
        fatigue=0.0,
        drift_per_day=0.0,
        churn=0.0,
        budget_per_impression=0.015 if budgets else 1e6,
    )
    return AdClickWorld(seed=seed, config=config)


def replayed_slice(world: AdClickWorld) -> tuple[pd.DataFrame, Policy]:
    """Return four logged days as seen by a policy fitted on the three before, and that policy.

    Parameters
    ----------
    world : AdClickWorld
        Of `slice_world`.

    Returns
    -------
    DataFrame
        One row per request: `reward` (bid times click, money per thousand requests), `propensity`,
        `agrees` (whether the policy would have shown the logged ad), `predicted_logged` and
        `predicted_new` (the reward expected of the logged ad, and of the policy's choice).
    Policy
        Ranks by bid times a frozen click rate.
    """
    logs = world.history(days=_SLICE_DAYS)
    shown = logs.impressions
    early = shown["ts"] < _FITTED_DAYS * 86_400
    model = SmoothedRate(strength=_STRENGTH).fit(shown[early], shown.loc[early, "click"])
    shown = shown[~early].set_index("request_id")
    candidates = logs.candidates[logs.candidates["request_id"].isin(shown.index)]
    value = 1_000 * candidates["bid"] * model.predict_proba(candidates)[:, 1]
    best = candidates.assign(value=value).sort_values("value").groupby("request_id").last()
    best = best.loc[shown.index]
    logged = 1_000 * shown["bid"] * model.predict_proba(shown)[:, 1]
    table = pd.DataFrame(
        {
            "reward": 1_000 * shown["bid"] * shown["click"],
            "propensity": shown["propensity"],
            "agrees": shown["ad_id"] == best["ad_id"],
            "predicted_logged": logged,
            "predicted_new": best["value"],
        }
    )
    return table, ScorerPolicy(model)


def slice_report(seed: int, *, budgets: bool) -> pd.Series:
    """Return the three estimates for the slice's policy, and what it earns when it is deployed.

    Parameters
    ----------
    seed : int
    budgets : bool

    Returns
    -------
    Series
        Money per thousand requests; `effective sample` in requests.
    """
    world = slice_world(seed, budgets=budgets)
    table, policy = replayed_slice(world)
    truth = world.deploy(policy, days=7, history_days=_SLICE_DAYS).measures["revenue"]
    return pd.Series(
        {
            "requests": len(table),
            **estimates(table),
            "deployed": truth.estimate,
            "low": truth.low,
            "high": truth.high,
        }
    )


def three_logs(seed: int) -> dict[str, pd.DataFrame]:
    """Return three logs that should judge the same policy, one of which can.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to DataFrame
        ``"A"``: half of the requests randomised. ``"B"``: one in a hundred. ``"C"``: as A, but the
        propensities were computed before a filter removed half of the candidates. Columns of
        `replayed_slice`, and `weight`, 0 where the policy disagrees with the log.
    """
    half, _ = replayed_slice(slice_world(seed, budgets=False))
    little, _ = replayed_slice(slice_world(seed, budgets=False, randomised=0.01))
    filtered = half.assign(propensity=half["propensity"] / 2)
    logs = {"A": half, "B": little, "C": filtered}
    return {n: log.assign(weight=log["agrees"] / log["propensity"]) for n, log in logs.items()}


def estimates(table: pd.DataFrame) -> dict[str, float]:
    """Return what a log says that the policy would earn, by each of three estimators.

    Parameters
    ----------
    table : DataFrame
        As of `replayed_slice`.

    Returns
    -------
    dict
        ``effective sample`` in requests (Kish), then the mean reward by inverse propensity scoring,
        self-normalised and doubly robust.

    Examples
    --------
    >>> columns = ["reward", "propensity", "agrees", "predicted_logged", "predicted_new"]
    >>> table = pd.DataFrame([(1.0, 0.5, True, 0.8, 0.8), (4.0, 0.5, False, 2, 1)], columns=columns)
    >>> {name: round(float(value), 3) for name, value in estimates(table).items()}
    {'effective sample': 1.0, 'IPS': 1.0, 'SNIPS': 1.0, 'DR': 1.1}
    """
    weight = (table["agrees"] / table["propensity"]).to_numpy()
    weighted, total = weight * table["reward"], weight.sum()
    residual = weight * (table["reward"] - table["predicted_logged"])
    return {
        "effective sample": total**2 / (weight**2).sum(),
        "IPS": weighted.mean(),
        "SNIPS": weighted.sum() / total,
        "DR": (table["predicted_new"] + residual).mean(),
    }
