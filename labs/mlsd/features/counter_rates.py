"""From decayed impressions and clicks to model inputs: counts, and rates shrunk to a prior.

The batch features and their serving twin share every formula that stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from scipy.special import expit

from mlsd.features.definitions import duration_name
from mlsd.features.shrinkage import moment_strength, shrunk_rate

Entity = tuple[str, ...]
Key = tuple[Entity, float]
Pair = tuple[np.ndarray, np.ndarray]
SumsOf = Callable[[Entity], Iterable[Pair]]

_MOST_STRENGTH = 1e4
_RATE_FLOOR = 1e-6


@dataclass(frozen=True)
class RatePriors:
    """Constants of the training part towards which rates are shrunk.

    Attributes
    ----------
    base_rate : float
        Clicks per impression in training.
    strengths : mapping of entity to float
        Weight of the prior of an entity's rate, in impressions.
    """

    base_rate: float
    strengths: Mapping[Entity, float]

    @property
    def base_log_odds(self) -> float:
        """Logarithm of the odds of a click in training."""
        return float(log_odds(np.array(self.base_rate)))


def log_odds(rate: np.ndarray) -> np.ndarray:
    """Return ``log(rate / (1 - rate))``, rates held within [1e-6, 1 - 1e-6].

    Examples
    --------
    >>> log_odds(np.array([0.5, 0.0])).round(2)
    array([  0.  , -13.82])
    """
    rate = np.clip(rate, _RATE_FLOOR, 1 - _RATE_FLOOR)
    return np.log(rate / (1 - rate))


def parents_of(entity: Entity, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """Return the largest of `entities` that are parts of `entity`.

    Examples
    --------
    >>> parents_of(("user_id", "category"), (("user_id",), ("ad_id",), ("user_id", "category")))
    (('user_id',),)
    """
    parts = [other for other in entities if set(other) < set(entity)]
    return tuple(part for part in parts if not any(set(part) < set(other) for other in parts))


def rate_endings(half_life: float) -> tuple[str, str]:
    """Return how the names of count and rate columns end.

    Examples
    --------
    >>> rate_endings(86_400)
    ('_impressions_1d', '_log_odds_1d')
    """
    duration = duration_name(half_life)
    return f"_impressions_{duration}", f"_log_odds_{duration}"


def view_ending(half_life: float) -> str:
    """Return how the name of a column of views ends.

    Examples
    --------
    >>> view_ending(7 * 86_400)
    '_views_7d'
    """
    return f"_views_{duration_name(half_life)}"


def free_stems(
    entities: Iterable[Entity], endings: Iterable[str], taken: Iterable[str]
) -> dict[Entity, str]:
    """Return what the names of each entity's columns begin with, so that no two names are equal.

    A stem is the entity's columns joined by ``_``. Where a name would then be one that is taken, or
    that of an earlier entity, the stem is numbered, from 2 on.

    Parameters
    ----------
    entities : iterable of tuple of str
    endings : iterable of str
        Of the names, each different.
    taken : iterable of str
        Names of other columns.

    Examples
    --------
    >>> free_stems([("ad", "group"), ("ad_group",)], ["_views_1d"], taken=[])
    {('ad', 'group'): 'ad_group', ('ad_group',): 'ad_group_2'}
    """
    endings, used, stems = tuple(endings), set(taken), {}
    for entity in entities:
        plain = "_".join(entity)
        candidates = chain([plain], (f"{plain}_{number}" for number in count(2)))
        stem = next(s for s in candidates if used.isdisjoint(s + ending for ending in endings))
        used.update(stem + ending for ending in endings)
        stems[entity] = stem
    return stems


def rate_columns(
    entities: tuple[Entity, ...],
    half_lives: tuple[float, ...],
    priors: RatePriors,
    sums_of: SumsOf,
) -> dict[Key, Pair]:
    """Return count and rate columns of all entities at all half-lives.

    With n impressions and c clicks, both decayed, a count column is ``log(1 + n)`` and a rate
    column the log-odds of ``(c + s m) / (n + s)``: s is the entity's strength, and the log-odds of
    m are those of the base rate plus the deviation of each parent's rate from it, as if parts of
    the entity acted independently.

    Parameters
    ----------
    entities : tuple of tuple of str
    half_lives : tuple of float
        Seconds.
    priors : RatePriors
    sums_of : callable
        From an entity to n and c, shape (q,) each, at one half-life after the other. One entity is
        asked for at a time, so that no more than its sums need be held.

    Returns
    -------
    dict of (entity, half-life) to a pair of ndarray, shape (q,), float32
        Count and rate.
    """
    parents = _all_parents(entities)
    deviations: dict[float, dict[Entity, np.ndarray]] = {each: {} for each in half_lives}
    columns = {}
    for entity in sorted(entities, key=len):
        for half_life, (impressions, clicks) in zip(half_lives, sums_of(entity)):
            prior = shrinking_prior(entity, entities, deviations[half_life], priors.base_log_odds)
            rate = shrunk_rate(clicks, impressions, prior, priors.strengths[entity])
            deviation = log_odds(rate) - priors.base_log_odds
            columns[entity, half_life] = (
                np.log1p(impressions).astype(np.float32),
                (deviation + priors.base_log_odds).astype(np.float32),
            )
            if entity in parents:
                deviations[half_life][entity] = deviation
    return columns


def _all_parents(entities: tuple[Entity, ...]) -> set[Entity]:
    return {parent for entity in entities for parent in parents_of(entity, entities)}


def shrinking_prior(
    entity: Entity,
    entities: tuple[Entity, ...],
    deviations: Mapping[Entity, np.ndarray],
    base_log_odds: float,
) -> np.ndarray | float:
    """Return the rate that is expected from an entity's parents, shape (q,), or of all rows.

    Examples
    --------
    >>> float(shrinking_prior(("ad_id",), (("ad_id",),), {}, 0.0))
    0.5
    """
    parents = parents_of(entity, entities)
    expected = base_log_odds + sum(deviations[parent] for parent in parents)
    return expit(expected)


def estimate_priors(
    codes_of: Callable[[Entity], np.ndarray],
    label: np.ndarray,
    entities: tuple[Entity, ...],
    *,
    weights: np.ndarray | None = None,
) -> RatePriors:
    """Estimate base rate and strengths from training rows, by the method of moments.

    See `moment_strength`; a strength is held within 1 and 10,000.

    Parameters
    ----------
    codes_of : callable
        From entity to codes of the training rows, shape (n,).
    label : ndarray, shape (n,)
    entities : tuple of tuple of str
    weights : ndarray, shape (n,), or None
        Impressions that each row stands for; one each where absent.

    Examples
    --------
    >>> codes, label = np.repeat([0, 1], 500), np.repeat([0, 1], 500)
    >>> estimate_priors(lambda entity: codes, label, (("ad_id",),)).strengths
    {('ad_id',): 1.0}
    """
    weights = np.ones(len(label)) if weights is None else weights
    mean = np.average(label, weights=weights) if weights.any() else 0.5
    base_rate = float(np.clip(mean, _RATE_FLOOR, 1 - _RATE_FLOOR))
    base = float(log_odds(np.array(base_rate)))
    parents, deviations, strengths = _all_parents(entities), {}, {}
    for entity in sorted(entities, key=len):
        codes = np.unique(codes_of(entity), return_inverse=True)[1]
        prior = shrinking_prior(entity, entities, deviations, base)
        prior = np.broadcast_to(prior, len(label))
        impressions, clicks = np.bincount(codes, weights), np.bincount(codes, weights * label)
        expected, seen = np.bincount(codes, weights * prior), impressions > 0
        strengths[entity] = strength = moment_strength(
            clicks[seen], impressions[seen], expected[seen], most=_MOST_STRENGTH
        )
        if entity in parents:
            rate = shrunk_rate(clicks[codes], impressions[codes], prior, strength)
            deviations[entity] = log_odds(rate) - base
    return RatePriors(base_rate, strengths)
