"""Last night's counters as tables that a request looks up."""

from __future__ import annotations

import copy

import numpy as np

from mlsd.features.counter_serving import ServingCounters
from mlsd.runtime.times import DAY
from mlsd.serving.tables import FeatureTable
from mlsd.worlds.logs import Logs

KEYS = ("ad_id", "campaign_id", "publisher_id", "user_id", "category")


def snapshot_tables(logs: Logs, counters: ServingCounters, now: float) -> dict[str, FeatureTable]:
    """Return the tables of ads, users and publishers of an ad log, counters included.

    What depends on the request's user or publisher and on the candidate's category becomes a vector
    over the categories. Counters of other pairs, such as a user's views of one ad, are left out.

    Parameters
    ----------
    logs : Logs
        With tables `ads`, `users` and `publishers`.
    counters : ServingCounters
        Not changed.
    now : float
        Seconds since the origin.

    Returns
    -------
    dict of str to FeatureTable
        By `ad_id`, `user_id` and, where something is counted of them, `publisher_id`.
    """
    twin = copy.deepcopy(counters)
    ads = _ads(logs, twin, now)
    categories = int(ads["category"].max()) + 1
    users = logs.users.sort_values("user_id")
    people = {name: np.append(users[name].to_numpy(), -1) for name in ("age_band", "region")}
    people["account_age_days"] = _whole_days(now - users["known_at"].to_numpy())
    people |= _by_category(twin, "user_id", len(users), categories, now)
    places = _by_category(twin, "publisher_id", len(logs.publishers), categories, now)
    return {
        "ad_id": FeatureTable(ads),
        "user_id": FeatureTable(people, by="category"),
        **({"publisher_id": FeatureTable(places, by="category")} if places else {}),
    }


def _ads(logs: Logs, counters: ServingCounters, now: float) -> dict[str, np.ndarray]:
    ads = logs.ads.sort_values("ad_id")
    names = ("ad_id", "campaign_id", "advertiser_id", "category", "format")
    static = {name: np.append(ads[name].to_numpy(), -1) for name in names}
    looked_up = _lookup(counters, now, **{name: static[name] for name in ("ad_id", "campaign_id")})
    columns = {name: static[name] for name in names[1:]}
    columns["ad_age_days"] = _whole_days(now - ads["known_at"].to_numpy())
    return columns | {
        name: looked_up[name] for name in _columns_of(counters, within={"ad_id", "campaign_id"})
    }


def _whole_days(seconds: np.ndarray) -> np.ndarray:
    return np.append(np.floor(seconds / DAY), np.nan).astype(np.float32)


def _by_category(
    counters: ServingCounters, key: str, ids: int, categories: int, now: float
) -> dict[str, np.ndarray]:
    """Counters of one id and of its pairs with a category; the unknown ones stand last."""
    rows, values = (np.append(np.arange(n), -1) for n in (ids, categories))
    pairs = {key: np.repeat(rows, len(values)), "category": np.tile(values, len(rows))}
    looked_up = _lookup(counters, now, **pairs)
    columns = {n: looked_up[n] for n in _columns_of(counters, within={key, "category"})}
    columns = {n: v.reshape(len(rows), len(values)) for n, v in columns.items()}
    alone = set(_columns_of(counters, within={key}))
    return {n: v[:, 0].copy() if n in alone else v for n, v in columns.items()}


def _lookup(counters: ServingCounters, now: float, **known: np.ndarray) -> dict[str, np.ndarray]:
    rows = len(next(iter(known.values())))
    unknown = np.full(rows, -1)
    return counters.lookup({key: known.get(key, unknown) for key in KEYS}, now)


def _columns_of(counters: ServingCounters, *, within: set[str]) -> list[str]:
    """Names of the counters whose entity is made of the given columns, `category` not alone."""
    features = counters.features
    entities = [e for e in features.entities if set(e) <= within and e != ("category",)]
    return [name for entity in entities for name in features.rate_names(entity)]
