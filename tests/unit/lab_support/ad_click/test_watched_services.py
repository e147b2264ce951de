"""Services of the monitoring lab: what is known when, what each incident does, and the points."""

import numpy as np
import pytest

from mlsd.lab_support.ad_click import watch_points as graded
from mlsd.lab_support.ad_click.watch_points import first_page, never, watch_outcomes, watch_points
from mlsd.lab_support.ad_click.watched_nights import morning_report, night_triangle
from mlsd.lab_support.ad_click.watched_services import (
    HARMFUL,
    HARMFUL_DAYS,
    PAST,
    QUIET,
    SERVICES,
    SHARES,
    SLICES,
    fortnight,
    true_rates,
)
from mlsd.lab_support.deployed import market_seeds


def of(column):
    return np.array([name == column for name, _ in SLICES])


def test_shares_and_delays_are_shares():
    for parts in (*SHARES.values(), *(delays for delays, _ in SERVICES.values())):
        assert sum(parts) == pytest.approx(1.0)


def test_nights_to_come_are_unknown_and_later_logs_keep_what_was_known():
    log = fortnight(5, "clothes", "nothing", 1).log
    early, late = log.until(PAST), log.until(PAST + 3)
    day, night = np.indices(early.known.shape)[[0, 2]]
    np.testing.assert_array_equal(np.isnan(early.known), day + night >= PAST)
    known = ~np.isnan(early.known)
    np.testing.assert_array_equal(early.known[known], late.known[:PAST][known])
    assert not np.isnan(log.known).any(), "the log itself is left as it was"


def test_every_sale_counts_once_in_each_column():
    log = fortnight(5, "travel", "tastes", 1).log
    sums = [log.known[:, of(column)].sum(axis=1) for column in SHARES]
    for other in sums[1:]:
        np.testing.assert_allclose(sums[0], other)


def test_fortnights_share_their_ten_quiet_weeks():
    runs = [fortnight(5, "flowers", kind, 2).log.until(PAST) for kind in (*QUIET, *HARMFUL)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.known, runs[0].known)
        np.testing.assert_array_equal(run.missing, runs[0].missing)


def ratio_after(kind, column):
    """Return sales per expected sale after the incident over before, by value of a column."""
    found = []
    for number in range(12):
        run = fortnight(5, "travel", kind, number)
        sold, expected = run.log.known[:, of(column)].sum(axis=2), run.log.expected[:, of(column)]
        parts = slice(0, PAST), slice(run.start, None)
        before, after = (sold[part].sum(axis=0) / expected[part].sum(axis=0) for part in parts)
        found.append(after / before)
    return np.array(found)


@pytest.mark.parametrize(
    ("kind", "column", "lowest", "highest"),
    [("region", "region", 0.6, 1.0), ("promise", "device", 1 / 1.4, 1.0)],
)
def test_harm_hits_one_slice(kind, column, lowest, highest):
    ratios = np.sort(ratio_after(kind, column), axis=1)
    assert ratios[:, 0].mean() == pytest.approx(lowest, abs=0.04)
    assert ratios[:, 1:].mean() == pytest.approx(highest, abs=0.04)


def test_tastes_move_categories_and_not_the_total():
    ratios = np.sort(ratio_after("tastes", "category"), axis=1)
    assert ratios[:, :6].mean() < 0.75 < 1.25 < ratios[:, 6:].mean()
    assert ratio_after("tastes", "device").mean() == pytest.approx(1.0, abs=0.03)


def test_campaigns_and_late_sales_harm_nobody():
    for kind in ("campaign", "nothing"):
        assert ratio_after(kind, "category").mean() == pytest.approx(1.0, abs=0.03)
    late, calm = (fortnight(5, "travel", kind, 4) for kind in ("late sales", "nothing"))
    assert late.start == calm.start
    before = late.log.known[: late.start - 7].sum()
    assert before == calm.log.known[: calm.start - 7].sum()
    night = [(late.start - age, age) for age in range(7)]
    held, usual = (sum(run.log.known[d, :3, a].sum() for d, a in night) for run in (late, calm))
    assert held < 0.95 * usual
    missing = fortnight(5, "travel", "inputs", 4)
    jump = missing.log.missing[missing.start :].mean() / missing.log.missing[:PAST].mean()
    assert jump == pytest.approx(3.0, rel=0.2)


def test_true_rates_are_those_of_quiet_days():
    log = fortnight(5, "travel", "nothing").log
    found = log.known[:PAST].sum(axis=0) / log.expected[:PAST].sum(axis=0)[:, None]
    np.testing.assert_allclose(found[:, 0], true_rates(5, "travel")[:, 0], rtol=0.05)


def test_points_of_watches_that_read_nothing(monkeypatch):
    monkeypatch.setattr(graded, "QUIET_RUNS", 2)
    monkeypatch.setattr(graded, "HARMFUL_RUNS", 2)
    assert watch_points(5, never) == 0.0
    assert (watch_outcomes(5, lambda past: lambda log: False)["points"] == 0.0).all()
    always = watch_outcomes(5, lambda past: lambda log: True)
    assert (always["false"] == 100.0).all()
    assert (always["avoided"] == 0.0).all(), "a page before the harm avoids nothing"
    with pytest.raises(TypeError, match="True"):
        watch_points(5, lambda past: lambda log: None)


def test_a_page_counts_from_the_morning_after():
    run = fortnight(5, "travel", "region", 1)
    assert first_page(lambda log: log.days > run.start, run) == run.start
    assert first_page(lambda log: log.days > run.start + HARMFUL_DAYS, run) is None


def test_tables_of_a_morning():
    report = morning_report(5, "travel")
    late = report[report["cause"] == "late sales"].iloc[0]
    assert late["older"] < -4
    assert report.loc[report["cause"] == "inputs", "missing"].min() > 6
    triangle = night_triangle(5, "travel", "region", 1)
    assert triangle.loc[0, 0] < -2
    assert triangle.loc[-6:-1].abs().stack().mean() < 1.5
    assert np.isnan(triangle.loc[6, 1])


@pytest.mark.parametrize("scatter", graded.SCATTERS)
def test_a_service_scatters_as_much_as_is_asked_for(scatter):
    log = fortnight(5, "flowers", "nothing", scatter=scatter).log
    sold, expected = log.known[:PAST, of("category"), 0], log.expected[:PAST, of("category")]
    rate = sold.sum(axis=0) / expected.sum(axis=0)
    due = rate * expected
    found = np.sqrt((((sold - due) ** 2 - due).sum(axis=0) / (due**2).sum(axis=0)).mean())
    # A category moves with its own draw and with those of three devices and five regions.
    width = scatter * SERVICES["flowers"][1]
    assert found == pytest.approx(width * np.sqrt(1 + 0.43 + 0.23), rel=0.25)


def test_points_are_the_mean_over_services_of_each_scatter():
    def alarming(past):
        return lambda log: log.missing[-1] > 0.008

    seeds = market_seeds(5, len(graded.GRADED_SCATTER))
    points = [
        watch_outcomes(seed, alarming, scatter=scatter)["points"].mean()
        for seed, scatter in zip(seeds, graded.GRADED_SCATTER)
    ]
    assert watch_points(5, alarming) == pytest.approx(np.mean(points))
