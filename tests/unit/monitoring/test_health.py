"""Input health by hand, the surprise of a volume, and burn rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlsd.monitoring import burn_rate, hourly_health, surprise
from mlsd.runtime import InputError


def test_hours_by_hand():
    rows = pd.DataFrame(
        {
            "ts": [10.0, 1800.0, 3000.0, 7200.0],
            "ad": [1, 2, 9, 9],
            "region": [0.0, np.nan, 1.0, np.nan],
        }
    )
    health = hourly_health(rows, known={"ad": {1, 2}, "region": {0}}, required=["region"])
    assert health.index.tolist() == [0, 1, 2]
    assert health["rows"].tolist() == [3, 0, 1]
    assert health["lag_minutes"].tolist() == [10, 70, 60]
    assert health["unknown ad"].tolist()[::2] == [pytest.approx(1 / 3), 1]
    assert health["missing region"].tolist()[::2] == [pytest.approx(1 / 3), 1]
    # A missing value is not an unknown one.
    assert health["unknown region"].tolist()[::2] == [pytest.approx(1 / 3), 0]


def test_hours_without_rows_are_reported_where_they_are_asked_for():
    rows = pd.DataFrame({"ts": [100.0]})
    health = hourly_health(rows, known={}, hours=range(0, 3))
    assert health["rows"].tolist() == [1, 0, 0]
    assert health["lag_minutes"].is_monotonic_increasing
    with pytest.raises(InputError, match="no rows"):
        hourly_health(rows.iloc[:0], known={})


def test_surprise_forgives_the_shape_of_the_day_and_sees_a_third_missing():
    rng = np.random.default_rng(0)
    shape = 1_000 * (1.2 + np.sin(np.arange(24 * 21) * 2 * np.pi / 24))
    counts = pd.Series(rng.poisson(shape))
    usual = surprise(counts, lag=24, window=168)
    assert usual.abs().quantile(0.99) < 3.2
    night = np.arange(len(counts)) % 24 >= 14
    assert usual[night].std() == pytest.approx(usual[~night].std(), rel=0.2)
    counts.iloc[-3] = round(counts.iloc[-3] * 2 / 3)
    assert surprise(counts, lag=24, window=168).iloc[-3] < -5


def test_surprise_is_in_standard_deviations_of_the_past_change():
    rng = np.random.default_rng(1)
    # Counts that vary more than chance explains: the past says how much.
    counts = pd.Series(np.exp(8 + rng.normal(scale=0.1, size=4_000)).round())
    found = surprise(counts, lag=7, window=500).dropna()
    assert found.std() == pytest.approx(1, abs=0.08)
    assert found.index[0] == 507


@pytest.mark.parametrize(("lag", "window"), [(0, 10), (1, 3)])
def test_impossible_windows_are_refused(lag, window):
    with pytest.raises(InputError, match="lag"):
        surprise(pd.Series(range(30)), lag=lag, window=window)


def test_burn_rate_by_hand():
    bad, total = pd.Series([0, 3, 0, 1]), pd.Series([100, 100, 0, 100])
    assert burn_rate(bad, total, objective=0.99, window=2).round(6).tolist() == [0, 1.5, 3, 1]
    # A budget of 0.1 % spent at 1.44 % is gone in a fourteenth of its time.
    one = burn_rate(pd.Series([144]), pd.Series([10_000]), objective=0.999, window=1)
    assert one.iloc[0] == pytest.approx(14.4)


def test_minutes_without_requests_burn_nothing():
    none = pd.Series([0, 0])
    assert burn_rate(none, none, objective=0.9, window=1).tolist() == [0, 0]


@pytest.mark.parametrize("objective", [0, 1, 1.5])
def test_an_impossible_objective_is_refused(objective):
    with pytest.raises(InputError, match="objective"):
        burn_rate(pd.Series([0]), pd.Series([1]), objective=objective, window=1)
