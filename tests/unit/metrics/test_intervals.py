from functools import partial

import numpy as np
import pytest

from mlsd.metrics import (
    Interval,
    auc,
    average_precision,
    bootstrap_draws,
    bootstrap_interval,
    calibration_ratio,
    expected_calibration_error,
    log_loss,
    mean_draws,
    mean_interval,
    normalized_entropy,
    paired_interval,
)
from mlsd.runtime import InputError

EVERY = (
    log_loss,
    normalized_entropy,
    calibration_ratio,
    auc,
    average_precision,
    expected_calibration_error,
)


def simulate_rows(random, rows):
    p = random.beta(2, 6, rows)
    return (random.random(rows) < p).astype(int), p


@pytest.fixture
def sample():
    y, p = simulate_rows(np.random.default_rng(11), 400)
    return y, p.round(2), np.arange(400) % 60


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize("clustered", [False, True])
def test_weighted_draws_equal_the_metric_on_the_repeated_rows(metric, clustered, sample):
    y, p, users = sample
    clusters = users if clustered else None
    # A partial is not known to the module, so it takes the road of any other metric.
    draws, repeated = (
        bootstrap_draws(m, y, p, clusters=clusters, repetitions=20, seed=4)
        for m in (metric, partial(metric))
    )
    assert draws == pytest.approx(repeated, rel=1e-9)
    assert len(set(draws.tolist())) == 20


@pytest.mark.parametrize("metric", [log_loss, normalized_entropy, calibration_ratio, auc])
def test_intervals_cover_the_truth_about_as_often_as_they_say(metric):
    random = np.random.default_rng(0)
    truth = metric(*simulate_rows(random, 1_000_000))
    covered = [
        not bootstrap_interval(metric, *simulate_rows(random, 500), repetitions=200).excludes(truth)
        for _ in range(300)
    ]
    assert 0.90 <= np.mean(covered) <= 0.99


def simulate_users(random, users):
    """Rows of a user share one taste, of which the prediction knows nothing."""
    rates = np.repeat(random.beta(1, 3, users), 20)
    return (random.random(len(rates)) < rates).astype(int), np.repeat(np.arange(users), 20)


def test_only_clustered_intervals_cover_when_users_repeat():
    random = np.random.default_rng(1)
    covered = {"rows": [], "users": []}
    for _ in range(200):
        y, users = simulate_users(random, 60)
        p = np.full(len(y), 0.25)
        for name, clusters in (("rows", None), ("users", users)):
            interval = bootstrap_interval(
                calibration_ratio, y, p, clusters=clusters, repetitions=200
            )
            covered[name].append(not interval.excludes(1))
    assert np.mean(covered["rows"]) < 0.75
    assert 0.90 <= np.mean(covered["users"]) <= 0.99


def test_paired_intervals_cover_the_true_difference_and_are_narrower():
    random = np.random.default_rng(2)
    y, p = simulate_rows(random, 1_000_000)
    truth = log_loss(y, p**0.9) - log_loss(y, p)
    covered, widths = [], []
    for _ in range(200):
        y, p = simulate_rows(random, 500)
        paired = paired_interval(log_loss, y, p**0.9, p, repetitions=200)
        alone = bootstrap_interval(log_loss, y, p, repetitions=200)
        covered.append(not paired.excludes(truth))
        widths.append((paired.high - paired.low) / (alone.high - alone.low))
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.median(widths) < 0.5


def test_draws_of_two_predictions_share_their_rows(sample):
    y, p, users = sample
    a, b = (
        bootstrap_draws(calibration_ratio, y, q, clusters=users, repetitions=50, seed=3)
        for q in (p, p / 2)
    )
    assert a == pytest.approx(2 * b)


def test_the_seed_decides(sample):
    y, p, _ = sample
    draws = [bootstrap_draws(auc, y, p, repetitions=10, seed=seed) for seed in (1, 1, 2)]
    assert draws[0].tolist() == draws[1].tolist() != draws[2].tolist()


def test_names_of_clusters_do_not_matter(sample):
    y, p, users = sample
    names = np.array([f"user {user:02d}" for user in users])
    by_name, by_code = (
        bootstrap_draws(log_loss, y, p, clusters=c, repetitions=10) for c in (names, users)
    )
    assert by_name.tolist() == by_code.tolist()


def test_a_wider_level_gives_a_wider_interval(sample):
    y, p, _ = sample
    narrow, wide = (bootstrap_interval(auc, y, p, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert narrow.estimate == auc(y, p)


def test_a_resample_without_clicks_is_left_out():
    y, p = [1, 0, 0], [0.3, 0.2, 0.1]
    for metric in (normalized_entropy, auc, calibration_ratio, partial(auc)):
        draws = bootstrap_draws(metric, y, p, repetitions=200)
        assert 0.2 < np.isnan(draws).mean() < 0.5
        assert np.isfinite(bootstrap_interval(metric, y, p).low)


def test_mean_interval_covers_and_skips_absent_values():
    random = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        values = random.exponential(1, 100)
        values[::7] = np.nan
        covered.append(not mean_interval(values, repetitions=200).excludes(1))
    assert 0.88 <= np.mean(covered) <= 0.99
    assert mean_interval(values).estimate == np.nanmean(values)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"clusters": [1, 2]}, r"clusters has shape \(2,\); pass one per row, shape \(3,\)"),
        ({"repetitions": 0}, "repetitions is 0"),
        ({"level": 95}, "level is 95"),
    ],
)
def test_bad_settings_are_named(keywords, message):
    with pytest.raises(InputError, match=message):
        bootstrap_interval(auc, [0, 1, 1], [0.1, 0.2, 0.3], **keywords)


def test_bad_rows_are_named_as_by_the_metric():
    with pytest.raises(InputError, match="all 2 labels are 1"):
        bootstrap_interval(auc, [1, 1], [0.1, 0.2])
    with pytest.raises(InputError, match="no value"):
        mean_interval([np.nan])


def test_a_tie_is_an_interval_that_holds_zero():
    assert not Interval(0.1, -0.1, 0.3).excludes(0)
    assert Interval(0.2, 0.1, 0.3).excludes(0)


def test_a_mean_is_resampled_by_cluster_as_a_whole():
    values = np.random.default_rng(8).random(50)
    twice, clusters = np.repeat(values, 2), np.repeat(np.arange(50), 2)
    draws = mean_draws(twice, clusters=clusters, repetitions=20, seed=3)
    np.testing.assert_allclose(draws, mean_draws(values, repetitions=20, seed=3))
