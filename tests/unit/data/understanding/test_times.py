import numpy as np
import pandas as pd
import pytest

from mlsd.data.understanding.clock_units import guess_clock
from mlsd.data.understanding.times import clock_in_words


def test_a_sound_log_raises_nothing(understood, frame):
    found = understood(frame)
    assert found.warnings == ()
    assert "2023-11-14" in found.fact("time")
    assert "13.9 days" in found.fact("time")


STAMPS = pd.date_range("2023-11-14", periods=300, freq="71min")


@pytest.mark.parametrize("form", ["%y%m%d%H", "%Y%m%d", "%Y%m%d%H", "%y%m%d", "%y%m%d%H%M"])
def test_dates_as_whole_numbers_are_recognised(form):
    numbers = np.sort(STAMPS.strftime(form).astype(int).to_numpy())
    assert guess_clock(numbers).spec_line == f'[columns] time_format = "{form}"'


def test_a_month_without_a_leading_zero_of_the_year_is_recognised():
    numbers = pd.date_range("2009-03-01", periods=300, freq="h").strftime("%y%m%d%H").astype(int)
    assert numbers[0] == 9_030_100
    assert guess_clock(numbers.to_numpy()).spec_line == '[columns] time_format = "%y%m%d%H"'


@pytest.mark.parametrize(
    ("numbers", "unit"),
    [
        (np.arange(14), "d"),
        (19_675 + np.arange(14), "d"),
        (45_244 + np.arange(0, 14, 0.25), "d"),
        (19_675 * 24 + np.arange(300), "h"),
        (19_675 * 1_440 + np.arange(0, 20_000, 7), "min"),
        (np.arange(0, 14 * 86_400_000, 1_000_003), "ms"),
    ],
)
def test_other_units_are_recognised(numbers, unit):
    assert guess_clock(numbers).spec_line == f'[columns] time_unit = "{unit}"'


@pytest.mark.parametrize(
    "seconds",
    [
        1_700_000_000 + 600 * np.arange(2_000),
        86_400 * np.arange(300),
        1_700_000_000 + 86_400 * np.arange(10),
        np.arange(0, 40_000, 13),
        1_700_000_000.5 + np.arange(4_000),
        1_712_201_000 + 10_000 * np.array([0, 1, 2]),  # of which each is a date as YYMMDDHHMM too
    ],
)
def test_seconds_are_taken_for_seconds(seconds):
    assert guess_clock(seconds) is None


@pytest.mark.parametrize(
    ("times", "line"),
    [
        (
            lambda ts: pd.to_datetime(ts, unit="s").dt.strftime("%y%m%d%H").astype(int),
            "time_format",
        ),
        (lambda ts: (ts - ts.min()) // 86_400, "time_unit"),
        (lambda ts: ts // 60, "time_unit"),
    ],
)
def test_a_log_on_another_clock_is_warned_of(times, line, warned, frame):
    (warning,) = warned("time unit", frame.assign(ts=times(frame["ts"])))
    assert line in warning.spec_line
    assert "'ts'" in warning.text


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_dates_are_not_taken_for_another_unit(suffix, understood, frame):
    start = pd.Timestamp("1995-01-01")
    dates = start + pd.to_timedelta(np.arange(len(frame)) * 2.5, unit="d")
    found = understood(frame.assign(ts=dates), suffix=suffix)
    assert [warning for warning in found.warnings if warning.kind == "time unit"] == []


def test_a_unit_that_was_given_is_not_offered_again(warned, frame):
    mixed = frame["ts"].where(frame.index < 2_000, frame["ts"] * 1_000)
    roles = 'label = "click"\ntime = "ts"\ntime_unit = "ms"\nnumeric = ["price"]\n'
    (warning,) = warned("time unit", frame.assign(ts=mixed), roles)
    assert "was read in ms: a first moment of 1970-01-20" in warning.text
    assert warning.spec_line == ""


def test_times_that_are_all_equal_are_warned_of(warned, frame):
    shuffled = '[split]\nkind = "shuffle"\n'
    (warning,) = warned("time unit", frame.assign(ts=1_700_000_000), split=shuffled)
    assert "2023-11-14 22:13:20" in warning.text
    assert warned("time unit", frame, split=shuffled) == []


def test_parts_that_are_mixed_in_time_are_said(understood, frame):
    assert "no" not in understood(frame).fact("time")
    found = understood(frame, split='[split]\nkind = "shuffle"\n')
    assert "nothing is a forecast" in found.fact("time")


def test_an_old_first_moment_is_warned_of_and_a_clock_of_its_own_is_not(warned, frame):
    early = frame["ts"] - frame["ts"].min()
    (warning,) = warned("time unit", frame.assign(ts=early + 500_000_000))
    assert "1985" in warning.text
    assert warned("time unit", frame.assign(ts=early + 700_000_000)) == []
    assert warned("time unit", frame.assign(ts=early)) == []


def test_a_span_below_an_hour_is_warned_of(warned, frame):
    order = np.arange(len(frame))
    (warning,) = warned("time unit", frame.assign(ts=1_700_000_000 + order * 0.8))
    assert "53.3 minutes" in warning.text
    assert warned("time unit", frame.assign(ts=1_700_000_000 + order * 1.0)) == []


def test_stamps_far_in_the_future_are_shown():
    assert "5138-11-16" in clock_in_words(np.array([1e9, 1e11]))


def test_ties_at_a_cut_are_counted_on_both_sides(understood, frame):
    days = frame["ts"] - frame["ts"] % 86_400
    found = understood(frame.assign(ts=days))
    (warning,) = [warning for warning in found.warnings if warning.kind == "ties"]
    cut = int(0.8 * len(frame))
    tied = days == days.sort_values().iloc[cut]
    before = cut - int((days < days.sort_values().iloc[cut]).sum())
    assert f"{tied.sum()} rows share the time at which validation begins" in warning.text
    assert f"{before} fell into train, {tied.sum() - before} behind the cut" in warning.text


def test_the_shares_it_offers_leave_no_tie(understood, frame):
    days = frame.assign(ts=frame["ts"] - frame["ts"] % 86_400)
    (warning,) = [w for w in understood(days).warnings if w.kind == "ties"]
    split = warning.spec_line.replace("[split] ", '[split]\nkind = "time"\n')
    assert understood(days, split=split).fact("ties at the cuts").startswith("none")


def test_no_shares_are_offered_where_the_time_changes_once(warned, frame):
    two = frame["ts"].iloc[0] + 86_400 * (np.arange(len(frame)) >= 3_000)
    (warning,) = warned("ties", frame.assign(ts=two))
    assert warning.spec_line == ""
    assert "Give a finer time." in warning.text


def test_few_ties_are_a_fact_only(understood, frame):
    cut = int(0.8 * len(frame))
    ts = frame["ts"].to_numpy().copy()
    ts[cut - 2 : cut + 3] = ts[cut]
    found = understood(frame.assign(ts=ts))
    assert "5 rows share the time" in found.fact("ties at the cuts")
    assert found.warnings == ()


def test_a_test_part_before_the_training_rows_is_warned_of(warned, frame):
    thirds = {"train": frame[:3_000], "validation": frame[3_000:3_500], "test": frame[3_500:]}
    assert warned("test before training", thirds) == []
    swapped = thirds | {"train": pd.concat([frame[1_000:3_000], frame[3_500:3_600]])}
    (warning,) = warned("test before training", swapped | {"test": frame[:1_000]})
    assert "1,000 of 1,000 test rows" in warning.text


def test_a_test_row_in_the_moment_of_the_last_training_row_is_no_disorder(warned, frame):
    parts = {"train": frame[:3_000], "validation": frame[3_000:3_500], "test": frame[3_500:]}
    last, times = frame["ts"][:3_000].max(), parts["test"]["ts"].to_numpy().copy()
    times[:50] = last
    assert warned("test before training", parts | {"test": frame[3_500:].assign(ts=times)}) == []
    times[0] = last - 1
    (warning,) = warned("test before training", parts | {"test": frame[3_500:].assign(ts=times)})
    assert "1 of 500 test rows" in warning.text


def test_delays_are_said_and_labels_known_after_the_cut_are_warned_of(understood, frame):
    roles = 'label = "click"\ntime = "ts"\nuser = "user_id"\nknown_at = "known"\n'
    roles += 'item = "ad_id"\ncategorical = ["device"]\nnumeric = ["price"]\n'
    found = understood(frame.assign(known=frame["ts"] + 3_600 * 5), roles)
    assert "median 5.0 hours after the row" in found.fact("label delay")
    assert found.warnings == ()
    late = understood(frame.assign(known=frame["ts"] + 86_400 * 2), roles)
    (warning,) = late.warnings
    assert (warning.kind, warning.columns) == ("late labels", ("known",))
    assert f"{2 * 86_400 / 300 / 3_200:.1%}"[:3] in warning.text


def test_a_label_known_when_validation_begins_is_not_late(understood, frame):
    roles = 'label = "click"\ntime = "ts"\nuser = "user_id"\nknown_at = "known"\n'
    roles += 'item = "ad_id"\ncategorical = ["device"]\nnumeric = ["price"]\n'
    known = np.maximum(frame["ts"], frame["ts"].sort_values().iloc[3_200])
    found = understood(frame.assign(known=known), roles)
    assert "; 0.0% of the training labels" in found.fact("label delay")
    assert found.warnings == ()


def test_a_gap_before_validation_ends_the_warning_of_late_labels(understood, frame):
    roles = 'label = "click"\ntime = "ts"\nuser = "user_id"\nknown_at = "known"\n'
    roles += 'item = "ad_id"\ncategorical = ["device"]\nnumeric = ["price"]\n'
    log = frame.assign(known=frame["ts"] + 86_400 * 2)
    parts = {"train": log[:3_200], "validation": log[3_200:3_600], "test": log[3_600:]}
    (warning,) = understood(parts, roles).warnings
    assert "three paths, with that long a gap before validation" in warning.text
    known = parts["train"]["known"] < parts["validation"]["ts"].min()
    assert understood(parts | {"train": parts["train"][known]}, roles).warnings == ()
