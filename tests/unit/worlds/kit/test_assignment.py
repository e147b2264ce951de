import numpy as np
import pytest

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.assignment import WINDOWS_PER_DAY, Assignment

USERS = np.arange(4_000)


@pytest.mark.parametrize("design", ["user", "budget"])
def test_users_keep_their_arm_and_are_split_in_half(design):
    assignment = Assignment(design, 0, users=len(USERS), first_day=14)
    arms = assignment.arms(USERS, np.full(len(USERS), 14.0 * DAY))
    np.testing.assert_array_equal(arms, assignment.arms(USERS, np.full(len(USERS), 20.0 * DAY)))
    assert arms.mean() == pytest.approx(0.5, abs=0.04)
    np.testing.assert_array_equal(assignment.units(USERS, np.zeros(len(USERS))), USERS)
    assert assignment.count(7) == len(USERS)


def test_another_seed_splits_users_otherwise():
    arms = [Assignment("user", s, users=len(USERS), first_day=0).arms(USERS, USERS) for s in (0, 1)]
    assert np.mean(arms[0] == arms[1]) == pytest.approx(0.5, abs=0.04)


def test_switchback_gives_the_windows_of_a_pair_to_different_arms():
    assignment = Assignment("switchback", 0, users=10, first_day=14)
    ts = np.arange(14 * DAY, 34 * DAY, HOUR) + 1.0
    arms = assignment.arms(np.zeros(len(ts), int), ts).reshape(-1, 4)
    assert (arms == arms[:, :1]).all()
    pairs = arms[:, 0].reshape(-1, 2)
    assert (pairs.sum(axis=1) == 1).all()
    assert 0.2 < pairs[:, 0].mean() < 0.8


def test_windows_are_counted_from_the_first_day_and_begin_on_the_hour():
    assignment = Assignment("switchback", 0, users=10, first_day=14)
    ts = 14 * DAY + np.array([0.0, 4 * HOUR - 0.001, 4 * HOUR, DAY, 2 * DAY - 0.001])
    assert assignment.units(np.zeros(5, int), ts).tolist() == [0, 0, 1, 6, 11]
    assert assignment.count(2) == 2 * WINDOWS_PER_DAY == 12


def test_another_seed_orders_the_windows_otherwise():
    ts = np.arange(0, 100 * DAY, 8 * HOUR) + 1.0
    user = np.zeros(len(ts), int)
    arms = [Assignment("switchback", s, users=1, first_day=0).arms(user, ts) for s in (0, 1)]
    assert np.mean(arms[0] == arms[1]) == pytest.approx(0.5, abs=0.15)


def test_clusters_go_to_one_arm_whole_and_neighbours_to_different_ones():
    cluster = np.arange(12) % 6
    user, ts = np.arange(12), np.linspace(0, 9e5, 12)
    orders = set()
    for seed in range(20):
        split = Assignment("cluster", seed, users=12, first_day=0, cluster=cluster)
        arms = split.arms(user, ts)
        assert (arms[:6] == arms[6:]).all()
        assert (arms[0:6:2] != arms[1:6:2]).all()
        assert split.units(user, ts).tolist() == cluster.tolist()
        assert split.count(5) == 6
        orders.add(tuple(arms[:6:2]))
    assert len(orders) > 4


def test_a_switchback_in_clusters_turns_each_of_them_by_itself():
    cluster, days = np.repeat(np.arange(8), 6), 6
    ts = np.tile(np.arange(days), 8) * 86_400.0
    user = np.arange(48)
    options = {"users": 48, "first_day": 0, "cluster": cluster, "window_hours": 24}
    split = Assignment("switchback", 3, **options)
    arms = split.arms(user, ts).reshape(8, days)
    assert (arms[:, 0::2] != arms[:, 1::2]).all()
    assert len({tuple(row) for row in arms}) > 2
    units = split.units(user, ts)
    assert len(set(units.tolist())) == split.count(days) == 48
    assert units.max() < 48
