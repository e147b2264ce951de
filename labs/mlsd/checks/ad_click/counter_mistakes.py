"""Mistakes in the counters lab, written out, that its checks are known to reject."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import WrongAnswer
from mlsd.data.log import LabelledLog
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.counted_log import baseline_policy
from mlsd.models import HashedLogisticRegression, LightGBMScorer
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Policy


def counter_policy(
    log: LabelledLog, features: CounterFeatures, *, known_at: np.ndarray | None = None
) -> Policy:
    """Return the policy of hashed ids and counters; the wrong answers are made with it.

    Parameters
    ----------
    log : LabelledLog
    features : CounterFeatures
    known_at : ndarray, shape (n,), or None
        When the training table believes that labels became known; None for the truth.
    """
    twin = features.serving(log, warm=False)
    twin.update(log.frame if known_at is None else log.frame.assign(known_at=known_at))
    columns = pd.DataFrame(twin.lookup(log.frame, log.frame["ts"].to_numpy()))
    model = HashedLogisticRegression(categorical=log.roles.identifiers, numeric=features.names)
    model.fit(log.frame.join(columns), log.frame["click"])
    return ScorerPolicy(model, counters=features.serving(log))


def ad_counter_policy(log: LabelledLog) -> Policy:
    """Return a policy that counts by ad alone, which the ids know already."""
    return counter_policy(log, CounterFeatures([("ad_id",)], half_lives=(7 * DAY,)))


def days_for_seconds_policy(log: LabelledLog) -> Policy:
    """Return a policy whose half-lives were meant in days, so that it forgets in seconds."""
    return counter_policy(log, CounterFeatures(log.roles.entities, half_lives=(1.0, 7.0)))


def user_counter_policy(log: LabelledLog) -> Policy:
    """Return a policy that counts by user alone, which is equal for all candidates of a request."""
    return counter_policy(log, CounterFeatures([("user_id",)], half_lives=(DAY, 7 * DAY)))


def same_day_policy(log: LabelledLog) -> Policy:
    """Return a policy trained on counters of each row's whole day."""
    features = CounterFeatures(log.roles.entities, half_lives=(DAY, 7 * DAY))
    known_at = log.frame["ts"].to_numpy() // DAY * DAY - 1
    return counter_policy(log, features, known_at=known_at)


def crosses_policy(log: LabelledLog) -> Policy:
    """Return a policy that hashes pairs of columns and counts nothing."""
    pairs = ("user_id", "category"), ("publisher_id", "category")
    return _without_counters(log, HashedLogisticRegression, crosses=pairs)


def trees_policy(log: LabelledLog) -> Policy:
    """Return a policy of boosted trees on the ids."""
    return _without_counters(log, LightGBMScorer, numeric=log.roles.numeric)


def _without_counters(log: LabelledLog, model: type, **settings: Any) -> Policy:
    fitted = model(categorical=log.roles.identifiers, **settings)
    return ScorerPolicy(fitted.fit(log.frame, log.frame["click"]))


def _rate(counted: np.ndarray, key, click, average, strength):
    counted = counted & (key[:, None] == key[None, :])
    return (counted @ click + strength * average) / (counted.sum(1) + strength)


def _rate_shown_before(key, ts, known_at, click, **prior):
    return _rate(ts[None, :] < ts[:, None], key, click, **prior)


def _rate_known_until(key, ts, known_at, click, **prior):
    return _rate(known_at[None, :] <= ts[:, None], key, click, **prior)


def _sum_of_states(one, other, half_life):
    return one[0] + other[0], max(one[1], other[1])


def _second_is_newer(one, other, half_life):
    return one[0] * 0.5 ** ((other[1] - one[1]) / half_life) + other[0], other[1]


def _fewest_bits(allowed, predicted, clicked, users):
    largest = max(predicted)

    def lost(bits):
        pair = clicked, predicted[bits], predicted[largest]
        return metrics.paired_interval(metrics.normalized_entropy, *pair, clusters=users)

    return min(bits for bits in predicted if bits == largest or allowed(lost(bits)))


def _point_estimate(predicted, clicked, users, most_lost):
    return _fewest_bits(lambda lost: lost.estimate <= most_lost, predicted, clicked, users)


def _no_loss_found(predicted, clicked, users, most_lost):
    return _fewest_bits(lambda lost: lost.low <= 0, predicted, clicked, users)


def _rows_alone(predicted, clicked, users, most_lost):
    return _fewest_bits(lambda lost: lost.high <= most_lost, predicted, clicked, None)


def _largest_table(predicted, clicked, users, most_lost):
    return max(predicted)


def _any_change(feature, frame, cut):
    flipped = frame.assign(click=1 - frame["click"])
    return bool((feature(frame) != feature(flipped)).any())


def _flips_what_was_shown_later(feature, frame, cut):
    flipped = frame.assign(click=np.where(frame["ts"] > cut, 1 - frame["click"], frame["click"]))
    rows = frame["ts"] <= cut
    return bool((feature(frame) != feature(flipped))[rows].any())


def _moves(feature, frame, click, rows):
    changed = frame.assign(click=click)
    return bool((feature(frame) != feature(changed))[rows].any())


def _keeps_what_arrives_at_the_cut(feature, frame, cut):
    click = np.where(frame["known_at"] > cut, 1 - frame["click"], frame["click"])
    return _moves(feature, frame, click, frame["ts"] <= cut)


def _skips_the_row_at_the_cut(feature, frame, cut):
    click = np.where(frame["known_at"] >= cut, 1 - frame["click"], frame["click"])
    return _moves(feature, frame, click, frame["ts"] < cut)


def _forgets_unknown_clicks(feature, frame, cut):
    click = np.where(frame["known_at"] >= cut, 0, frame["click"])
    return _moves(feature, frame, click, frame["ts"] <= cut)


WRONG_ANSWERS = (
    WrongAnswer("as_of_rate", "shown before, not known before", _rate_shown_before),
    WrongAnswer("as_of_rate", "known at this instant", _rate_known_until),
    WrongAnswer("merged_state", "sum without decay", _sum_of_states),
    WrongAnswer("merged_state", "takes the second for the newer", _second_is_newer),
    WrongAnswer("choose_bits", "believes the estimate", _point_estimate),
    WrongAnswer("choose_bits", "takes no loss found for no loss", _no_loss_found),
    WrongAnswer("choose_bits", "counts rows, not users", _rows_alone),
    WrongAnswer("choose_bits", "always the largest table", _largest_table),
    WrongAnswer("leaks", "flips every label", _any_change),
    WrongAnswer("leaks", "flips what was shown later", _flips_what_was_shown_later),
    WrongAnswer("leaks", "keeps what arrives at the cut", _keeps_what_arrives_at_the_cut),
    WrongAnswer("leaks", "skips the row at the cut", _skips_the_row_at_the_cut),
    WrongAnswer("leaks", "sets unknown clicks to 0", _forgets_unknown_clicks),
    WrongAnswer("make_policy", "the chapter's control", baseline_policy),
    WrongAnswer("make_policy", "half-lives in days", days_for_seconds_policy),
    WrongAnswer("make_policy", "counters by user alone", user_counter_policy),
    WrongAnswer("make_policy", "counters by ad alone", ad_counter_policy),
    WrongAnswer("make_policy", "counters of the whole day", same_day_policy),
    WrongAnswer("make_policy", "crosses, no counters", crosses_policy),
    WrongAnswer("make_policy", "trees, no counters", trees_policy),
)
