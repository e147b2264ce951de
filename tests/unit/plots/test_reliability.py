"""The reliability diagram shows every bin where it belongs, also the ones without a click."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mlsd.metrics import reliability_table
from mlsd.plots import plot_reliability
from mlsd.runtime import InputError


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def table(predicted, observed, low, high):
    return pd.DataFrame({"predicted": predicted, "observed": observed, "low": low, "high": high})


TWO_BINS = table([0.01, 0.04], [0.02, 0.03], [0.015, 0.02], [0.03, 0.045])


def dots(axes):
    return next(line for line in axes.lines if line.get_marker() != "None")


def diagonal(axes):
    return next(line for line in axes.lines if line.get_label() == "promise kept")


def test_dots_and_bars_are_in_percent():
    axes = plot_reliability({"model": TWO_BINS})
    np.testing.assert_allclose(dots(axes).get_xdata(), [1, 4])
    np.testing.assert_allclose(dots(axes).get_ydata(), [2, 3])
    ends = [segment[:, 1] for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [[1.5, 3], [2, 4.5]])


def test_both_axes_are_equal_so_that_the_diagonal_is_one():
    axes = plot_reliability({"model": TWO_BINS})
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_xlim() == axes.get_ylim()
    np.testing.assert_allclose(diagonal(axes).get_xdata(), diagonal(axes).get_ydata())


def test_ticks_are_plain_percents_inside_the_limits():
    axes = plot_reliability({"model": TWO_BINS})
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "5"]


def test_a_bin_without_a_click_shows_its_interval_from_the_edge_and_no_dot():
    empty = table([0.01, 0.04], [0.0, 0.03], [0.0, 0.02], [0.005, 0.045])
    axes = plot_reliability({"model": empty})
    np.testing.assert_allclose(dots(axes).get_xdata(), [4])
    low, high = axes.collections[0].get_segments()[0][:, 1]
    assert low == pytest.approx(axes.get_ylim()[0])
    assert high == pytest.approx(0.5)


def test_models_share_axes_and_differ_in_legend_and_colour():
    _, given = plt.subplots()
    worse = TWO_BINS.assign(predicted=TWO_BINS["predicted"] * 8)
    axes = plot_reliability({"before": worse, "after": TWO_BINS}, axes=given)
    assert axes is given
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["before", "after", "promise kept"]
    assert len({line.get_color() for line in axes.lines}) == 3


def test_calibrated_predictions_lie_on_the_diagonal():
    random = np.random.default_rng(0)
    p = random.uniform(0.01, 0.1, 100_000)
    axes = plot_reliability({"truth": reliability_table(random.random(len(p)) < p, p, bins=5)})
    ratio = dots(axes).get_ydata() / dots(axes).get_xdata()
    np.testing.assert_allclose(ratio, 1, atol=0.1)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "0 tables"),
        ({str(i): TWO_BINS for i in range(6)}, "6 tables"),
        ({"m": TWO_BINS.drop(columns="low")}, "lacks the column 'low'"),
        ({"m": TWO_BINS.assign(predicted=0.0)}, "above 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tables, message):
    with pytest.raises(InputError, match=message):
        plot_reliability(tables)
