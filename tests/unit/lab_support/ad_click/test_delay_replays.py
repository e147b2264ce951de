"""The replays of the delay lab: a wait costs data, and an alarm is quiet unless delays grow."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.ad_click.delay_replays import WAITS, alarms_sounded, errors_by_wait


def market(scale, seed=7):
    """Return sixty days of 400 clicks each, a half of which convert after a heavy-tailed delay."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(60), 400)
    elapsed = 60 - day - rng.random(len(day))
    delay = np.where(rng.random(len(day)) < 0.5, scale * rng.weibull(0.5, len(day)), np.nan)
    delay[delay > elapsed] = np.nan
    return pd.DataFrame({"day": day, "elapsed": elapsed, "delay": delay})


def test_without_delays_waiting_only_costs_data():
    errors = errors_by_wait(market(1e-9), [10, 100])
    assert tuple(errors.columns) == WAITS
    assert (errors[0] < 1e-9).all()
    assert (errors.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)
    assert (errors.loc[10, 1:] > 2 * errors.loc[100, 1:]).all()


def test_with_delays_the_larger_advertiser_waits_longer():
    best = errors_by_wait(market(1.0), [3, 30, 300]).idxmin(axis=1)
    assert best[3] < best[30] < best[300]


def test_quiet_logs_sound_the_alarm_as_often_as_promised():
    # One log of 53 days says it within a factor of two or so; ten logs agree on it.
    markets = [market(1.0, seed) for seed in range(10)]
    rates = [[alarms_sounded(log, 1.0, limit=limit) for limit in (-2, -1)] for log in markets]
    assert np.mean(rates, axis=0) == pytest.approx([2.3, 15.9], rel=0.35)


def test_slower_conversions_sound_it():
    assert alarms_sounded(market(1.0), 1.0, lambda delay: 4 * delay) > 90
    assert alarms_sounded(market(1.0), 1.0, lambda delay: delay / 4) < 0.1


def test_clicks_that_may_still_be_credited_enter_no_replay():
    log = market(1.0)
    settled = log[log["elapsed"] >= 30]
    pd.testing.assert_frame_equal(errors_by_wait(log, [30]), errors_by_wait(settled, [30]))
