"""Policies that any world can use, in a world without ads, candidates or clicks."""

import numpy as np
import pytest

from mlsd.monitoring import RecordedPolicy
from mlsd.policies import CanaryPolicy, ModelPolicy
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY

OPTIONS = {"days": 3, "history_days": 1}
NAMES = {"user": "card_id", "table": "payments", "outcome": "approved_honest"}


@pytest.fixture
def canary_of(payments):
    """Return a function that makes a canary which watches honest payments that were approved."""

    class Watched(CanaryPolicy):
        def observe(self, events):
            rows = events["payments"]
            honest = (rows["fraud"] == 0) & ~rows["declined"].astype(bool)
            super().observe({"payments": rows.assign(approved_honest=honest.astype(int))})

    def make(control, treatment, **options):
        return Watched(control, treatment, **NAMES, **options)

    return make


def test_a_canary_declines_for_its_own_cards_only(payments, canary_of):
    canary = canary_of(payments.DeclineAbove(), payments.DeclineAbove(-1.0), share=20)
    context = {"card_id": np.array([5, 19, 20, 39]), "amount": np.full(4, 50.0)}
    requests = payments.Requests(np.zeros(4), np.arange(4), context)
    assert canary.act(requests).decline.tolist() == [True, True, False, False]


def test_a_canary_of_equals_changes_nothing_and_stays(payments, canary_of):
    world, policy = payments.PaymentWorld(3), payments.DeclineAbove(200.0)
    canary = canary_of(policy, policy, share=30)
    report, alone = world.deploy(canary, **OPTIONS), world.deploy(policy, **OPTIONS)
    assert report.measures == alone.measures
    assert canary.rolled_back_at is None
    # What was counted is the copy's.
    assert (canary.trials.tolist(), canary.successes.tolist()) == ([0, 0], [0, 0])


def test_a_canary_that_declines_everything_is_taken_back(payments, canary_of):
    world = payments.PaymentWorld(3)
    canary = canary_of(payments.DeclineAbove(), payments.DeclineAbove(-1.0), share=10, start=DAY)
    record = RecordedPolicy(canary, table="payments")
    world.deploy(record, **OPTIONS)
    # Frauds are known a day later, so nothing of the canary is known before the third day.
    assert 2 * DAY <= canary.rolled_back_at < 3 * DAY
    rows = record.rows()
    declined = rows["declined"].astype(bool)
    assert set(rows.loc[declined, "card_id"]) <= set(range(10))
    assert rows.loc[declined, "ts"].max() <= canary.rolled_back_at


def test_a_record_holds_what_became_known_and_changes_nothing(payments):
    world, policy = payments.PaymentWorld(3), payments.DeclineAbove(200.0)
    recorded = RecordedPolicy(policy, table="payments")
    report = world.deploy(recorded, **OPTIONS)
    assert report.measures == world.deploy(policy, **OPTIONS).measures
    rows = recorded.rows()
    assert rows["payment_id"].is_unique
    assert rows["ts"].is_monotonic_increasing
    # Three days of payments, of which one is older than the deployment and none of the last day.
    assert len(rows) == 3 * payments.PER_TICK * 24 // payments.TICK_HOURS


def test_a_table_that_the_world_has_not_is_one_clear_line(payments):
    world, policy = payments.PaymentWorld(3), payments.DeclineAbove()
    canary = CanaryPolicy(policy, policy, user="card_id")
    for wrong in (canary, RecordedPolicy(policy)):
        with pytest.raises(InputError, match="no event table 'impressions'; choose among payments"):
            world.deploy(wrong, **OPTIONS)


def test_a_scorer_decides_on_payments(payments):
    class Declines(ModelPolicy):
        def decide(self, requests, probability):
            return payments.Decision(probability > 0.5)

    class Large:
        def predict_proba(self, X):
            large = (X["amount"] > 100.0).astype(float)
            return np.column_stack([1 - large, large])

    world = payments.PaymentWorld(3)
    scored = world.deploy(Declines(Large(), table="payments"), **OPTIONS)
    assert scored.measures == world.deploy(payments.DeclineAbove(100.0), **OPTIONS).measures
