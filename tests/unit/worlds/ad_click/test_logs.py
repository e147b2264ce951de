import numpy as np
import pandas as pd
import pytest

from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld

DAY = 86_400
EVENTS = ("requests", "candidates", "impressions", "clicks", "hides", "conversions", "budgets")
ENTITIES = ("users", "advertisers", "campaigns", "ads", "publishers")


def test_there_is_a_table_for_everything(small_logs):
    assert set(small_logs.tables) == {*EVENTS, *ENTITIES}


def test_nothing_known_after_the_end_is_in_the_log(small_logs):
    for name in EVENTS:
        table = small_logs.tables[name]
        known = table["known_at"] if "known_at" in table else table["ts"]
        assert known.max() <= small_logs.until, name


@pytest.mark.parametrize("name", [*EVENTS, *ENTITIES])
def test_a_longer_history_as_of_earlier_is_the_shorter_history(small_world, small_logs, name):
    shorter = small_world.history(2)
    as_of = small_logs.as_of(2 * DAY).tables[name]
    pd.testing.assert_frame_equal(as_of, shorter.tables[name])


def test_as_of_hides_labels_that_were_not_settled(small_logs):
    t = DAY + 5_000.0
    known = small_logs.as_of(t)
    assert known.impressions["known_at"].max() <= t
    assert len(known.impressions) < (small_logs.impressions["ts"] <= t).sum()
    assert known.conversions["ts"].max() <= t


def test_click_labels_agree_with_the_clicks(small_logs):
    clicked = small_logs.impressions.loc[small_logs.impressions["click"] == 1, "impression_id"]
    # A click is known at once, its impression when the window has passed.
    assert set(clicked) <= set(small_logs.clicks["impression_id"])
    assert len(small_logs.clicks) - len(clicked) < 20


def test_every_impression_is_a_candidate_in_its_slot(small_logs):
    shown = small_logs.candidates[small_logs.candidates["position"] >= 0]
    keys = ["request_id", "position", "ad_id"]
    merged = small_logs.impressions.merge(shown[keys], on=keys)
    assert len(merged) == len(small_logs.impressions)
    assert len(small_logs.candidates) == 10 * len(small_logs.requests)


def test_the_labelled_log_is_split_by_time(small_logs):
    log = small_logs.labelled_log()
    ts = log.frame["ts"].to_numpy()
    train, validation, test = log.parts().values()
    assert ts[train].max() <= ts[validation].min() <= ts[validation].max() <= ts[test].min()
    assert len(train) == int(0.8 * len(ts))
    assert (np.diff(ts) >= 0).all()


def test_what_comes_after_the_prediction_has_no_role(small_logs):
    roles = small_logs.labelled_log().roles
    seen = {*roles.identifiers, *roles.numeric, *(key for keys in roles.entities for key in keys)}
    assert not seen & {"price", "predicted_ctr", "propensity", "explored", "click", "impression_id"}
    assert seen <= set(small_logs.impressions)


def test_without_user_ids_no_table_has_them():
    config = AdClickConfig.variant("feature_poor")
    logs = AdClickWorld(seed=0, size="small", config=config).history(1)
    assert "users" not in logs.tables
    for name in EVENTS:
        assert "user_id" not in logs.tables[name], name
    log = logs.labelled_log()
    assert log.roles.user is None
    assert {"interest", "topic"} <= set(log.roles.categorical)
    assert ("interest", "topic") in log.roles.entities


def test_an_empty_log_says_what_to_do(small_logs):
    with pytest.raises(InputError, match="no settled impression"):
        small_logs.as_of(0.0).labelled_log()


def test_a_streamed_history_equals_the_one_in_memory(small_world, tmp_path):
    streamed = small_world.history(2, to=tmp_path / "logs")
    kept = small_world.history(2)
    for name in (*EVENTS, *ENTITIES):
        pd.testing.assert_frame_equal(streamed.tables[name], kept.tables[name])
    assert (tmp_path / "logs" / "logs.json").is_file()


def test_a_folder_with_something_in_it_is_refused(small_world, tmp_path):
    (tmp_path / "old.txt").write_text("")
    with pytest.raises(InputError, match="not an empty folder"):
        small_world.history(1, to=tmp_path)
