"""Slice scan: a score by hand, its law where nothing changed, and the limit's promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlsd.monitoring import alarm_threshold, scan_threshold, slice_scores
from mlsd.runtime import InputError


def make_rows(rng, days, per_day=4_000, ratio=1.0):
    rows = pd.DataFrame({"day": np.repeat(np.arange(days), per_day)})
    rows["region"] = rng.integers(0, 5, len(rows))
    rows["expected"] = rng.uniform(0.02, 0.2, len(rows))
    rows["click"] = (rng.random(len(rows)) < ratio * rows["expected"]).astype(int)
    return rows


def test_score_by_hand():
    rows = pd.DataFrame({"day": np.repeat([0, 1, 2], 300), "expected": 0.2, "all": 0})
    clicks = {0: 66, 1: 60, 2: 84}
    rows["click"] = (rows.groupby("day").cumcount() < rows["day"].map(clicks)).astype(int)
    found = slice_scores(rows, ["all"], window=2)
    ratio, variance = 126 / 120, 300 * 0.2 * 0.8
    by_hand = (84 - ratio * 60) / np.sqrt(ratio * variance * (1 + 60 / 120))
    assert found.columns.tolist() == [2]
    assert found.loc[("all", 0), 2] == pytest.approx(by_hand)


def test_scores_have_spread_1_where_only_the_level_is_wrong():
    rng = np.random.default_rng(0)
    found = pd.concat(
        [slice_scores(make_rows(rng, 12, ratio=0.7), ["region"], window=5) for _ in range(12)]
    ).to_numpy()
    assert found.shape == (60, 7)
    assert found.mean() == pytest.approx(0, abs=0.15)
    assert found.std() == pytest.approx(1, abs=0.1)


def test_a_change_in_one_slice_is_named_and_skipped_days_are_no_reference():
    rng = np.random.default_rng(1)
    rows = make_rows(rng, 8)
    hit = rows["day"].isin([4, 5]) & (rows["region"] == 2)
    rows.loc[hit, "click"] = (rng.random(hit.sum()) < 2 * rows.loc[hit, "expected"]).astype(int)
    found = slice_scores(rows, ["region"], window=3)
    assert found[4].idxmax() == ("region", 2)
    assert found[4].max() > 5 > found[4].drop(("region", 2)).abs().max()
    back = ("region", 2), 6
    assert found.loc[back] < -2
    assert abs(slice_scores(rows, ["region"], window=3, skip=[4, 5]).loc[back]) < 2.5


def test_small_slices_are_not_scored():
    rows = make_rows(np.random.default_rng(2), 4)
    rows["rare"] = np.where(np.arange(len(rows)) % 100 == 0, "few", "many")
    found = slice_scores(rows, ["rare"], window=2)
    assert found.index.tolist() == [("rare", "many")]
    assert found.notna().all(axis=None)
    assert ("rare", "few") in slice_scores(rows, ["rare"], window=2, minimum=1).index


def test_a_slice_with_a_short_past_is_not_scored():
    # Of 0.2 expected clicks each: 20 a day, and 24 today, of which 3 * 20 have to lie in the past.
    shown = {0: 200, 1: 100, 2: 120}
    rows = pd.DataFrame({"day": np.repeat(list(shown), list(shown.values())), "expected": 0.2})
    rows["all"], rows["click"] = 0, (np.arange(len(rows)) % 5 == 0).astype(int)
    assert slice_scores(rows, ["all"], window=2, minimum=20.0).notna().all(axis=None)
    assert slice_scores(rows[1:], ["all"], window=2, minimum=20.0).empty


def test_no_columns_are_refused():
    with pytest.raises(InputError, match="no columns"):
        slice_scores(make_rows(np.random.default_rng(3), 3), [])


def test_limit_follows_the_spread_and_the_number_of_scored_slices():
    rng = np.random.default_rng(4)
    scores = pd.DataFrame(rng.normal(size=(200, 30)))
    limit = scan_threshold(scores, false_alarms=0.1)
    assert limit == pytest.approx(alarm_threshold(200, false_alarms=0.1), rel=0.03)
    assert scan_threshold(2 * scores, false_alarms=0.1) == pytest.approx(2 * limit)
    half = scores.copy()
    half.iloc[::2] = np.nan
    assert scan_threshold(half, false_alarms=0.1) == pytest.approx(
        alarm_threshold(100, false_alarms=0.1), rel=0.03
    )


def test_scores_that_all_lie_on_one_side_raise_the_limit():
    scores = pd.DataFrame(np.full((10, 4), 2.0))
    limit = scan_threshold(scores, false_alarms=0.1)
    assert limit == pytest.approx(2 * alarm_threshold(10, false_alarms=0.1))


def test_normal_scores_page_as_often_as_promised():
    rng = np.random.default_rng(5)
    limit = scan_threshold(pd.DataFrame(1.3 * rng.normal(size=(100, 10))), false_alarms=0.1)
    days = np.abs(1.3 * rng.normal(size=(3000, 100))).max(axis=1)
    assert (days > limit).mean() == pytest.approx(0.1, abs=0.03)


def test_a_limit_needs_a_score():
    with pytest.raises(InputError, match="no quiet score"):
        scan_threshold(pd.DataFrame({0: [np.nan]}), false_alarms=0.1)
