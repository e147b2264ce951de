"""Metrics of rows that stand for several: equal to scikit-learn's, and to the rows written out."""

from functools import partial

import numpy as np
import pytest
from sklearn import metrics as reference

from mlsd.metrics import (
    auc,
    auc_of_group,
    average_precision,
    best_f1_threshold,
    bootstrap_draws,
    bootstrap_interval,
    calibration_ratio,
    expected_calibration_error,
    f1_score,
    grouped_auc,
    log_loss,
    mean_draws,
    mean_interval,
    normalized_entropy,
    paired_interval,
)
from mlsd.metrics.weighted import effective_size, effective_sizes
from mlsd.runtime import InputError

f1_at_a_fifth = partial(f1_score, threshold=0.2)
EVERY = {
    "log_loss": log_loss,
    "normalized_entropy": normalized_entropy,
    "auc": auc,
    "average_precision": average_precision,
    "f1_score": f1_at_a_fifth,
    "best_f1_threshold": best_f1_threshold,
    "calibration_ratio": calibration_ratio,
    "expected_calibration_error": expected_calibration_error,
}
METRICS = [name for name in EVERY if name != "best_f1_threshold"]


@pytest.fixture(params=[8, 1], ids=["distinct", "tied"])
def sample(request):
    random = np.random.default_rng(7)
    p = random.beta(1, 6, 1_500).round(request.param)
    y = (random.random(1_500) < p).astype(int)
    return y, p, random.integers(0, 4, 1_500), random.integers(0, 90, 1_500)


def test_equal_to_scikit_learn(sample):
    y, p, whole, _ = sample
    weights = whole + 0.25
    for mine, theirs in (
        (log_loss, reference.log_loss),
        (auc, reference.roc_auc_score),
        (average_precision, reference.average_precision_score),
    ):
        expected = theirs(y, p, sample_weight=weights)
        assert mine(y, p, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    expected = reference.f1_score(y, p >= 0.2, sample_weight=weights)
    assert f1_at_a_fifth(y, p, sample_weight=weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_a_weight_of_three_is_the_row_three_times(name, sample):
    y, p, weights, _ = sample
    rows = np.repeat(np.arange(len(y)), weights)
    expected = pytest.approx(EVERY[name](y[rows], p[rows]), rel=1e-9)
    assert EVERY[name](y, p, sample_weight=weights) == expected
    assert name == "best_f1_threshold" or EVERY[name](y, p) != expected


@pytest.mark.parametrize("name", EVERY)
def test_weights_of_one_change_not_a_bit(name, sample):
    y, p, _, _ = sample
    assert EVERY[name](y, p, sample_weight=np.ones(len(y))) == EVERY[name](y, p)


@pytest.mark.parametrize("name", EVERY)
def test_the_scale_of_the_weights_plays_no_part(name, sample):
    y, p, weights, _ = sample
    one, many = (EVERY[name](y, p, sample_weight=scale * weights) for scale in (1, 16))
    assert one == pytest.approx(many, rel=1e-12)


def test_auc_within_groups_is_that_of_the_rows_written_out(sample):
    y, p, weights, users = sample
    rows = np.repeat(np.arange(len(y)), weights)
    expected = grouped_auc(y[rows], p[rows], users[rows])
    assert grouped_auc(y, p, users, sample_weight=weights) == pytest.approx(expected, rel=1e-9)
    by_row = auc_of_group(y, p, users, sample_weight=weights)
    user = users[np.isfinite(by_row)][0]
    mine = users == user
    theirs = reference.roc_auc_score(y[mine], p[mine], sample_weight=weights[mine])
    assert by_row[mine] == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("clustered", [False, True])
def test_draws_take_the_weight_along_with_the_row(name, clustered, sample):
    y, p, weights, users = sample
    metric, clusters = EVERY[name], users if clustered else None
    draws, repeated = (
        bootstrap_draws(each, y, p, sample_weight=weights, clusters=clusters, repetitions=15)
        for each in (metric, lambda y, p, sample_weight: metric(y, p, sample_weight=sample_weight))
    )
    assert draws == pytest.approx(repeated, rel=1e-9)
    assert len(set(draws.tolist())) == 15


def test_intervals_hold_the_weighted_estimate(sample):
    y, p, weights, users = sample
    options = {"sample_weight": weights, "clusters": users, "repetitions": 60}
    interval = bootstrap_interval(log_loss, y, p, **options)
    assert interval.estimate == log_loss(y, p, sample_weight=weights)
    assert interval.low < interval.estimate < interval.high
    pair = paired_interval(log_loss, y, p, p / 2, **options)
    half = log_loss(y, p / 2, sample_weight=weights)
    assert pair.estimate == pytest.approx(interval.estimate - half)


def test_a_mean_and_its_draws_are_weighted_and_skip_what_is_absent():
    values, weights = np.array([1.0, 3.0, np.nan, 5.0]), np.array([2.0, 1.0, 9.0, 1.0])
    assert mean_interval(values, sample_weight=weights, repetitions=9).estimate == 2.5
    draws = mean_draws(np.repeat(values, 50), sample_weight=np.repeat(weights, 50))
    assert draws.mean() == pytest.approx(2.5, abs=0.05)


def test_whole_log_and_weighted_sample_agree():
    random = np.random.default_rng(8)
    p = random.beta(1, 20, 200_000)
    y = (random.random(len(p)) < p).astype(int)
    kept = (y == 1) | (random.random(len(p)) < 0.1)
    weights = np.where(y == 1, 1.0, 10.0)[kept]
    for name, tolerance in (("normalized_entropy", 0.01), ("calibration_ratio", 0.03)):
        whole, bare = EVERY[name](y, p), EVERY[name](y[kept], p[kept])
        corrected = EVERY[name](y[kept], p[kept], sample_weight=weights)
        assert corrected == pytest.approx(whole, abs=tolerance)
        assert abs(bare - whole) > 3 * tolerance


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "y has 3 rows and sample_weight has 2"),
        ([1, -1, 1], r"sample_weight\[1\] is -1; a weight is 0 or more"),
        ([1, 1, np.nan], r"sample_weight\[2\] is nan"),
        ([0, 0, 0], "sample_weight is 0 everywhere"),
        ([[1, 1, 1]], "sample_weight has shape"),
    ],
)
def test_bad_weights_are_named(name, weights, message):
    with pytest.raises(InputError, match=message):
        EVERY[name]([0, 1, 0], [0.1, 0.5, 0.2], sample_weight=weights)


@pytest.mark.parametrize("name", ["normalized_entropy", "auc"])
def test_a_class_without_weight_is_not_there(name):
    with pytest.raises(InputError, match="needs both 0 and 1"):
        EVERY[name]([0, 1, 0], [0.1, 0.5, 0.2], sample_weight=[1, 0, 1])


def test_a_thinned_log_says_what_the_effective_size_of_each_label_says():
    """All clicks and a tenth of the rest: over all rows, Kish's figure is eight times too small."""
    rate, losses, random = 0.02, [], np.random.default_rng(3)
    for _ in range(300):
        y = (random.random(20_000) < rate).astype(int)
        kept = (y == 1) | (random.random(len(y)) < 0.1)
        weights = np.where(y == 1, 1.0, 10.0)[kept]
        losses.append(log_loss(y[kept], np.full(kept.sum(), rate), sample_weight=weights))
    variance_of_a_row = np.log(rate / (1 - rate)) ** 2 * rate * (1 - rate)
    equal_rows = variance_of_a_row / np.var(losses)
    zeros, ones = effective_sizes(weights, y[kept])
    assert equal_rows == pytest.approx(1 / (rate * (1 - rate) * (1 / ones + 1 / zeros)), rel=0.25)
    assert equal_rows > 6 * effective_size(weights)
