"""When there is an interval, and what is said where there is none."""

import numpy as np
import pandas as pd
import pytest

from mlsd.cases import find_case
from mlsd.data import ColumnRoles, LabelledLog, Split
from mlsd.experiments import LogSource, run_ladder, summarise_ladder
from mlsd.experiments.display import TableColumn
from mlsd.experiments.evidence import FEWEST_UNITS, interval_notes, percentile_interval
from mlsd.metrics import bootstrap_draws, log_loss

LADDER = find_case("ad_click").ladder
ROWS = 1_200


def summary_of(*, users=None, clicks_in_test=None):
    """Return the summary of two rungs on a log of 240 test rows."""
    random = np.random.default_rng(2)
    ad = random.integers(6, size=ROWS)
    frame = pd.DataFrame({"click": (random.random(ROWS) < 0.1 + 0.1 * ad).astype(np.int8)})
    frame = frame.assign(ts=range(ROWS), ad_id=ad, user_id=users if users is not None else 0)
    split = Split(*np.split(np.arange(ROWS), [840, 960]), "by time")
    if clicks_in_test is not None:
        frame.loc[960:, "click"] = 0
        frame.loc[960 : 959 + clicks_in_test, "click"] = 1
    roles = ColumnRoles("click", time="ts", item="ad_id", user=None if users is None else "user_id")
    source = LogSource(LabelledLog("planted", frame, roles, split))
    return summarise_ladder(
        run_ladder(source, LADDER, seeds=(0,), rungs=["global_rate", "smoothed_ad"])
    )


def absent(summary):
    return {name for name, pair in summary.rungs[1].intervals.items() if np.isnan(pair).all()}


def test_one_user_has_no_interval_and_a_sentence_says_why():
    summary = summary_of(users=np.zeros(ROWS, dtype=int))
    assert absent(summary) == set(summary.rungs[1].metrics)
    assert np.isnan(summary.rungs[1].vs_previous["log_loss"][1:]).all()
    assert np.isfinite(summary.rungs[1].vs_previous["log_loss"][0])
    (note,) = summary.notes
    assert note.startswith("no intervals: the test part has 1 user, whose rows are not independent")


@pytest.mark.parametrize(("users", "there"), [(FEWEST_UNITS - 1, False), (FEWEST_UNITS, True)])
def test_it_takes_ten_users(users, there):
    summary = summary_of(users=np.arange(ROWS) % users)
    assert (absent(summary) == set()) == there
    assert (summary.notes == ()) == there


@pytest.mark.parametrize(("users", "expected"), [(5, 0.81), (10, 0.86), (100, 0.94)])
def test_an_interval_over_few_users_covers_the_truth_less_often_than_it_says(users, expected):
    """Users of 200 rows who click at rates of their own, a tenth of the time on average."""
    random, rows, hits = np.random.default_rng(7), 200, []
    truth = -(0.1 * np.log(0.05) + 0.9 * np.log(0.95))
    for seed in range(500):
        clicks = random.binomial(rows, random.beta(2, 18, users))
        label = np.concatenate([np.arange(rows) < count for count in clicks]).astype(float)
        draws = bootstrap_draws(
            log_loss,
            label,
            np.full(label.size, 0.05),
            clusters=np.repeat(np.arange(users), rows),
            seed=seed,
        )
        low, high = percentile_interval(draws, max(users, FEWEST_UNITS))
        hits.append(low <= truth <= high)
    assert np.mean(hits) == pytest.approx(expected, abs=0.04)


def test_rows_without_a_user_are_resampled_one_by_one():
    """All but a few rows have no user: the interval is that of rows."""
    users = np.where(np.arange(ROWS) % 20 == 0, "ann", "")
    mostly, rows = (summary_of(users=each).rungs[1] for each in (users, np.arange(ROWS)))
    widths = [np.ptp(each.intervals["log_loss"]) for each in (mostly, rows)]
    assert widths[0] == pytest.approx(widths[1], rel=0.2)


def test_auc_within_users_is_that_of_the_rows_that_have_one():
    users = np.where(np.arange(ROWS) % 4 == 0, np.arange(ROWS) // 120, "").astype(object)
    summary, bare = summary_of(users=users), summary_of()
    named = summary_of(users=np.where(users == "", [f"x{i}" for i in range(ROWS)], users))
    for row, same in zip(summary.rungs, named.rungs):
        assert row.metrics["grouped_auc"] == same.metrics["grouped_auc"]
    assert "grouped_auc" not in bare.rungs[0].metrics


@pytest.mark.parametrize(("clicks", "there"), [(1, False), (3, False), (12, True)])
def test_few_clicks_leave_some_metrics_without_interval(clicks, there):
    summary = summary_of(clicks_in_test=clicks)
    needs_a_click = {"normalized_entropy", "auc", "calibration_ratio"}
    assert (needs_a_click & absent(summary) == set()) == there
    assert "log_loss" not in absent(summary)
    assert np.isfinite(summary.rungs[1].vs_previous["log_loss"]).all()
    if there:
        assert summary.notes == ()
    else:
        (note,) = summary.notes
        have = "has" if clicks == 1 else "have"
        assert f"{clicks} of 240 test rows {have} label 1" in note
        assert "normalized_entropy" in note
        assert "log_loss" not in note


def test_an_interval_rests_on_the_draws_that_are_defined():
    draws = np.arange(200.0)
    draws[:2] = np.nan
    assert percentile_interval(draws, 50) == pytest.approx(
        tuple(np.quantile(draws[2:], [0.025, 0.975]))
    )
    draws[2] = np.nan
    assert np.isnan(percentile_interval(draws, 50)).all()


def test_all_metrics_without_interval_stand_in_one_sentence():
    some, none = np.ones(200), np.r_[np.full(20, np.nan), np.ones(180)]
    drawn = [{"log_loss": (1.0, some), "auc": (1.0, none), "f1": (1.0, none)}]
    (note,) = interval_notes(drawn, 60, unit="row", held="few")
    assert note == "no interval of auc, f1: few, and 20 of 200 resamples leave them undefined"
    assert interval_notes([{"log_loss": (1.0, some)}], 60, unit="row", held="few") == ()


def test_a_cell_says_that_there_is_no_interval():
    nan = float("nan")
    row = {"ne": 0.98, "ne_low": nan, "ne_high": nan}
    for show, text in {
        "interval": "0.98 [-]",
        "difference": "+0.98 [-]",
        "distance": "+0.98 [-]",
    }.items():
        assert TableColumn("NE", "ne", ".2f", show=show).cell(row) == text
    assert TableColumn("NE", "ne", ".2f", show="distance").cell(row | {"ne": 0.0}) == "best"


@pytest.mark.parametrize(
    ("ends", "is_tie"),
    [((0.0, 0.02), True), ((-0.01, 0.0), True), ((0.001, 0.02), False), ((-0.02, -0.001), False)],
)
def test_an_interval_that_ends_at_zero_contains_it(ends, is_tie):
    row = {"loss": sum(ends) / 2, "loss_low": ends[0], "loss_high": ends[1]}
    assert TableColumn("loss", "loss", show="distance").cell(row).endswith(" tie") == is_tie
