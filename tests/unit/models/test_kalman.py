import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from mlsd.models import KalmanRate
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY


def one_ad(rates, rows_per_day=400, seed=0):
    """One ad among steady others; its rate is `rates` day by day."""
    rng = np.random.default_rng(seed)
    ts = np.sort(rng.uniform(0, len(rates) * DAY, rows_per_day * len(rates)))
    X = {"ad_id": rng.integers(0, 5, len(ts)), "ts": ts}
    rate = np.where(X["ad_id"] == 0, np.array(rates)[(ts // DAY).astype(int)], 0.1)
    return X, (rng.random(len(ts)) < rate).astype(int)


def predicted(model, ad, day):
    return model.predict_proba({"ad_id": [ad], "ts": [day * DAY]})[0, 1]


def nested(rows=3_000, seed=1):
    rng = np.random.default_rng(seed)
    campaign, pair = rng.normal(0, 0.6, 6), rng.normal(0, 0.4, (6, 4))
    X = {"campaign": rng.integers(0, 6, rows), "ad": rng.integers(0, 4, rows)}
    score = campaign[X["campaign"]] + pair[X["campaign"], X["ad"]]
    return X, (rng.random(rows) < expit(score - 2)).astype(int)


def test_one_bucket_is_the_static_posterior_mode():
    # The mode under Gaussian priors is logistic regression with an L2 penalty of 1 / variance.
    X, y = nested()
    pair = X["campaign"] * 10 + X["ad"]
    ids = np.column_stack([X["campaign"], 100 + pair])
    hot = OneHotEncoder(sparse_output=False).fit_transform(ids)
    base = np.full((len(y), 1), np.sqrt(25.0 / 0.25))  # variance 25 for the base rate
    reference = LogisticRegression(
        C=0.25, fit_intercept=False, tol=1e-10, solver="newton-cholesky", max_iter=200
    ).fit(np.hstack([base, hot]), y)
    levels = (("campaign",), ("campaign", "ad"))
    model = KalmanRate(levels=levels, time=None, prior_variance=0.25).fit(X, y)
    expected = reference.predict_proba(np.hstack([base, hot]))[:, 1]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected, atol=2e-4)


def test_posterior_variance_of_one_key_in_closed_form():
    X, y = {"ad": np.repeat([1, 2], [900, 100])}, np.r_[np.arange(900) % 9 == 0, np.zeros(100)]
    model = KalmanRate(levels=(("ad",),), time=None, prior_variance=0.5).fit(X, y)
    _, known = model.log_odds({"ad": [1]})
    _, unknown = model.log_odds({"ad": [77]})
    p = model.predict_proba(X)[:, 1]
    base = 1 / (1 / 25 + (p * (1 - p)).sum())
    own = 1 / (1 / 0.5 + (p * (1 - p))[:900].sum())
    assert known[0] ** 2 == pytest.approx(base + own, rel=1e-6)
    assert unknown[0] ** 2 == pytest.approx(base + 0.5, rel=1e-6)


def test_without_discount_many_buckets_find_what_one_bucket_finds():
    X, y = one_ad([0.3] * 10, rows_per_day=1_000)
    whole = KalmanRate(discount=1.0, step=1e9).fit(X, y)
    hourly = KalmanRate(discount=1.0).fit(X, y)
    for ad in range(5):
        gap = logit(predicted(hourly, ad, 10)) - logit(predicted(whole, ad, 10))
        assert abs(gap) < 0.1
    assert predicted(hourly, 0, 10) == pytest.approx(0.3, abs=0.03)


def test_without_discount_time_passes_without_a_trace():
    X, y = one_ad([0.3] * 4)
    model = KalmanRate(discount=1.0).fit(X, y)
    early, late = (model.log_odds({"ad_id": [0], "ts": [day * DAY]}) for day in (4, 400))
    assert early == late


def test_a_discount_follows_a_jump():
    X, y = one_ad([0.05] * 10 + [0.4] * 4)
    still, moving = (KalmanRate(discount=discount).fit(X, y) for discount in (1.0, 0.6))
    shown = X["ad_id"] == 0
    decayed = np.average(y[shown], weights=0.6 ** (14 - X["ts"][shown] / DAY))
    assert decayed > 0.3
    assert predicted(moving, 0, 14) == pytest.approx(decayed, abs=0.03)
    assert predicted(still, 0, 14) < decayed - 0.08


def test_a_market_that_moves_takes_an_ad_along_that_is_not_shown():
    rng = np.random.default_rng(3)
    ts = np.sort(rng.uniform(0, 10 * DAY, 40_000))
    X = {"ad_id": rng.integers(0, 4, len(ts)), "ts": ts}
    X["ad_id"] = np.where((X["ad_id"] == 3) & (ts > 5 * DAY), 2, X["ad_id"])
    y = rng.random(len(ts)) < np.where(ts < 5 * DAY, 0.05, 0.2)
    model = KalmanRate(discount=0.7, prior_variance=0.05).fit(X, y)
    assert predicted(model, 3, 10) > 1.5 * 0.05
    assert predicted(model, 2, 10) == pytest.approx(0.2, abs=0.04)


def test_variance_grows_by_one_over_the_discount_a_day_up_to_the_prior():
    X, y = one_ad([0.1] * 10)
    model = KalmanRate(discount=0.8, prior_variance=0.5).fit(X, y)
    now = model.now_
    sd = [model.log_odds({"ad_id": [0], "ts": [(now + d) * DAY]})[1][0] for d in (0, 1, 2, 90)]
    assert sd[1] ** 2 / sd[0] ** 2 == pytest.approx(1 / 0.8, rel=0.05)
    assert sd[2] ** 2 / sd[1] ** 2 == pytest.approx(1 / 0.8, rel=0.05)
    assert sd[3] ** 2 == pytest.approx(0.5 + 25.0, rel=1e-6)


def test_an_unknown_key_rests_on_the_level_before():
    X, y = nested()
    model = KalmanRate(levels=(("campaign",), ("campaign", "ad")), time=None).fit(X, y)
    offset = model.states_[1].look_up
    strange = model.predict_proba({"campaign": [2, 99], "ad": [55, 0]})[:, 1]
    base = model.states_[0].mean[0]
    key = model._keys({"campaign": np.array([2]), "ad": np.array([0])}, 1)[1]
    assert logit(strange[0]) == pytest.approx(base + offset(key, np.zeros(1), 1.0)[0][0])
    assert logit(strange[1]) == pytest.approx(base)


def test_days_learned_one_by_one_equal_one_fit():
    X, y = one_ad([0.1] * 3 + [0.3] * 3)
    whole, daily = KalmanRate(discount=0.9).fit(X, y), KalmanRate(discount=0.9)
    for day in range(6):
        rows = (X["ts"] // DAY) == day
        daily.partial_fit({name: values[rows] for name, values in X.items()}, y[rows])
    np.testing.assert_allclose(daily.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    fresh = daily.fit(X, y)
    np.testing.assert_array_equal(fresh.predict_proba(X), whole.predict_proba(X))


def test_new_keys_may_arrive_and_a_batch_may_hold_one_class():
    X, y = one_ad([0.1] * 3)
    model = KalmanRate().partial_fit(X, y)
    before = predicted(model, 0, 3), predicted(model, 9, 3)
    model.partial_fit({"ad_id": np.full(200, 9), "ts": np.full(200, 3 * DAY)}, np.zeros(200))
    assert predicted(model, 9, 3) < 0.6 * before[1]
    assert predicted(model, 0, 3) == pytest.approx(before[0], abs=0.03)
    model.partial_fit({"ad_id": [], "ts": np.zeros(0)}, [])


def test_the_order_of_rows_plays_no_part():
    X, y = one_ad([0.1] * 3 + [0.4] * 3)
    shuffled = np.random.default_rng(0).permutation(len(y))
    frame = pd.DataFrame(X)
    one, two = (KalmanRate().fit(frame.iloc[rows], y[rows]) for rows in (slice(None), shuffled))
    np.testing.assert_allclose(one.predict_proba(frame), two.predict_proba(frame), rtol=1e-9)


def test_a_weight_is_so_many_rows():
    X, y = one_ad([0.1] * 4)
    weights = np.where(np.arange(len(y)) % 4 == 0, 3.0, 1.0)
    again = np.repeat(np.arange(len(y)), weights.astype(int))
    one = KalmanRate().fit(X, y, sample_weight=weights)
    two = KalmanRate().fit({name: values[again] for name, values in X.items()}, y[again])
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-6)


def test_a_flood_of_clicks_on_a_rare_key_does_not_diverge():
    X = {"ad": np.repeat([1, 2], [50_000, 10_000])}
    y = np.r_[np.arange(50_000) % 500 == 0, np.arange(10_000) % 10 > 0]
    model = KalmanRate(levels=(("ad",),), time=None, prior_variance=1.0).fit(X, y)
    rates = model.predict_proba({"ad": [1, 2]})[:, 1]
    np.testing.assert_allclose(rates, [0.002, 0.9], atol=0.002)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"discount": 0.0}, "discount is 0.0; give a number above 0, at most 1"),
        ({"discount": 1.1}, "discount is 1.1"),
        ({"unit": 0}, "unit is 0"),
        ({"step": -1.0}, "step is -1.0"),
        ({"prior_variance": 0.0}, "prior_variance is 0.0"),
        ({"time": "when"}, "column 'when' is missing"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        KalmanRate(**settings).fit(*one_ad([0.1]))


def test_a_row_without_time_is_named():
    X, y = one_ad([0.1])
    X["ts"][7] = np.nan
    with pytest.raises(InputError, match="'ts' is nan in row 7"):
        KalmanRate().fit(X, y)


def test_log_odds_need_a_fit():
    with pytest.raises(InputError, match="call fit first"):
        KalmanRate().log_odds({"ad_id": [1], "ts": [0.0]})
