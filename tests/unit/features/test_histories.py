"""Histories hold what was known, newest first, in batch and in the streaming twin alike."""

import numpy as np
import pandas as pd
import pytest

from mlsd.data.log import ColumnRoles, LabelledLog, Split
from mlsd.features.histories import ClickHistories, click_histories, item_attributes
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY

ROLES = ColumnRoles(
    "click",
    time="ts",
    known_at="known_at",
    user="user_id",
    item="ad_id",
    categorical=("category", "device"),
)


def make_frame(rows=400, seed=0, **changes):
    rng = np.random.default_rng(seed)
    ts = np.sort(rng.integers(0, 4 * DAY // 60, rows) * 60.0)
    ad = rng.integers(0, 12, rows).astype(np.int16)
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, 9, rows),
            "ad_id": ad,
            "category": np.array(["sport", "news", "food"], dtype=object)[ad % 3],
            "device": rng.integers(0, 2, rows),
            "ts": ts,
            "known_at": ts + rng.integers(0, 200, rows) * 60.0,
            "click": (rng.random(rows) < 0.4).astype(np.int8),
        }
    ).assign(**changes)


def make_log(rows=400, seed=0, train=0.7, roles=ROLES, **changes):
    parts = np.split(np.arange(rows), [int(train * rows), int((train + 1) / 2 * rows)])
    return LabelledLog("log", make_frame(rows, seed, **changes), roles, Split(*parts))


def spelled_out(log, column, length, refresh="row"):
    """Last clicks of each row's user, rule by rule, one row after the other."""
    frame, train = log.frame, log.split.train
    clicks = sorted((r for r in train if frame["click"][r]), key=lambda r: frame["known_at"][r])
    end = frame["ts"][train].max()
    histories = []
    for row, now in enumerate(frame["ts"]):
        if row > train[-1]:
            seen = [c for c in clicks if frame["known_at"][c] <= end]
        else:
            now = now // DAY * DAY if refresh == "nightly" else now
            seen = [c for c in clicks if frame["known_at"][c] < now]
        own = [frame[column][c] for c in seen if frame["user_id"][c] == frame["user_id"][row]]
        histories.append(own[::-1][:length])
    return histories


def without_pads(table):
    return [[v for v in row if v is not None and v != -1] for row in table.tolist()]


@pytest.mark.parametrize("refresh", ["row", "nightly"])
@pytest.mark.parametrize("length", [1, 3, 40])
def test_histories_follow_their_rules(refresh, length):
    log = make_log(300)
    tables = ClickHistories(["ad_id", "category"], length=length, refresh=refresh).compute(log)
    for column in ("ad_id", "category"):
        table = tables[f"clicked_{column}"]
        assert table.shape == (300, length)
        assert without_pads(table) == spelled_out(log, column, length, refresh)


def test_pads_stand_behind_the_clicks():
    table = ClickHistories(["ad_id"], length=5).compute(make_log())["clicked_ad_id"]
    absent = table == -1
    assert absent.any()
    assert not absent.all()
    assert (np.diff(absent.astype(int), axis=1) >= 0).all()
    assert table.dtype == np.int16


def test_a_click_known_at_the_very_moment_is_not_seen():
    frame = pd.DataFrame(
        {"user": [1, 1, 1], "ad": [5, 6, 7], "ts": [0, 60, 61], "known": [60, 90, 90]}
    ).assign(click=1)
    roles = ColumnRoles("click", time="ts", known_at="known", user="user")
    assert click_histories(frame, ["ad"], roles=roles, length=2)["clicked_ad"].tolist() == [
        [-1, -1],
        [-1, -1],
        [5, -1],
    ]


def test_of_clicks_known_at_one_moment_the_later_row_is_newer():
    frame = pd.DataFrame({"user": 1, "ad": [5, 6, 7], "ts": [0, 0, 9], "click": 1})
    roles = ColumnRoles("click", time="ts", user="user")
    table = click_histories(frame, ["ad"], roles=roles, length=3)["clicked_ad"]
    assert table[2].tolist() == [6, 5, -1]


def test_no_label_of_validation_or_test_enters_anything():
    log = make_log()
    later = np.arange(len(log.frame)) > log.split.train[-1]
    flipped = np.where(later, 1 - log.label, log.label)
    histories = ClickHistories(["ad_id"])
    np.testing.assert_array_equal(
        histories.compute(log)["clicked_ad_id"],
        histories.compute(make_log(click=flipped))["clicked_ad_id"],
    )


def test_a_label_reaches_no_row_before_it_is_known():
    log, row = make_log(train=1.0), 150
    flipped = log.label.copy()
    flipped[row] = 1 - flipped[row]
    before, after = (
        ClickHistories(["ad_id"], length=400).compute(each)["clicked_ad_id"]
        for each in (log, make_log(train=1.0, click=flipped))
    )
    changed = (before != after).any(axis=1)
    later = (log.frame["ts"] > log.frame["known_at"][row]).to_numpy()
    same_user = (log.frame["user_id"] == log.frame["user_id"][row]).to_numpy()
    assert (changed == (later & same_user)).all()
    assert changed.sum() > 5


@pytest.mark.parametrize("refresh", ["row", "nightly"])
@pytest.mark.parametrize("step", [1, 7, 100])
def test_the_streaming_twin_says_the_same_at_every_moment(step, refresh):
    log = make_log(train=1.0)
    histories = ClickHistories(["ad_id", "category"], length=3, refresh=refresh)
    expected, twin = histories.compute(log), histories.serving(log, warm=False)
    for start in range(0, 400, step):
        rows = log.frame.iloc[start : start + step]
        twin.update(rows)
        seen = twin.lookup(rows, rows["ts"].to_numpy())
        assert list(seen) == list(histories.names)
        for name, table in seen.items():
            np.testing.assert_array_equal(table, expected[name][start : start + step])
            assert table.dtype == expected[name].dtype


def test_events_may_come_late_and_out_of_order():
    log = make_log(train=1.0, known_at=make_frame()["ts"] + np.arange(400) / 1_000)
    histories = ClickHistories(["ad_id"], length=4)
    twin = histories.serving(log, warm=False)
    for start in range(0, 400, 50):
        twin.update(log.frame.iloc[start : start + 50].sample(frac=1, random_state=start))
        rows = log.frame.iloc[start : start + 50]
        seen = twin.lookup(rows, rows["ts"].to_numpy())["clicked_ad_id"]
        expected = histories.compute(log)["clicked_ad_id"][start : start + 50]
        np.testing.assert_array_equal(seen, expected)


def test_a_warm_twin_continues_where_the_log_ends():
    log = make_log()
    histories = ClickHistories(["ad_id"], length=6)
    twin, end = histories.serving(log), log.frame["known_at"].max() + 1
    users = {"user_id": np.arange(11)}
    everything = make_log(train=1.0)
    asked = pd.concat([everything.frame, pd.DataFrame({"user_id": np.arange(11), "ts": end})])
    asked = asked.fillna({"click": 0, "ad_id": 0, "known_at": end}).astype({"ad_id": np.int16})
    expected = click_histories(asked, ["ad_id"], roles=ROLES, length=6)["clicked_ad_id"][-11:]
    np.testing.assert_array_equal(twin.lookup(users, end)["clicked_ad_id"], expected)
    np.testing.assert_array_equal(twin.lookup(users)["clicked_ad_id"], expected)
    assert (expected[9:] == -1).all()
    assert (expected[:9] != -1).all()


def test_the_twin_answers_before_any_event_and_for_no_row():
    twin = ClickHistories(["ad_id", "category"], length=2).serving(make_log(), warm=False)
    seen = twin.lookup({"user_id": np.array([3])}, 5.0)
    assert seen["clicked_ad_id"].tolist() == [[-1, -1]]
    assert seen["clicked_category"].tolist() == [[None, None]]
    assert twin.lookup({"user_id": np.zeros(0, int)}, 5.0)["clicked_ad_id"].shape == (0, 2)


def test_a_lookup_back_in_time_is_refused():
    twin = ClickHistories(["ad_id"]).serving(make_log())
    twin.lookup({"user_id": np.array([1])}, 10.0 * DAY)
    with pytest.raises(InputError, match="order of time"):
        twin.lookup({"user_id": np.array([1])}, 1.0)


def test_histories_for_a_log_remember_items_and_what_they_bring_along():
    log = make_log()
    assert item_attributes(log) == ("category",)
    histories = ClickHistories.for_log(log, length=4)
    assert histories.pairs == (("clicked_ad_id", "ad_id"), ("clicked_category", "category"))


def test_without_clicks_every_place_is_blank():
    log = make_log(click=np.zeros(400, np.int8))
    assert (ClickHistories(["ad_id"]).compute(log)["clicked_ad_id"] == -1).all()


def test_unsigned_columns_and_floats_have_pads_that_fit():
    changes = {"ad_id": make_frame()["ad_id"].astype(np.uint8), "device": np.linspace(0, 1, 400)}
    tables = ClickHistories(["ad_id", "device"]).compute(make_log(**changes))
    assert tables["clicked_ad_id"].min() == -1
    absent = tables["clicked_ad_id"] == -1
    np.testing.assert_array_equal(np.isnan(tables["clicked_device"]), absent)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length is 0"),
        ({"columns": ()}, "one or more"),
        ({"refresh": "hourly"}, "refresh is 'hourly'"),
        ({"columns": ("brand",)}, "'brand' is missing"),
        ({"pad": 3}, "holds the pad value 3"),
        ({"pad": -40_000}, "cannot hold"),
    ],
)
def test_wrong_choices_are_named(options, message):
    with pytest.raises(InputError, match=message):
        ClickHistories(**{"columns": ["ad_id"], **options}).compute(make_log())


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (ColumnRoles("click", time="ts", item="ad_id"), "no user"),
        (ColumnRoles("click", user="user_id", item="ad_id"), "no time"),
        (ColumnRoles("click", time="ts", user="user_id"), "no item"),
    ],
)
def test_a_log_that_lacks_a_role_is_refused(roles, message):
    with pytest.raises(InputError, match=message):
        ClickHistories.for_log(make_log(roles=roles))


def test_no_history_is_called_as_a_column_of_the_log():
    log = make_log(clicked_ad_id=np.arange(400.0))
    histories = ClickHistories.for_log(log, length=3, taken=["clicked_category"])
    assert histories.names == ("clicked_ad_id_2", "clicked_category_2")
    assert histories.pairs == (("clicked_ad_id_2", "ad_id"), ("clicked_category_2", "category"))
    plain = ClickHistories(histories.columns, length=3)
    found, twin = histories.compute(log), histories.serving(log)
    seen = twin.lookup({"user_id": np.arange(9)})
    for name, other in zip(histories.names, plain.names):
        np.testing.assert_array_equal(found[name], plain.compute(log)[other])
        expected = plain.serving(log).lookup({"user_id": np.arange(9)})[other]
        np.testing.assert_array_equal(seen[name], expected)
