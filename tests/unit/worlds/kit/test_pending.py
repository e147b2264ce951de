import copy

import numpy as np

from mlsd.worlds.kit.pending import PendingEvents


def events(*known_at):
    known = np.array(known_at, float)
    return {"clicks": {"known_at": known, "click_id": (known * 10).astype(int)}}


class Listener:
    def __init__(self):
        self.heard = []

    def observe(self, tables):
        self.heard.append(tables["clicks"]["click_id"].tolist())


def test_events_are_released_once_in_the_order_in_which_they_became_known():
    pending = PendingEvents()
    pending.add(events(3, 1))
    pending.add(events(2, 5))
    assert pending.release(3.0)["clicks"]["click_id"].tolist() == [10, 20, 30]
    assert pending.release(4.9)["clicks"]["click_id"].tolist() == []
    assert pending.release(5.0)["clicks"]["click_id"].tolist() == [50]
    assert pending.release(9.0)["clicks"]["click_id"].tolist() == []


def test_of_equal_times_the_first_added_comes_first():
    pending = PendingEvents()
    numbers = range(1, 200)
    for number in numbers:
        known, ids = np.array([2.0, 1.0]), np.array([number, -number])
        pending.add({"clicks": {"known_at": known, "click_id": ids}})
    expected = [-number for number in numbers] + [*numbers]
    assert pending.release(2.0)["clicks"]["click_id"].tolist() == expected


def test_every_policy_is_handed_the_same_events():
    one, two = Listener(), Listener()
    pending = PendingEvents()
    pending.deliver([one, two], 1.0)
    assert one.heard == []
    pending.add(events(1, 2))
    pending.deliver([one, two], 1.0)
    pending.deliver([one, two], 2.0)
    assert one.heard == two.heard == [[10], [20]]


def test_a_named_table_is_handed_over_before_anything_has_happened_in_it():
    pending = PendingEvents(["clicks", "items"])
    pending.add({"items": {"known_at": np.zeros(1), "item_id": np.array([7])}})
    first = pending.release(0.0)
    assert {name: len(columns["known_at"]) for name, columns in first.items()} == {
        "clicks": 0,
        "items": 1,
    }
    pending.add(events(1, 2))
    assert pending.release(1.0)["clicks"]["click_id"].tolist() == [10]


def test_a_copy_goes_on_by_itself():
    pending = PendingEvents()
    pending.add(events(1, 2))
    other = copy.deepcopy(pending)
    pending.release(2.0)
    assert other.release(2.0)["clicks"]["click_id"].tolist() == [10, 20]
