"""From a fitted scorer to what a service runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy.special import logit

from mlsd import models
from mlsd.features import hash_buckets
from mlsd.features.encoders import column_salt
from mlsd.models.base import Scorer
from mlsd.models.deep import DeepScorer
from mlsd.models.stacking import EDGE
from mlsd.models.tasks import OneTask
from mlsd.runtime import InputError
from mlsd.serving.compiled.encoding import HashedIds
from mlsd.serving.compiled.networks import FirstTask, PaddedInterest
from mlsd.serving.compiled.parts import ServedParts
from mlsd.serving.compiled.scorers import (
    ConstantScore,
    KeyOffsets,
    LinearScore,
    NetworkScore,
    PastItems,
    RateLevel,
    RateLevels,
    ServedScorer,
    SummedOffsets,
    WeightedScores,
)
from mlsd.serving.compiled.trees import compile_trees, leaf_numbers
from mlsd.serving.compressed_student import CompressedStudent

_NO_LIMIT = 1e300


def compile_scorer(scorer: Scorer) -> ServedScorer:
    """Return what scores as a fitted scorer does.

    Raises
    ------
    InputError
        If there is no served form of the scorer, or of what it reads.

    Examples
    --------
    >>> from mlsd.serving.compiled.encoding import RequestColumns
    >>> X = {"ad_id": np.arange(100) % 2}
    >>> fitted = models.GlobalRate().fit(X, X["ad_id"])
    >>> compile_scorer(fitted).score(RequestColumns(X))[:2]
    array([0., 0.])
    """
    return _served(ServedParts(), scorer)


def _served(parts: ServedParts, scorer: Scorer) -> ServedScorer:
    for kind in type(scorer).__mro__:
        if kind in _FORMS:
            return _FORMS[kind](parts, scorer)
    raise InputError(f"{type(scorer).__name__} has no served form; choose another rung")


def _global_rate(parts: ServedParts, scorer: models.GlobalRate) -> ServedScorer:
    return ConstantScore(float(logit(scorer.rate_)))


def _smoothed_rate(parts: ServedParts, scorer: models.SmoothedRate) -> ServedScorer:
    levels = tuple(
        RateLevel(
            parts.codes(table.encoder),
            np.array(table.encoder.sizes_, dtype=np.int64),
            table.keys,
            table.clicks,
            table.impressions,
            strength,
        )
        for table, strength in zip(scorer.tables_, scorer.strengths_)
    )
    return RateLevels(scorer.rate_, levels)


def _kalman_rate(parts: ServedParts, scorer: models.KalmanRate) -> ServedScorer:
    base, *states = scorer.states_
    levels = zip(scorer.levels, states)
    offsets = (KeyOffsets(tuple(names), state.keys, state.mean) for names, state in levels)
    return SummedOffsets(float(base.mean[0]), tuple(offsets))


def _hashed(names: tuple[str, ...], bits: int, salted_as: tuple[str, ...]) -> HashedIds | None:
    salts = np.array([column_salt(name) for name in salted_as], dtype=np.uint64)
    return HashedIds(tuple(names), salts, bits) if names else None


def _hashed_regression(parts: ServedParts, scorer: models.HashedLogisticRegression) -> ServedScorer:
    if scorer.crosses:
        raise InputError("a regression with crosses has no served form; fit it without")
    names, ids = tuple(scorer.categorical), len(scorer.used_)
    hashed, scale = _hashed(names, scorer.bits, names), parts.scale(scorer.scale_)
    weights = scorer.coef_[:ids], scale, scorer.coef_[ids:]
    return LinearScore(scorer.intercept_, hashed, scorer.used_, *weights)


def _ftrl(parts: ServedParts, scorer: models.FTRLProximal) -> ServedScorer:
    by_bucket, (intercept, *numbers) = scorer.coefficients()
    names, used = tuple(scorer.categorical), np.flatnonzero(by_bucket)
    hashed, scale = _hashed(names, scorer.bits, names), parts.scale(scorer.scale_)
    weights = by_bucket[used], scale, np.array(numbers)
    return LinearScore(float(intercept), hashed, used, *weights)


def _trees(
    parts: ServedParts,
    scorer: models.LightGBMScorer | models.LambdaMART,
    rename: Mapping[str, str] | None = None,
) -> ServedScorer:
    codes = parts.codes(scorer.vocabulary_)
    dump, fields = scorer.booster_.dump_model(), len(scorer.categorical)
    numeric = tuple((rename or {}).get(name, name) for name in scorer.numeric)
    return compile_trees(dump, codes=codes, fields=fields, numeric=numeric)


def compile_trees_of(
    ranker: models.LambdaMART, *, rename: Mapping[str, str] | None = None
) -> ServedScorer:
    """Return what scores as a fitted ranker does.

    Parameters
    ----------
    ranker : LambdaMART
    rename : mapping of str to str, optional
        What columns of numbers are called where they are served.

    Examples
    --------
    >>> from mlsd.serving.compiled.encoding import RequestColumns
    >>> X = {"age": np.tile([1.0, 2.0, 3.0], 200)}
    >>> ranker = models.LambdaMART(numeric=("age",), n_estimators=5)
    >>> ranker = ranker.fit(X, np.tile([0, 1, 2], 200), np.repeat(np.arange(200), 3))
    >>> served = compile_trees_of(ranker, rename={"age": "days"})
    >>> found = served.score(RequestColumns({"days": np.array([1.0, 3.0])}))
    >>> np.allclose(found, ranker.score({"age": [1.0, 3.0]}))
    True
    """
    return _trees(ServedParts(), ranker, rename)


def _tree_leaves(parts: ServedParts, scorer: models.TreeLeavesLogisticRegression) -> ServedScorer:
    """Return trees whose leaves are worth what the regression says, beside its weights of ids."""
    trees, linear = _trees(parts, scorer.trees_), scorer.linear_
    by_bucket = dict(zip(linear.used_.tolist(), linear.coef_.tolist()))
    leaves = np.zeros_like(trees.leaves)
    for tree, numbers in enumerate(leaf_numbers(scorer.trees_.booster_.dump_model())):
        field = f"tree {tree}"
        buckets = hash_buckets({field: np.array(numbers)}, (field,), linear.bits).ravel()
        leaves[tree, : len(numbers)] = [by_bucket.get(bucket, 0.0) for bucket in buckets.tolist()]
    names = tuple(scorer.categorical) if scorer.keep_ids else ()
    hashed = _hashed(names, linear.bits, tuple(f"id {name}" for name in names))
    weights = linear.used_, linear.coef_[: len(linear.used_)], None, np.zeros(0)
    ids = LinearScore(linear.intercept_, hashed, *weights)
    return WeightedScores((replace(trees, leaves=leaves), ids), np.ones(2), 0.0, _NO_LIMIT)


def _deep(parts: ServedParts, scorer: DeepScorer) -> ServedScorer:
    return parts.network(scorer)


def _din(parts: ServedParts, scorer: models.DIN) -> ServedScorer:
    if not scorer.histories:
        raise InputError("DIN without histories has no served form; give it histories")
    past = PastItems(
        tuple(name for name, _ in scorer.histories), tuple(scorer.attended), scorer.pad
    )
    return parts.network(scorer, PaddedInterest(scorer.network_), past)


def _one_task(parts: ServedParts, scorer: OneTask) -> ServedScorer:
    if not isinstance(scorer.scorer, models.ESMM) or scorer.task != scorer.scorer.tasks[0]:
        raise InputError(f"task {scorer.task!r} has no served form; serve the first of ESMM")
    return parts.network(scorer.scorer, FirstTask(scorer.scorer.network_))


def _student(parts: ServedParts, scorer: CompressedStudent) -> ServedScorer:
    encoders = scorer.encoders_
    codes, scale = parts.codes(encoders.vocabulary_), parts.scale(encoders.scale_)
    return NetworkScore(scorer.graph_, codes, scale, None)


def _ensemble(parts: ServedParts, scorer: models.StackedEnsemble) -> ServedScorer:
    members, weights = [], []
    for name, fits in scorer.fitted_.items():
        members += [_served(parts, each) for each in fits]
        weights += [scorer.weights_[name] / len(fits)] * len(fits)
    limit = float(logit(1 - EDGE))
    return WeightedScores(tuple(members), np.array(weights), float(scorer.intercept_), limit)


_FORMS: Mapping[type, Callable[[ServedParts, Scorer], ServedScorer]] = {
    models.GlobalRate: _global_rate,
    models.SmoothedRate: _smoothed_rate,
    models.KalmanRate: _kalman_rate,
    models.HashedLogisticRegression: _hashed_regression,
    models.FTRLProximal: _ftrl,
    models.LightGBMScorer: _trees,
    models.TreeLeavesLogisticRegression: _tree_leaves,
    models.DIN: _din,
    DeepScorer: _deep,
    OneTask: _one_task,
    CompressedStudent: _student,
    models.StackedEnsemble: _ensemble,
}
