"""Policies that any world can use, in a world without ads, candidates or clicks."""

import numpy as np
import pytest

from mlsd.monitoring import RecordedPolicy, ShadowedPolicy
from mlsd.policies import CanaryPolicy, ModelPolicy, in_canary
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY

OPTIONS = {"days": 3, "history_days": 1}
NAMES = {"user": "card_id", "table": "payments", "outcomes": {"approved_honest": 1}}


@pytest.fixture
def canary_of(payments):
    """Return a function that makes a canary which watches honest payments that were approved."""

    class Watched(CanaryPolicy):
        def watched(self, events):
            rows = super().watched(events)
            honest = (rows["fraud"] == 0) & ~rows["declined"].astype(bool)
            return rows.assign(approved_honest=honest.astype(int))

    def make(control, treatment, **options):
        return Watched(control, treatment, **NAMES, **options)

    return make


def test_a_canary_declines_for_its_own_cards_only(payments, canary_of):
    canary = canary_of(payments.DeclineAbove(), payments.DeclineAbove(-1.0), share=20)
    cards = np.arange(40)
    context = {"card_id": cards, "amount": np.full(40, 50.0)}
    requests = payments.Requests(np.zeros(40), np.arange(40), context)
    declined = canary.act(requests).decline
    assert declined.tolist() == in_canary(cards, 20).tolist()
    assert 0 < declined.sum() < 20


def test_a_canary_of_equals_changes_nothing_and_stays(payments, canary_of):
    world, policy = payments.PaymentWorld(3), payments.DeclineAbove(200.0)
    canary = canary_of(policy, policy, share=30)
    report, alone = world.deploy(canary, **OPTIONS), world.deploy(policy, **OPTIONS)
    assert report.measures == alone.measures
    assert canary.rolled_back_at is None
    # What was counted is the copy's.
    assert canary.totals.sum() == 0


def test_a_canary_that_declines_everything_is_taken_back(payments, canary_of):
    world = payments.PaymentWorld(3)
    canary = canary_of(payments.DeclineAbove(), payments.DeclineAbove(-1.0), share=10, start=DAY)
    record = RecordedPolicy(canary, table="payments")
    world.deploy(record, **OPTIONS)
    # Frauds are known a day later, so nothing of the canary is known before the third day.
    assert 2 * DAY <= canary.rolled_back_at < 3 * DAY
    rows = record.rows()
    declined = rows["declined"].astype(bool)
    assert in_canary(rows.loc[declined, "card_id"].to_numpy(), 10).all()
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


def test_a_shadow_decides_on_every_payment_and_serves_none(payments):
    world, live = payments.PaymentWorld(3), payments.DeclineAbove(200.0)

    def describe(requests, actions, served):
        return {"declined": actions.decline, "served": served.decline}

    shadows = {"strict": payments.DeclineAbove(-1.0), "same": live}
    shadowed = ShadowedPolicy(live, shadows, describe)
    report = world.deploy(shadowed, **OPTIONS)
    assert report.measures == world.deploy(live, **OPTIONS).measures
    decisions = shadowed.decisions()
    assert decisions.loc["strict", "declined"].all()
    assert decisions.loc["same", "declined"].equals(
        decisions.loc["same", "served"].rename("declined")
    )
    assert len(decisions) == 2 * 3 * payments.PER_TICK * 24 // payments.TICK_HOURS


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
