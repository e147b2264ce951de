import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click.auction import run_auction
from mlsd.worlds.ad_click.response import (
    PACE,
    SHARES,
    AuctionRules,
    Replay,
    rival_scores,
    surplus_by_share,
)

SEEN = np.array([1.0, 0.6, 0.42], np.float32)


def rules(price_rule, seen=SEEN, score_reserve=0.0):
    return AuctionRules(price_rule, 0.0, score_reserve, seen)


def by_brute_force(price_rule, seen, own, rivals, score_reserve=0.0):
    """Surplus of each share by running the world's own auction once a share."""
    surplus = []
    for share in SHARES:
        bid = np.append(share, rivals)[None]
        outcome = run_auction(
            bid * own,
            bid,
            slots=len(seen),
            rule=price_rule,
            reserve=0.0,
            score_reserve=score_reserve,
        )
        won = np.flatnonzero((outcome.candidate[0] == 0) & outcome.filled[0])
        surplus.append(sum(seen[s] * (1 - outcome.price[0, s]) for s in won))
    return surplus


def test_rivals_are_the_others_best_first():
    score = np.array([[0.4, 0.1, -np.inf, 0.3]])
    got = rival_scores(score, 2)[0]
    none = -np.inf
    expected = [[0.3, 0.1], [0.4, 0.3], [0.4, 0.3], [0.4, 0.1]]
    np.testing.assert_allclose(got, expected)
    assert rival_scores(score[:, :1], 2)[0, 0].tolist() == [none, none]


@pytest.mark.parametrize("price_rule", ["first", "gsp", "second"])
@pytest.mark.parametrize("reserve", [0.0, 0.013])
def test_the_replay_agrees_with_the_auction_run_again(price_rule, reserve):
    rng = np.random.default_rng(1)
    for _ in range(20):
        rivals, own = rng.uniform(0, 1.2, 5), 0.03
        ranked = np.sort(rivals)[::-1][None, :3] * own
        got = surplus_by_share(
            np.array([own]), np.ones(1), ranked, rules(price_rule, score_reserve=reserve)
        )
        expected = by_brute_force(price_rule, SEEN, own, rivals, reserve)
        np.testing.assert_allclose(got[0], expected, atol=1e-6)


def test_the_value_is_a_best_reply_under_second_price_for_one_slot():
    rng = np.random.default_rng(0)
    rivals = rng.uniform(0, 1.5, (200, 1))
    surplus = surplus_by_share(np.ones(200), np.ones(200), rivals, rules("second", np.ones(1)))
    assert (surplus[:, -1] >= surplus.max(axis=1) - 1e-9).all()


def test_first_price_against_a_uniform_rival_is_answered_with_half():
    # Surplus (1 - s) s has its maximum at one half.
    rivals = np.linspace(0, 1, 20_001)[:, None]
    one = np.ones(len(rivals))
    surplus = surplus_by_share(one, one, rivals, rules("first", np.ones(1))).mean(axis=0)
    assert SHARES[surplus.argmax()] == pytest.approx(0.5)


def test_bids_move_part_of_the_way_and_idle_campaigns_towards_their_value():
    replay = Replay(np.array([2.0, 4.0]), rules("first"))
    surplus = np.zeros((2, len(SHARES)))
    surplus[0, 9] = 1.0
    got = replay.next_bids(np.array([2.0, 2.0], np.float32), surplus)
    np.testing.assert_allclose(got, [2 + PACE * (1 - 2), 2 + PACE * (4 - 2)])


def test_a_campaign_without_budget_learns_nothing():
    replay = Replay(np.ones(2), rules("gsp"))
    bid = np.array([[0.5, 0.0]])
    got = replay.surplus(bid * 0.02, bid, np.full((1, 2), 0.02), np.array([[0, 1]]))
    assert got[0].max() > 0
    assert (got[1] == 0).all()


def small(rule, response):
    config = AdClickConfig(price_rule=rule, response=response, budget_per_impression=1.0)
    return AdClickWorld(seed=4, size="small", config=config)


def daily_bid(logs):
    return logs.impressions.groupby(logs.impressions["ts"] // 86_400)["bid"].mean()


@pytest.mark.parametrize(("rule", "direction"), [("first", -1), ("second", 1)])
def test_bids_fall_under_first_price_and_rise_under_second(rule, direction):
    bids = daily_bid(small(rule, "best_reply").history(6))
    frozen = daily_bid(small(rule, "none").history(6))
    assert bids[0] == frozen[0]
    assert direction * (bids.iloc[-1] - frozen.iloc[-1]) > 0.05 * frozen.iloc[-1]


def test_a_deployment_continues_from_the_bids_of_the_history_and_leaves_them_alone():
    world = small("gsp", "best_reply")
    first, second = (world.deploy(world.logging_policy(3), 2, history_days=3) for _ in range(2))
    assert first.measures == second.measures
    assert (
        first.measures
        != small("gsp", "none").deploy(world.logging_policy(3), 2, history_days=3).measures
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"response": "shout"}, "response must be one of"),
        ({"response": "best_reply", "billing": "impression"}, "only where clicks are billed"),
        ({"score_reserve": -1.0}, "must not be negative"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        AdClickConfig(**wrong)
