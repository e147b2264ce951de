import numpy as np
import pytest

from mlsd.worlds.ad_click.auction import (
    best_candidates,
    explore,
    next_scores,
    run_auction,
    slot_prices,
)

# Four candidates; scores bid * rate = 0.06, 0.10, 0.02, 0.03: order 1, 0, 3, 2.
BID = np.array([[2.0, 5.0, 1.0, 0.5]])
RATE = np.array([[0.03, 0.02, 0.02, 0.06]])


def auction(rule, slots=2, bid=BID, rate=RATE):
    return run_auction(bid * rate, bid, slots=slots, rule=rule, reserve=0.05)


def test_slots_follow_rank():
    assert auction("gsp", slots=4).candidate.tolist() == [[1, 0, 3, 2]]


def test_gsp_prices_by_hand():
    # 0.06 / 0.02 = 3.0 for the first slot, 0.03 / 0.03 = 1.0 for the second.
    np.testing.assert_allclose(auction("gsp").price, [[3.0, 1.0]])


def test_second_price_charges_what_just_wins_a_slot():
    # The best that found no slot scores 0.03: 0.03 / 0.02 and 0.03 / 0.03.
    np.testing.assert_allclose(auction("second").price, [[1.5, 1.0]])


def test_first_price_is_the_own_bid():
    np.testing.assert_allclose(auction("first").price, [[5.0, 2.0]])


def test_with_one_slot_gsp_is_the_second_price_auction():
    np.testing.assert_allclose(auction("gsp", slots=1).price, auction("second", slots=1).price)


def test_no_price_depends_on_a_common_factor_of_the_predictions():
    np.testing.assert_allclose(auction("gsp", rate=RATE * 3).price, auction("gsp").price)


@pytest.mark.parametrize("rule", ["gsp", "second"])
def test_without_a_rival_the_reserve_is_paid(rule):
    outcome = auction(rule, slots=4)
    assert outcome.price[0, 3] == pytest.approx(0.05)


@pytest.mark.parametrize("following", [0.0, 0.02])
def test_a_bid_below_the_reserve_pays_its_bid(following):
    price = slot_prices(np.array([[0.03]]), np.array([[0.01]]), np.array([[following]]), 0.05)
    assert price.tolist() == [[0.03]]


def test_no_price_exceeds_the_bid_or_falls_below_the_reserve():
    rng = np.random.default_rng(0)
    bid = rng.uniform(0.06, 3, (500, 10))
    outcome = run_auction(
        bid * rng.uniform(0, 1, bid.shape), bid, slots=3, rule="gsp", reserve=0.05
    )
    own = np.take_along_axis(bid, outcome.candidate, axis=1)
    assert (outcome.price <= own).all()
    assert (outcome.price >= 0.05).all()


def test_a_bid_of_zero_is_never_shown():
    bid = np.array([[0.0, 1.0, 0.0]])
    outcome = run_auction(np.ones((1, 3)), bid, slots=2, rule="gsp", reserve=0.05)
    assert outcome.candidate[0, 0] == 1
    assert outcome.filled.tolist() == [[True, False]]


def test_equal_scores_go_to_the_first_column():
    assert best_candidates(np.ones((1, 3)), 2).tolist() == [[0, 1]]


def test_missing_rivals_count_as_no_score():
    assert next_scores(np.array([[5.0, 4.0]]), 2, "gsp").tolist() == [[4.0, -np.inf]]


def test_a_score_of_zero_costs_the_reserve():
    assert slot_prices(np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)), 0.05) == 0.05


def test_a_score_reserve_withholds_slots_and_sets_prices():
    # Scores 0.06, 0.10, 0.02, 0.03: two clear 0.05, and the second pays it, 0.05 / 0.03.
    outcome = run_auction(BID * RATE, BID, slots=3, rule="gsp", reserve=0.0, score_reserve=0.05)
    assert outcome.filled.tolist() == [[True, True, False]]
    np.testing.assert_allclose(outcome.price[0, :2], [0.06 / 0.02, 0.05 / 0.03])


def test_a_score_of_just_the_reserve_is_sold_at_its_bid():
    least = float((BID * RATE)[0, 0])
    outcome = run_auction(BID * RATE, BID, slots=2, rule="gsp", reserve=0.0, score_reserve=least)
    assert outcome.filled.tolist() == [[True, True]]
    np.testing.assert_allclose(outcome.price, [[least / 0.02, 2.0]])


def test_a_score_reserve_makes_the_scale_of_predictions_matter():
    def sold(factor):
        score = BID * RATE * factor
        return run_auction(score, BID, slots=3, rule="gsp", reserve=0.0, score_reserve=0.05).filled

    assert [int(sold(factor).sum()) for factor in (0.1, 1, 10)] == [0, 2, 3]


def test_logged_propensities_are_the_frequencies_of_many_repetitions():
    repetitions, share = 60_000, 0.3
    bid = np.repeat(np.array([[2.0, 5.0, 0.0, 0.5]]), repetitions, axis=0)
    outcome = run_auction(bid * RATE, bid, slots=2, rule="gsp", reserve=0.05)
    rng = np.random.default_rng(5)
    explored = rng.random(repetitions) < share
    logged = explore(outcome, bid, explored, share=share, reserve=0.05, rng=rng)
    for slot in range(2):
        for candidate in (0, 1, 3):
            shown = logged.candidate[:, slot] == candidate
            said = np.unique(logged.propensity[shown, slot])
            assert len(said) == 1
            noise = 4 * np.sqrt(said[0] * (1 - said[0]) / repetitions)
            assert abs(shown.mean() - said[0]) < noise
        assert not (logged.candidate[:, slot] == 2).any()


def test_propensities_of_a_slot_sum_to_one_over_the_candidates():
    share, able = 0.2, 4
    top, others = 1 - share + share / able, share / able
    assert top + (able - 1) * others == pytest.approx(1)
    bid = np.repeat(BID, 2_000, axis=0)
    outcome = run_auction(bid * RATE, bid, slots=1, rule="gsp", reserve=0.05)
    everyone = np.ones(len(bid), bool)
    rng = np.random.default_rng(0)
    logged = explore(outcome, bid, everyone, share=share, reserve=0.05, rng=rng)
    assert set(np.unique(logged.propensity.round(6))) == {np.float32(others), np.float32(top)}
