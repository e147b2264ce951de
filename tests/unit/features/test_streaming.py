"""What is particular to the stream; `test_windows` holds it equal to the batch."""

import numpy as np
import pytest

from mlsd.features import DecayedCounter, TrailingWindow, compute_windows
from mlsd.features.streaming import StreamingWindows
from mlsd.runtime import InputError

WINDOW = TrailingWindow(("card",), "sum", 60, column="amount", name="spent")
COUNTER = DecayedCounter(("card",), 30, name="decayed")


def event(card, ts, amount=1.0):
    return {"card": [card], "ts": [ts], "amount": [amount]}


def test_memory_is_bounded_by_the_window_not_by_the_stream():
    stream = StreamingWindows([WINDOW, COUNTER])
    kept = []
    for ts in range(5_000):
        stream.update(event(ts % 7 if ts < 4_000 else "new", ts))
        kept.append(len(stream))
    # 60 events in the window, a number and an event for each card, and what waits for a sweep.
    assert max(kept[100:]) <= 100
    for ts in range(10**6, 2 * 10**6, 10**5):
        stream.update(event("later", ts))
    # An event in the window, a number, and the event that is not before its own moment.
    assert len(stream) == 3


def test_events_within_the_delay_are_kept_and_counted_later():
    delayed = DecayedCounter(("card",), 30, delay=100, name="decayed")
    stream = StreamingWindows([delayed])
    stream.update(event(1, 0))
    assert stream.lookup({"card": [1]}, 100)["decayed"].tolist() == [0.0]
    assert stream.lookup({"card": [1]}, 130)["decayed"].tolist() == [0.5]


def test_late_events_count_from_then_on():
    late, in_time = StreamingWindows([WINDOW, COUNTER]), StreamingWindows([WINDOW, COUNTER])
    for ts in (0, 10, 20, 30):
        in_time.update(event(1, ts, amount=ts))
    for ts in (0, 30, 20, 10):
        late.update(event(1, ts, amount=ts))
    for now in (30, 45, 75):
        found, expected = (s.lookup({"card": [1]}, now) for s in (late, in_time))
        np.testing.assert_allclose(found["spent"], expected["spent"])
        np.testing.assert_allclose(found["decayed"], expected["decayed"], rtol=1e-12)


def test_each_row_may_be_looked_up_at_a_moment_of_its_own():
    stream = StreamingWindows([WINDOW])
    stream.update({"card": [1, 2], "ts": [0, 30], "amount": [1.0, 2.0]})
    found = stream.lookup({"card": [1, 1, 2, 3]}, np.array([60, 61, 61, 61]))
    assert found["spent"].tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize("delay", [0, 100])
@pytest.mark.parametrize(("include_row", "counted"), [(True, [2, 1, 1, 0]), (False, [1, 2, 1, 1])])
def test_a_window_is_open_at_one_end_though_no_event_has_come_since(include_row, counted, delay):
    """Events at 0 and 10, a window of 60: which of its two edges belongs to it, seen exactly there.

    Without the row's own moment it is the far edge, with it the near one.
    """
    options = {"delay": delay, "include_row": include_row}
    windows = [
        TrailingWindow(("card",), "count", 60, name="count", **options),
        TrailingWindow(("card",), "sum", 60, column="amount", name="sum", **options),
    ]
    stream = StreamingWindows(windows)
    stream.update({"card": [1, 1], "ts": [0, 10], "amount": [5.0, 5.0]})
    moments = [10, 60, 60.5, 70]
    found = [stream.lookup({"card": [1]}, moment + delay) for moment in moments]
    assert [each["count"].item() for each in found] == counted
    assert [each["sum"].item() for each in found] == [5 * count for count in counted]


@pytest.mark.parametrize(("include_row", "spent"), [(True, 7.0), (False, 5.0)])
def test_an_update_exactly_at_the_far_edge_drops_only_what_no_lookup_needs(include_row, spent):
    window = TrailingWindow(
        ("card",), "sum", 60, column="amount", include_row=include_row, name="spent"
    )
    stream = StreamingWindows([window])
    stream.update(event(1, 0, amount=5.0))
    stream.update(event(1, 60, amount=7.0))
    assert stream.lookup({"card": [1]}, 60)["spent"].tolist() == [spent]


def test_a_lookup_may_not_go_back():
    stream = StreamingWindows([WINDOW])
    stream.update(event(1, 100))
    with pytest.raises(InputError, match="lookup as of 99, but time has come to 100"):
        stream.lookup({"card": [1]}, 99)


def test_a_lookup_may_not_go_back_behind_an_earlier_one():
    stream = StreamingWindows([WINDOW])
    stream.lookup({"card": [1, 2]}, np.array([100, 120]))
    with pytest.raises(InputError, match="lookup as of 99, but time has come to 100"):
        stream.lookup({"card": [1]}, 99)


def test_a_sum_below_zero_is_remembered_like_one_above():
    balance = DecayedCounter(("card",), 30, column="amount", name="balance")
    stream = StreamingWindows([balance])
    stream.update(event(1, 0, amount=-8.0))
    for ts in range(1, 31):
        stream.update(event(2, ts))
    assert stream.lookup({"card": [1]}, 30)["balance"].tolist() == [-4.0]


def test_a_refused_update_leaves_the_stream_as_it_was():
    stream = StreamingWindows([COUNTER, WINDOW])
    stream.update(event(1, 0))
    for bad in (event(1, np.nan), event(1, 5, amount=np.nan), {"card": [1], "ts": [5]}):
        with pytest.raises(InputError):
            stream.update(bad)
    assert stream.lookup({"card": [1]}, 30) == {"decayed": [0.5], "spent": [1.0]}


def test_missing_keys_are_one_entity_as_in_the_batch():
    table = {"card": np.array([np.nan, np.nan, 1.0]), "ts": np.array([0, 1, 2])}
    window = TrailingWindow(("card",), "count", 60, name="n")
    stream = StreamingWindows([window])
    stream.update(table)
    assert compute_windows(table, [window])["n"].tolist() == [0, 1, 0]
    assert stream.lookup({"card": np.array([np.nan, 1.0])}, 3)["n"].tolist() == [2, 1]


def test_nothing_to_take_in_and_nothing_to_look_up_is_fine():
    stream = StreamingWindows([WINDOW])
    stream.update({"card": np.array([]), "ts": np.array([]), "amount": np.array([])})
    assert stream.lookup({"card": np.array([])}, np.array([]))["spent"].shape == (0,)
