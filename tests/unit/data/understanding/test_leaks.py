"""A column that knows single rows alarms; one that knows its user, its item or a wave does not."""

import numpy as np
import pandas as pd
import pytest

from mlsd.data.understanding.leaks import check_leaks, column_trials
from mlsd.data.understanding.presence import Presence
from mlsd.data.understanding.trial_rows import previous_rows, trial_rows

ROLES = 'label = "click"\ntime = "ts"\nuser = "user_id"\nitem = "ad_id"\n'
KINDS = ("leak", "after the fact")


@pytest.fixture
def alarmed(understood):
    """Return the columns that alarm, by kind."""

    def find(frame, roles=ROLES):
        found = understood(frame, roles)
        return {w.columns[0]: w for w in found.warnings if w.kind in KINDS}

    return find


def flipped(label, share, seed=5):
    flips = np.random.default_rng(seed).random(len(label)) < share
    return np.where(flips, 1 - label, label)


LEAKS = {
    "label as a number": lambda log, g: log["click"] * 2.5,
    "label as text": lambda log, g: np.where(log["click"] == 1, "yes", "no"),
    "1 % wrong": lambda log, g: flipped(log["click"], 0.01),
    "dwell of zero": lambda log, g: log["click"] * g.gamma(2, 9, len(log)),
    "low and high": lambda log, g: 5 * (log["click"] == 0) + g.random(len(log)),
    "middle": lambda log, g: np.where(log["click"] == 1, 5.5, g.choice([1.0, 9.0], len(log))),
    "landing page": lambda log, g: np.where(
        log["click"] == 1, [f"/p{page}" for page in g.integers(0, 40, len(log))], "none"
    ),
    "moment of the click": lambda log, g: log["ts"] + 40.0 * log["click"] + g.random(len(log)),
    "user's clicks with this one": lambda log, g: log.groupby("user_id")["click"].cumsum() + 0.5,
    "ad's clicks with this one": lambda log, g: log.groupby("ad_id")["click"].cumsum() + 0.5,
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_alarms_whatever_its_form(kind, alarmed, frame):
    column = LEAKS[kind](frame, np.random.default_rng(0))
    found = alarmed(frame.assign(known=column))
    assert set(found) == {"known"}
    assert found["known"].spec_line == '[columns] ignore = ["known"]'


@pytest.mark.parametrize(
    ("negative", "positive", "advice"),
    [
        (0.25, 1.0, 'sampling_rate = "drawn"'),
        (4.0, 1.0, 'weight = "drawn"'),
        (1.5, 4.5, ""),  # a weight would be larger where rows were left out
        (0.0, 2.5, ""),
    ],
)
def test_a_column_that_says_how_rows_were_drawn_need_not_be_a_leak(
    negative, positive, advice, alarmed, frame
):
    drawn = frame.assign(drawn=np.where(frame["click"] == 1, positive, negative))
    roles = ROLES + 'numeric = ["price", "drawn"]\n'
    text = alarmed(drawn, roles)["drawn"].text
    assert ("thinned out" in text) == bool(advice)
    assert advice in text
    if advice:
        given = alarmed(drawn, f"{ROLES}{advice}\n")
        assert given == {}
        uneven = drawn.assign(drawn=drawn["drawn"] * np.where(frame["ad_id"] == "a01", 0.99, 1))
        assert "thinned out" not in alarmed(uneven, roles)["drawn"].text


@pytest.mark.parametrize("filled", [1.0, 0.3])
def test_a_column_filled_after_a_click_alarms(filled, alarmed, frame):
    kept = (frame["click"] == 1) & (np.random.default_rng(0).random(len(frame)) < filled)
    (warning,) = alarmed(frame.assign(dwell=np.where(kept, 3.5, np.nan))).values()
    assert warning.kind == "after the fact"
    assert f"{kept[:3_600].sum():,} rows" in warning.text
    (warning,) = alarmed(frame.assign(page=np.where(kept, "/p", ""))).values()
    assert warning.columns == ("page",)


@pytest.mark.parametrize("after", [1, 0])
def test_a_count_that_is_0_but_after_some_clicks_alarms(after, alarmed, frame):
    often = np.random.default_rng(0).random(len(frame)) < 0.3
    counted = np.where((frame["click"] == after) & often, 2, 0)
    found = alarmed(frame.assign(orders=counted))
    assert set(found) == ({"orders"} if after else set())
    if after:
        rows = (counted[:3_600] > 0).sum()
        assert f"'orders' is not 0 in {rows:,} rows" in found["orders"].text


def test_a_column_is_told_of_once(understood, frame):
    dwell = np.where(frame["click"] == 1, 3.5, np.nan)
    found = understood(frame.assign(dwell=dwell), ROLES)
    assert [warning.kind for warning in found.warnings] == ["after the fact"]


def test_an_empty_cell_is_a_value_of_its_own(load, frame):
    log = load(frame.assign(dwell=np.where(frame["click"] == 1, 3.5, np.nan)), ROLES).log
    forms = {(trial.column, trial.form): trial for trial in column_trials(log, trial_rows(log))}
    assert forms["dwell", ""].alone.auc == 1


def test_a_column_empty_after_a_click_alarms(alarmed, frame):
    kept = (frame["click"] == 0) | (np.random.default_rng(0).random(len(frame)) < 0.2)
    skipped = np.where(kept, 2.0, np.nan)
    (warning,) = alarmed(frame.assign(skip_seconds=skipped)).values()
    assert "'skip_seconds' is empty" in warning.text


@pytest.mark.parametrize(("base", "alarms"), [(0.5, True), (0.8, True), (0.95, False)])
def test_a_common_outcome_is_told_too_unless_nearly_all_rows_have_it(base, alarms, alarmed, frame):
    generator = np.random.default_rng(0)
    click = (generator.random(len(frame)) < base).astype(int)
    kept = (click == 1) & (generator.random(len(frame)) < 0.3)
    found = alarmed(frame.assign(click=click, dwell=np.where(kept, 3.5, np.nan)))
    assert set(found) == ({"dwell"} if alarms else set())


@pytest.mark.parametrize(
    ("share", "base", "alarms"),
    [(0.985, 0.2, True), (0.97, 0.2, False), (0.985, 0.9, False), (0.995, 0.9, True)],
)
def test_nearly_all_filled_rows_have_the_outcome_that_alarms(share, base, alarms):
    # It takes 98 in 100, and a tenth of the errors of a guess at the base rate.
    assert Presence("dwell", "filled", 1, 400, share, base).alarms == alarms


def test_few_filled_rows_of_one_outcome_are_chance(alarmed, frame):
    filled = frame.index[frame["click"] == 1]
    few, enough = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    few[filled[:20]] = enough[filled[:25]] = 3.5
    assert alarmed(frame.assign(dwell=few)) == {}
    assert set(alarmed(frame.assign(dwell=enough))) == {"dwell"}


def test_empty_cells_of_either_outcome_do_not_alarm(alarmed, frame):
    often = np.random.default_rng(0).random(len(frame)) < np.where(frame["click"] == 1, 0.9, 0.1)
    assert alarmed(frame.assign(dwell=np.where(often, 3.5, np.nan))) == {}


@pytest.fixture
def habits(frame):
    """Users who nearly always click, or nearly never."""
    user = frame["user_id"].str[1:].astype(int)
    rate = np.where(user % 3 == 0, 0.985, 0.015)
    click = (np.random.default_rng(9).random(len(frame)) < rate).astype(int)
    return frame.assign(click=click), rate


def test_a_habit_of_users_is_no_leak(load, habits):
    log, rate = habits
    before = log.groupby("user_id")["click"].cumsum() - log["click"]
    views = log.groupby("user_id").cumcount()
    log = log.assign(habit=rate, past_rate=(before + 0.3) / (views + 1), segment=rate.astype(str))
    loaded = load(log, ROLES)
    assert check_leaks(loaded).warnings == ()
    trials = {
        t.column: t.alone.auc
        for t in column_trials(loaded.log, trial_rows(loaded.log))
        if not t.form
    }
    assert min(trials[name] for name in ("user_id", "habit", "past_rate", "segment")) > 0.95


def test_a_leak_among_habits_is_still_found(alarmed, habits):
    log, _ = habits
    assert set(alarmed(log.assign(known=flipped(log["click"], 0.005)))) == {"known"}


def test_a_counter_that_follows_waves_is_no_leak(load, frame):
    # Each ad is clicked by everybody for a while and then by nobody, as a stolen card is abused.
    row = np.arange(len(frame))
    wave = (row // 400 + frame["ad_id"].str[1:].astype(int)) % 4 == 0
    log = frame.assign(click=wave.astype(int))
    log["last"] = log.groupby("ad_id")["click"].shift(fill_value=0) * 1.0
    log["last_3"] = log.groupby("ad_id")["last"].transform(lambda past: past.rolling(3, 1).mean())
    loaded = load(log, ROLES)
    found = check_leaks(loaded)
    trials = {
        t.column: t.alone.auc
        for t in column_trials(loaded.log, trial_rows(loaded.log))
        if not t.form
    }
    assert min(trials["last"], trials["last_3"]) > 0.95
    assert found.warnings == ()


def test_where_an_entity_settles_the_label_strong_columns_are_asked_about(warned, frame):
    # One outcome per session, written onto each of its rows, as for a purchase.
    session = np.arange(len(frame)) // 5
    bought = (np.random.default_rng(4).random(800) < 0.3).astype(int)[session]
    log = frame.assign(user_id=[f"s{each}" for each in session], click=bought)
    log["dwell"] = bought * np.random.default_rng(5).gamma(2, 9, len(log))
    (warning,) = warned("leak", log, ROLES)
    assert warning.columns == ("dwell",)
    assert "all rows of one 'user_id' have the same label" in warning.text
    assert warning.spec_line == '[columns] ignore = ["dwell"]'
    assert warned("leak", log.drop(columns="dwell"), ROLES) == []


def test_an_id_of_the_row_is_no_oracle(alarmed, frame):
    # In training it knows every label; on later rows it knows none.
    assert alarmed(frame.assign(row=[f"r{row}" for row in range(len(frame))])) == {}


def test_without_entities_the_bar_is_higher(alarmed, frame):
    roles = 'label = "click"\ntime = "ts"\nignore = ["user_id", "ad_id"]\n'
    assert set(alarmed(frame.assign(known=flipped(frame["click"], 0.005)), roles)) == {"known"}
    assert alarmed(frame.assign(known=flipped(frame["click"], 0.035)), roles) == {}
    assert set(alarmed(frame.assign(known=flipped(frame["click"], 0.035)))) == {"known"}


def test_labels_of_the_test_part_are_not_looked_at(load, frame):
    test = np.arange(len(frame)) >= 3_600
    known = np.where(test, frame["click"], np.random.default_rng(0).random(len(frame)))
    log = load(frame.assign(known=known), ROLES).log
    rows = trial_rows(log)
    assert rows.rows.max() < 3_600
    assert max(trial.alone.auc for trial in column_trials(log, rows)) < 0.6


def test_of_a_long_log_the_latest_rows_before_the_test_part_are_tried(load, frame, monkeypatch):
    monkeypatch.setattr("mlsd.data.understanding.trial_rows.RECENT_ROWS", 1_000)
    rows = trial_rows(load(frame, ROLES).log)
    assert (rows.rows.min(), rows.rows.max()) == (2_600, 3_599)
    assert (rows.learning, rows.measuring) == (700, 300)


def test_many_leaks_are_told_in_six_warnings(understood, frame):
    leaks = {f"known_{number}": frame["click"] * 1.0 for number in range(40)}
    found = understood(frame.assign(**leaks), ROLES)
    told = [warning for warning in found.warnings if warning.kind == "leak"]
    assert len(told) == 6
    assert sum(len(warning.columns) for warning in told) == 40
    assert all(f'"known_{number}"' in found.together for number in range(40))


def test_one_column_to_leave_out_has_one_line(understood, frame):
    found = understood(frame.assign(known=frame["click"] * 1.0, user_id="me"), ROLES)
    assert {warning.kind for warning in found.warnings} >= {"leak", "clusters"}
    assert sum(warning.leaves_out for warning in found.warnings) == 1
    assert found.together == ""


def test_too_few_clicks_to_try_columns_are_said(understood, frame):
    click = np.zeros(len(frame), int)
    click[[*range(0, 3_000, 300), 3_400, 3_800]] = 1
    found = understood(frame.assign(click=click, known=click * 1.0), ROLES)
    assert "not tried" in found.fact("columns alone")


def test_the_row_before_is_that_of_the_same_key():
    keys = pd.Series(np.random.default_rng(0).choice(["a", "b", "c", ""], 200))
    expected = [
        max((j for j in range(i) if keys[j] == keys[i] != ""), default=-1) for i in range(200)
    ]
    assert previous_rows(keys).tolist() == expected
