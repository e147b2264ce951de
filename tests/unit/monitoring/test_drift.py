"""Drift measures: hand-computed cases, limits, invariances, and what chance alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mlsd.monitoring import drift_table, population_stability_index
from mlsd.runtime import InputError


def test_index_of_two_values_by_hand():
    old, new = np.repeat([0, 1], [500, 500]), np.repeat([0, 1], [800, 200])
    shares = (500.5 / 1001, 500.5 / 1001), (800.5 / 1001, 200.5 / 1001)
    expected = sum((c - r) * np.log(c / r) for r, c in zip(*shares))
    assert population_stability_index(old, new) == pytest.approx(expected)


def test_index_is_symmetric_where_the_bins_are_the_same():
    old, new = np.repeat([0, 1, 2], [50, 30, 20]), np.repeat([0, 1, 2], [10, 40, 50])
    there, back = population_stability_index(old, new), population_stability_index(new, old)
    assert there == pytest.approx(back)
    assert there > 0.1


def test_index_does_not_depend_on_the_scale_of_the_column():
    rng = np.random.default_rng(1)
    old, new = rng.lognormal(size=3000), rng.lognormal(0.3, size=2000)
    index = population_stability_index(old, new)
    assert population_stability_index(np.log(old), np.log(new)) == pytest.approx(index)
    assert population_stability_index(5 * old - 2, 5 * new - 2) == pytest.approx(index)


def test_chance_alone_gives_the_published_expectation():
    rng = np.random.default_rng(2)
    found = [
        population_stability_index(rng.normal(size=2000), rng.normal(size=1000)) for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(9 * (1 / 2000 + 1 / 1000), rel=0.1)


def test_a_value_never_seen_before_costs_much_and_not_infinitely_much():
    index = population_stability_index(np.zeros(1000), np.zeros(1000))
    assert index == 0
    apart = population_stability_index(np.repeat([0, 1], [1000, 1]), np.ones(1000))
    assert 5 < apart < 20


def test_as_many_values_as_bins_have_a_bin_each():
    # The quantiles of such a column are all 0, and would put every row into one bin.
    old, new = (np.repeat([0, 1, 2], counts) for counts in ([980, 10, 10], [980, 20, 0]))
    shares = (10.5 / 1001.5, 10.5 / 1001.5), (20.5 / 1001.5, 0.5 / 1001.5)
    by_hand = sum((c - r) * np.log(c / r) for r, c in zip(*shares))
    assert population_stability_index(old, new, bins=3) == pytest.approx(by_hand)


def test_table_equals_scipy_and_the_index():
    rng = np.random.default_rng(3)
    old, new = {"x": rng.normal(size=500)}, {"x": rng.normal(0.2, size=400)}
    row = drift_table(old, new, ["x"]).loc["x"]
    peer = stats.ks_2samp(old["x"], new["x"], method="asymp")
    assert row["test"] == "Kolmogorov-Smirnov"
    assert row["distance"] == pytest.approx(peer.statistic)
    assert row["p_value"] == pytest.approx(peer.pvalue)
    assert row["psi"] == population_stability_index(old["x"], new["x"])


def test_traffic_that_moves_between_neighbouring_codes_shows_by_category_only():
    rng = np.random.default_rng(4)
    publisher = rng.integers(0, 200, 70_000)
    moved = np.where(publisher == 3, 7, publisher)
    assert population_stability_index(publisher, moved) == 0.0
    counts = np.stack([np.bincount(rows, minlength=200) for rows in (publisher, moved)])
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    by_hand = np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0]))
    index = population_stability_index(publisher, moved, nominal=True)
    assert index == pytest.approx(by_hand)
    row = drift_table({"p": publisher}, {"p": moved}, ["p"], nominal=["p"]).loc["p"]
    assert row["test"] == "chi-square"
    assert row["psi"] == pytest.approx(by_hand)
    assert row["distance"] == pytest.approx(np.mean(publisher == 3))
    assert row["p_value"] == pytest.approx(stats.chi2_contingency(counts, correction=False)[1])


def test_a_nominal_index_does_not_depend_on_the_names():
    rng = np.random.default_rng(5)
    old, new = rng.integers(0, 9, 3000), rng.integers(0, 8, 2000)
    names = np.array(list("qwertyuio"), dtype=object)
    index = population_stability_index(old, new, nominal=True)
    assert population_stability_index(names[old], names[new]) == pytest.approx(index)


def test_rare_and_new_categories_share_a_bin():
    old = np.repeat(["a", "b", "c"], [500, 480, 20])
    one_short = np.repeat(["a", "b", "c", "d"], [500, 480, 19, 1])
    assert population_stability_index(old, old) == 0
    assert population_stability_index(one_short, np.repeat(["a", "b", "d"], [500, 480, 20])) == 0
    assert population_stability_index(old, np.repeat(["a", "b", "d"], [500, 480, 20])) > 0.1


def test_missing_names_are_a_category_and_one_category_has_not_drifted():
    old = np.array(["a", None] * 50, dtype=object)
    assert population_stability_index(old, np.array(["a"] * 100, dtype=object)) > 1
    row = drift_table({"x": ["a"] * 50}, {"x": ["a"] * 30}, ["x"]).loc["x"]
    assert (row["psi"], row["distance"], row["p_value"]) == (0, 0, 1)


def test_chi_square_on_nothing_keeps_its_promise():
    rng = np.random.default_rng(6)
    draws = [{"x": rng.integers(0, 12, 600)} for _ in range(401)]
    found = [
        drift_table(old, new, ["x"], nominal=["x"]).loc["x", "p_value"] < 0.05
        for old, new in zip(draws, draws[1:])
    ]
    assert np.mean(found) == pytest.approx(0.05, abs=0.035)


@pytest.mark.parametrize("bad", [[], [np.nan, 1.0], [[1.0], [2.0]]])
def test_bad_columns_are_named(bad):
    with pytest.raises(InputError, match="current"):
        population_stability_index(np.arange(5), bad)
    with pytest.raises(InputError, match="age"):
        drift_table({"age": np.arange(5)}, {"age": bad}, ["age"])


def test_one_bin_is_refused():
    with pytest.raises(InputError, match="bins is 1"):
        population_stability_index(np.arange(5), np.arange(5), bins=1)
