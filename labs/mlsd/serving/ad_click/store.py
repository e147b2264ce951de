"""From a world's history to what a request looks up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.features.counter_rates import log_odds, shrinking_prior
from mlsd.features.counter_serving import CounterDefinition, ServingCounters
from mlsd.features.history_serving import ServingHistories
from mlsd.features.shrinkage import shrunk_rate
from mlsd.serving.ad_click.features import CONTEXT, AdFeatures
from mlsd.serving.ad_click.snapshot import KEYS, snapshot_tables
from mlsd.serving.pair_counters import PairCounters
from mlsd.serving.tables import HistoryTable
from mlsd.worlds.logs import Logs

_USER, _AD = PAIR = ("user_id", "ad_id")


def ad_features(
    logs: Logs, log: LabelledLog, counters: ServingCounters, histories: ServingHistories | None
) -> AdFeatures:
    """Return the features of ads, users and publishers as of the end of an ad log.

    Parameters
    ----------
    logs : Logs
        With tables `ads`, `users` and `publishers`.
    log : LabelledLog
        Its impressions.
    counters : ServingCounters
        That have counted the log.
    histories : ServingHistories or None
        That have seen it, where the model reads histories.
    """
    now = logs.until
    tables = snapshot_tables(logs, counters, now)
    users = len(logs.users)
    pairs = [_pair_counters(log, counters, now, users=users, ads=len(logs.ads))]
    if histories is not None:
        known = np.append(np.arange(users), -1)
        pairs.append(HistoryTable(_USER, histories.lookup({_USER: known}, now)))
    seen = np.bincount(log.frame[_USER], minlength=users)
    return AdFeatures(
        moment=float(now),
        tables=tables,
        pairs=tuple(each for each in pairs if each is not None),
        live_ads=np.flatnonzero(~(logs.ads.sort_values(_AD)["retired_at"].to_numpy() <= now)),
        users_by_activity=np.argsort(-seen, kind="stable")[: np.count_nonzero(seen)],
        sizes={name: int(log.frame[name].max()) + 1 for name in CONTEXT if name != _USER},
    )


def _pair_counters(
    log: LabelledLog, counters: ServingCounters, now: float, *, users: int, ads: int
) -> PairCounters | None:
    definition = counters.features
    rated, viewed = PAIR in definition.entities, PAIR in definition.views
    if not rated and not viewed:
        return None
    packed = log.frame[_USER].to_numpy(np.int64) << 32 | log.frame[_AD].to_numpy(np.int64)
    user, ad = np.divmod(np.unique(packed), 1 << 32)
    # One more, which nobody has seen, answers for every pair that was never counted.
    known = {_USER: np.append(user, -1), _AD: np.append(ad, -1)}
    labelled, views = counters.sums(_with_unknown(known), now)
    half_lives = len(definition.half_lives)
    sums = labelled[PAIR].transpose(2, 1, 0) if rated else np.zeros((0, 2, half_lives))
    seen = np.log1p(views[PAIR][:, 0].T) if viewed else np.zeros((0, half_lives))
    return PairCounters(
        *PAIR,
        rate_names=_names(definition, rates=True) if rated else (),
        view_names=_names(definition, rates=False) if viewed else (),
        starts=np.searchsorted(user, np.arange(users + 2)),
        items=ad,
        sums=np.ascontiguousarray(sums),
        views=seen.astype(np.float32),
        of_key=_deviations(counters, _USER, users, now),
        of_item=_deviations(counters, _AD, ads, now),
        base_rate=float(counters.priors.base_rate),
        strength=float(counters.priors.strengths.get(PAIR, 1.0)),
    )


def _names(definition: CounterDefinition, *, rates: bool) -> tuple[str, ...]:
    """Return the pair's names: all rates come by half-life and entity, then all views."""
    entities = definition.entities if rates else definition.views
    width, half_lives = 1 + rates, len(definition.half_lives)
    first = 0 if rates else 2 * half_lives * len(definition.entities)
    places = (first + width * (h * len(entities) + entities.index(PAIR)) for h in range(half_lives))
    return tuple(name for place in places for name in definition.names[place : place + width])


def _deviations(counters: ServingCounters, name: str, ids: int, now: float) -> np.ndarray:
    """Return how far each id's log-odds are from those of all rows, shape (ids + 1, half-lives)."""
    definition, priors = counters.features, counters.priors
    entity = (name,)
    if entity not in definition.entities:
        return np.zeros((ids + 1, len(definition.half_lives)))
    labelled, _ = counters.sums(_with_unknown({name: np.append(np.arange(ids), -1)}), now)
    impressions, clicks = np.moveaxis(labelled[entity], 1, 0)
    prior = shrinking_prior(entity, definition.entities, {}, priors.base_log_odds)
    rate = shrunk_rate(clicks, impressions, prior, priors.strengths[entity])
    return np.ascontiguousarray((log_odds(rate) - priors.base_log_odds).T)


def _with_unknown(known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows = len(next(iter(known.values())))
    return {key: known.get(key, np.full(rows, -1)) for key in KEYS}
