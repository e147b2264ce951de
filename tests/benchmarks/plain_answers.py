"""Plain right answers to exercises that are graded by outcome, which have to pass as well.

They take the steps that an exercise asks for and nothing beyond, and stand here and not with the
checks, so that nobody can hand one in by importing it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlsd.checks.ad_click import shipping_mistakes
from mlsd.data.log import LabelledLog
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click import turning_interest
from mlsd.lab_support.ad_click.key_budget import CONTEXT, fitted_policy
from mlsd.lab_support.ad_click.lying_experiments import Experiment
from mlsd.lab_support.ad_click.watched_services import ServiceLog, Watch
from mlsd.lab_support.ad_click.winners_market import Correction
from mlsd.lab_support.video.session_feeds import FREE_PER_CREATOR, SLOTS
from mlsd.lab_support.video.session_slates import (
    CROWDING_FEE,
    UPLOAD_EXTRA,
    Candidates,
    Choose,
)
from mlsd.models import HashedLogisticRegression
from mlsd.monitoring import alarm_threshold
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Policy

_TASTE = ("user_id", "category")


def own_spread_watch(past: ServiceLog) -> Watch:
    """Return a watch that holds each slice against the spread of its own quiet nights."""
    base = np.stack([past.expected[: past.days - age].sum(axis=0) for age in range(7)], axis=1)
    rates = np.nansum(past.known, axis=0) / base

    def sold(log: ServiceLog, ages: range) -> np.ndarray:
        """Return last night's sales of clicks so many nights old, per sale that was due."""
        came = sum(log.known[-1 - age, :, age] for age in ages)
        return came / sum(rates[:, age] * log.expected[-1 - age] for age in ages)

    new, older, nights = range(1), range(1, 7), range(7, past.days + 1)
    spread = {a: np.std([sold(past.until(n), a) for n in nights], axis=0) for a in (new, older)}
    limit = alarm_threshold(len(past.slices), false_alarms=1 / 1_000)

    def watch(log: ServiceLog) -> bool:
        score = {ages: (sold(log, ages) - 1) / spread[ages] for ages in spread}
        lost = score[new].min() < -limit and not score[older].min() < -4
        return bool(score[new].max() > limit or lost or log.missing[-1] > 1.5 * past.missing.max())

    return watch


def factors_by_rivals(winners: pd.DataFrame) -> Correction:
    """Return a correction with one factor for each number of rivals."""
    sums = winners.groupby("rivals")[["click", "predicted"]].sum()
    factor = sums["click"] / sums["predicted"]
    return lambda predicted, rivals: np.minimum(predicted * np.vectorize(factor.get)(rivals), 0.999)


def counted_policy(log: LabelledLog) -> Policy:
    """Return the policy of one nightly counter, of user and category, beside the ids."""
    counters = CounterFeatures([_TASTE], half_lives=(3 * DAY,), refresh="nightly")
    table = log.frame.join(counters.compute(log))
    model = HashedLogisticRegression(categorical=log.roles.identifiers, numeric=counters.names)
    return ScorerPolicy(model.fit(table, table["click"]), counters=counters.serving(log))


def budgeted_policy(log: LabelledLog) -> Policy:
    """Return the policy of two counters that fit the budget, beside the context."""
    entities = [("ad_id",), ("publisher_id", "category")]
    counters = CounterFeatures(entities, half_lives=(3 * DAY,), refresh="nightly")
    model = HashedLogisticRegression(categorical=CONTEXT, numeric=counters.names)
    return fitted_policy(log, model, counters)


def ten_clicks_policy(log: LabelledLog) -> Policy:
    """Return the policy that counts how many of ten clicks were in the candidate's category."""
    past, count = turning_interest._past(log), turning_interest._matching
    return turning_interest._policy(log, past, count, count)


def strict_ship(experiment: Experiment) -> bool:
    """Ship by all four checks, that of shared budgets at 1.96."""
    z = shipping_mistakes.adjusted_z(experiment, "outside", "control", slice(None))
    return bool(z > -1.96 and shipping_mistakes.budgets_ignored(experiment))


def own_rate_slates(log: pd.DataFrame) -> Choose:
    """Return slates that price look-alikes by what viewers watch of a topic, slot by slot.

    The loss is estimated in one pass, against the minutes that a viewer's own rate in the topic and
    the slot lead to expect.
    """
    looks = log.groupby("position")["minutes"].mean()
    rows = log.assign(looks=log["position"].map(looks))
    of_topic = rows.groupby(["user_id", "topic"])
    rate = of_topic["minutes"].transform("sum") / of_topic["looks"].transform("sum")
    sums = (
        rows.assign(expected=rate * rows["looks"]).groupby("alike")[["minutes", "expected"]].sum()
    )
    level = sums["minutes"] / sums["expected"]
    kept, looks = min(level[1] / level[0], 1.0), looks.to_numpy() / looks[0]

    def choose(offered: Candidates) -> np.ndarray:
        worth = offered.minutes * (1 + UPLOAD_EXTRA * offered.is_upload)
        places: list[int] = []
        for slot in range(SLOTS):
            alike = (offered.topic[:, None] == offered.topic[places]).sum(axis=1)
            seen = np.concatenate([offered.seen_creator, offered.creator[places]])
            crowded = (offered.creator[:, None] == seen).sum(axis=1) >= FREE_PER_CREATOR
            gain = looks[slot] * worth * kept**alike - CROWDING_FEE * crowded
            gain[places] = -np.inf
            places.append(int(gain.argmax()))
        return np.array(places)

    return choose


def three_views_in_24(log: pd.DataFrame, videos: pd.DataFrame, day: float) -> pd.Series:
    """Return views per impression, each video beginning with three views in 24."""
    counts = log.groupby("item_id")["watched"].agg(["sum", "size"])
    counts = counts.reindex(videos["item_id"], fill_value=0)
    return (counts["sum"] + 3) / (counts["size"] + 24)


PLAIN: dict[str, dict[str, Callable[..., Any]]] = {
    "lab_30_counters": {"user and category, nightly": counted_policy},
    "lab_32_leaves": {"counters of ad and of publisher and category": budgeted_policy},
    "lab_41_interest": {"a count of ten clicks": ten_clicks_policy},
    "lab_50_winners": {"a factor for each number of rivals": factors_by_rivals},
    "lab_51_slate": {"a viewer's own rate in a topic": own_rate_slates},
    "lab_52_lies": {"shared budgets at 1.96": strict_ship},
    "lab_61_alarm": {"the spread of each slice": own_spread_watch},
    "lab_61_loop": {"three views in 24 to begin with": three_views_in_24},
}
