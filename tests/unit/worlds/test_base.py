import numpy as np
import pandas as pd
import pytest

from mlsd.worlds.base import CandidateRequests, Requests
from mlsd.worlds.logs import LazyMapping, Logs, known_by


def test_requests_without_candidates_have_one_row_each():
    payments = Requests(np.array([10.0, 20.0]), np.array([5, 6]), {"amount": np.array([3.0, 4.0])})
    columns = payments.columns()
    assert {name: values.tolist() for name, values in columns.items()} == {
        "amount": [3.0, 4.0],
        "ts": [10.0, 20.0],
    }
    assert (len(payments), payments.shape) == (2, (2,))


def test_a_world_may_call_the_slot_something_else():
    class Feed(CandidateRequests):
        position_column = "row"

    slate = {"item_id": np.array([[7, 8]])}
    columns = Feed(np.zeros(1), np.zeros(1), {}, slate, slots=1).columns(position=3)
    assert set(columns) == {"ts", "item_id", "row"}
    assert columns["row"].tolist() == [3, 3]


def make_batch():
    return CandidateRequests(
        ts=np.array([10.0, 20.0]),
        request_id=np.array([5, 6]),
        context={"user_id": np.array([1, 2])},
        candidates={"ad_id": np.array([[7, 8, 9], [9, 8, 7]])},
        slots=2,
    )


def test_columns_are_request_major_and_carry_context_time_and_position():
    columns = make_batch().columns(position=1)
    assert columns["user_id"].tolist() == [1, 1, 1, 2, 2, 2]
    assert columns["ad_id"].tolist() == [7, 8, 9, 9, 8, 7]
    assert columns["ts"].tolist() == [10.0] * 3 + [20.0] * 3
    assert columns["position"].tolist() == [1] * 6


def test_batch_knows_its_shape():
    assert (len(make_batch()), make_batch().width, make_batch().shape) == (2, 3, (2, 3))


def test_a_lazy_value_is_made_once_and_only_when_asked():
    made = []
    lazy = LazyMapping({"a": lambda: made.append(1) or len(made), "b": lambda: 1 / 0})
    assert (lazy["a"], lazy["a"], made) == (1, 1, [1])
    assert list(lazy) == ["a", "b"]


def test_known_by_includes_the_moment_itself_and_falls_back_to_ts():
    table = pd.DataFrame({"ts": [1.0, 2.0, 3.0]})
    assert known_by(table, 2.0)["ts"].tolist() == [1.0, 2.0]
    late = table.assign(known_at=[9.0, 2.0, 3.0])
    assert known_by(late, 3.0)["ts"].tolist() == [2.0, 3.0]


def test_logs_give_tables_as_attributes_and_refuse_others():
    logs = Logs({"clicks": pd.DataFrame({"ts": [1.0]})}, until=5.0)
    assert len(logs.clicks) == 1
    with pytest.raises(AttributeError, match="no table 'views'"):
        _ = logs.views


def test_as_of_never_reaches_beyond_the_log():
    logs = Logs({"clicks": pd.DataFrame({"ts": [1.0, 4.0]})}, until=5.0)
    assert logs.as_of(2.0).until == 2.0
    assert logs.as_of(99.0).until == 5.0
    assert len(logs.as_of(2.0).clicks) == 1
