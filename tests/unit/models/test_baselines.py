import numpy as np
import pytest

from mlsd.models import GlobalRate, SmoothedRate
from mlsd.runtime import InputError

LOG = {"ad_id": ["a", "a", "a", "b"], "slot": [1, 1, 2, 1]}
CLICKS = [1, 0, 1, 0]


def rates(model, **columns):
    return model.predict_proba(columns)[:, 1]


def test_global_rate_is_the_weighted_share_of_clicks():
    model = GlobalRate().fit(LOG, CLICKS, sample_weight=[3, 1, 1, 1])
    assert model.rate_ == pytest.approx(4 / 6)


def test_levels_by_hand():
    model = SmoothedRate(levels=(("ad_id",), ("ad_id", "slot")), strength=2.0).fit(LOG, CLICKS)
    by_ad = (2 + 2 * 0.5) / (3 + 2)
    expected = [(1 + 2 * by_ad) / (2 + 2), by_ad, 0.5, 0.5]
    predicted = rates(model, ad_id=["a", "a", "new", "new"], slot=[1, 9, 1, 9])
    np.testing.assert_allclose(predicted, expected)


def test_a_level_that_is_not_nested_shrinks_to_the_estimate_of_its_row():
    model = SmoothedRate(levels=(("ad_id",), ("slot",)), strength=2.0).fit(LOG, CLICKS)
    by_ad = {"a": 3 / 5, "b": 1 / 3}
    expected = [(1 + 2 * by_ad["a"]) / (3 + 2), (1 + 2 * by_ad["b"]) / (3 + 2)]
    np.testing.assert_allclose(rates(model, ad_id=["a", "b"], slot=[1, 1]), expected)


@pytest.mark.parametrize(("strength", "expected"), [(1e-9, [2 / 3, 0.0]), (1e12, [0.5, 0.5])])
def test_limits_of_the_strength(strength, expected):
    model = SmoothedRate(levels=(("ad_id",),), strength=strength).fit(LOG, CLICKS)
    np.testing.assert_allclose(rates(model, ad_id=["a", "b"]), expected, atol=1e-6)


@pytest.mark.parametrize("strength", [10.0, 100.0])
def test_auto_recovers_the_prior_of_a_beta_binomial(strength):
    rng = np.random.default_rng(4)
    truth = rng.beta(0.1 * strength, 0.9 * strength, 4_000)
    ads = np.repeat(np.arange(4_000), rng.integers(5, 60, 4_000))
    y = rng.random(len(ads)) < truth[ads]
    model = SmoothedRate(levels=(("ad_id",),)).fit({"ad_id": ads}, y)
    assert model.strengths_[0] == pytest.approx(strength, rel=0.15)


def test_auto_predicts_better_than_too_weak_and_too_strong():
    rng = np.random.default_rng(5)
    truth = rng.beta(2, 38, 500)
    ads = np.repeat(np.arange(500), 30)
    y = (rng.random(len(ads)) < truth[ads]).astype(int)
    errors = {}
    for strength in ("auto", 1.0, 1e5):
        model = SmoothedRate(levels=(("ad_id",),), strength=strength).fit({"ad_id": ads}, y)
        errors[strength] = np.mean((rates(model, ad_id=np.arange(500)) - truth) ** 2)
    assert errors["auto"] < min(errors[1.0], errors[1e5])


def test_auto_without_differences_trusts_the_level_before():
    y = np.tile([1, 0], 500)
    model = SmoothedRate(levels=(("ad_id",),)).fit({"ad_id": np.arange(1_000) // 100}, y)
    assert model.strengths_[0] > 1e6
    np.testing.assert_allclose(rates(model, ad_id=[0, 5]), 0.5, atol=1e-6)


@pytest.mark.parametrize("strength", [0, -1.0, float("nan")])
def test_strength_has_to_be_above_zero(strength):
    with pytest.raises(InputError, match="strength is"):
        SmoothedRate(levels=(("ad_id",),), strength=strength).fit(LOG, CLICKS)
