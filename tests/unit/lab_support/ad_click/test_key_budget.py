"""What a policy of the leaves lab holds by key counts, in whatever form it holds it."""

import pytest

from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.key_budget import CONTEXT, _keys_of, fitted_policy, log_keys
from mlsd.lab_support.ad_click.small_log import small_log
from mlsd.models import HashedLogisticRegression, SmoothedRate

PAIR = ("user_id", "category")


@pytest.fixture(scope="module")
def log():
    """Return two days of a small world."""
    return small_log(days=2)


@pytest.mark.parametrize(
    "model",
    [
        HashedLogisticRegression(categorical=CONTEXT, crosses=(PAIR,)),
        SmoothedRate(levels=(PAIR,)),
    ],
)
def test_crosses_and_levels_need_the_keys_that_a_counter_needs(log, model):
    assert _keys_of(fitted_policy(log, model), log) == log_keys(log, [PAIR])


def test_counters_and_crosses_are_added_and_one_entity_counts_once(log):
    counters = CounterFeatures([("ad_id",), PAIR], half_lives=(86_400.0,), refresh="nightly")
    model = HashedLogisticRegression(
        categorical=CONTEXT, numeric=counters.names, crosses=(PAIR, ("category", "region"))
    )
    policy = fitted_policy(log, model, counters)
    entities = [("ad_id",), PAIR, ("category", "region")]
    assert _keys_of(policy, log) == log_keys(log, entities)


def test_a_policy_on_context_needs_no_key(log):
    model = HashedLogisticRegression(categorical=CONTEXT)
    assert _keys_of(fitted_policy(log, model), log) == 0
