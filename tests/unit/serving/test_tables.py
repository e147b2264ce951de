"""Looked-up features equal those that the counters give, and cost one look-up a context."""

import numpy as np
import pytest

from mlsd.features import CounterFeatures
from mlsd.runtime import InputError
from mlsd.serving import CandidateFeatures, FeatureTable, snapshot_tables
from mlsd.serving.tables import HistoryTable
from mlsd.worlds import AdClickWorld

ADS = FeatureTable({"category": np.array([1, 0, 1, -1]), "rate": np.array([0.1, 0.2, 0.3, 0.0])})
USERS = FeatureTable(
    {"age": np.array([30, 40, -1]), "taste": np.arange(9.0).reshape(3, 3)}, by="category"
)


def lookup():
    return CandidateFeatures({"ad_id": ADS, "user_id": USERS}, context=("user_id", "hour"))


def test_by_hand():
    found = lookup().columns({"user_id": 1, "hour": 7}, np.array([2, 1]))
    assert {name: values.tolist() for name, values in found.items()} == {
        "ad_id": [2, 1],
        "category": [1, 0],
        "rate": [0.3, 0.2],
        "position": [0, 0],
        "user_id": [1, 1],
        "hour": [7, 7],
        "age": [40, 40],
        "taste": [4.0, 3.0],
    }


def test_the_columns_are_called_as_the_model_calls_them():
    named = {"item": "event_id", "position": 3, "position_column": "rank"}
    found = CandidateFeatures({"event_id": ADS}, context=("hour",), **named)
    assert {n: v.tolist() for n, v in found.columns({"hour": 7}, np.array([1])).items()} == {
        "event_id": [1],
        "category": [0],
        "rate": [0.2],
        "rank": [3],
        "hour": [7],
    }
    found.position_column = None
    assert "rank" not in found.columns({"hour": 7}, np.array([1]))


@pytest.mark.parametrize("strange", [-1, 2, 10**9])
def test_unknown_ids_take_the_last_row(strange):
    found = lookup().columns({"user_id": strange, "hour": 0}, np.array([0, 10**6]))
    assert found["age"].tolist() == [-1, -1]
    assert found["rate"].tolist() == [0.1, 0.0]
    assert found["taste"].tolist() == [7.0, 8.0]


def test_a_context_record_is_cached():
    features = lookup()
    for _ in range(3):
        features.columns({"user_id": 1, "hour": 0}, np.array([0]))
    assert (features.cache.misses, features.cache.hits) == (1, 2)


def test_wrong_tables_and_contexts_are_named():
    with pytest.raises(InputError, match="context lacks 'hour'"):
        lookup().columns({"user_id": 1}, np.array([0]))
    with pytest.raises(InputError, match="tables are of"):
        CandidateFeatures({"user_id": USERS}, context=("user_id",))
    with pytest.raises(InputError, match="tables are of"):
        CandidateFeatures({"ad_id": ADS, "user_id": USERS}, context=())
    with pytest.raises(InputError, match="lengths"):
        FeatureTable({"a": np.ones(2), "b": np.ones(3)})
    with pytest.raises(InputError, match="two dimensions"):
        FeatureTable({"a": np.ones((2, 2))})


def test_a_snapshot_answers_as_the_counters_do():
    logs = AdClickWorld(seed=3, size="small").history(days=3)
    log = logs.labelled_log()
    entities = [entity for entity in log.roles.entities if entity != ("user_id", "ad_id")]
    counters = CounterFeatures(entities).serving(log)
    tables = snapshot_tables(logs, counters, logs.until)
    features = CandidateFeatures(tables, context=("user_id", "publisher_id"))
    ads = np.append(logs.ads["ad_id"].to_numpy()[:40], 10**6)
    for user, publisher in ((5, 2), (10**6, 1), (17, 10**6)):
        found = features.columns({"user_id": user, "publisher_id": publisher}, ads)
        expected = counters.lookup(found, logs.until)
        assert set(expected) <= set(found)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)


def test_a_snapshot_has_the_static_columns_of_the_log():
    logs = AdClickWorld(seed=3, size="small").history(days=2)
    log = logs.labelled_log()
    counters = CounterFeatures([("ad_id",)]).serving(log)
    row = log.frame.iloc[-1]
    features = CandidateFeatures(snapshot_tables(logs, counters, row["ts"]), context=("user_id",))
    context = {"user_id": int(row["user_id"])}
    found = features.columns(context, np.array([row["ad_id"]]))
    for name in ("campaign_id", "advertiser_id", "category", "format", "age_band", "region"):
        assert found[name][0] == row[name], name
    assert found["ad_age_days"][0] == row["ad_age_days"]
    assert found["account_age_days"][0] == row["account_age_days"]


PAST = HistoryTable("user_id", {"clicked": np.array([[4, 2], [9, 9], [-1, -1]])})


def test_pairs_are_joined_for_the_value_of_the_context():
    ads = FeatureTable({"category": np.array([1, 0, -1])})
    lookup = CandidateFeatures({"ad_id": ads}, context=("user_id",), pairs=(PAST,))
    for user, expected in ((1, [9, 9]), (0, [4, 2]), (2, [-1, -1]), (-1, [-1, -1])):
        columns = lookup.columns({"user_id": user}, np.array([0, 5]))
        assert columns["clicked"].tolist() == [expected, expected]


def test_pairs_of_a_name_outside_the_context_are_refused():
    ads = FeatureTable({"category": np.array([1, 0, -1])})
    with pytest.raises(InputError, match="tables are of"):
        CandidateFeatures({"ad_id": ads}, context=("device",), pairs=(PAST,))
