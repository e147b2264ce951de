"""A comparison as a table in percent, and the figure that is made of it."""

import pandas as pd
import pytest

from mlsd.metrics import Interval
from mlsd.plots import plot_changes
from mlsd.runtime import InputError
from mlsd.worlds.base import Comparison, Lift

ANY = Interval(1.0, 0.0, 2.0)
LIFTS = {
    "revenue": Lift(ANY, ANY, ANY, Interval(0.02, -0.01, 0.05)),
    "clicks": Lift(ANY, ANY, ANY, Interval(-0.3, -0.4, -0.2)),
}
COMPARISON = Comparison("user", LIFTS, control=None, treatment=None)


def test_changes_are_percent_of_the_control_in_the_order_asked_for():
    table = COMPARISON.changes("clicks", "revenue")
    assert list(table.index) == ["clicks", "revenue"]
    assert list(table.columns) == ["estimate", "low", "high"]
    assert table.loc["revenue"].tolist() == pytest.approx([2, -1, 5])
    assert table.loc["clicks"].tolist() == pytest.approx([-30, -40, -20])


def test_without_names_all_measures_are_there():
    assert list(COMPARISON.changes().index) == ["revenue", "clicks"]


def test_an_unknown_measure_is_one_line():
    with pytest.raises(
        InputError, match="no measure is called 'profit'; there are revenue, clicks"
    ):
        COMPARISON.changes("clicks", "profit")


def test_the_figure_takes_the_table_and_says_what_it_shows():
    axes = plot_changes(COMPARISON.changes(), title="Clicks fall", xlabel="change (%)")
    assert (axes.get_title(), axes.get_xlabel()) == ("Clicks fall", "change (%)")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["revenue", "clicks"]


def test_several_tables_in_one_figure_are_coloured_by_measure():
    tables = {name: COMPARISON.changes() for name in ("by bid", "by price")}
    axes = plot_changes(pd.concat(tables), xlabel="change (%)")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [
        "by bid · revenue",
        "by bid · clicks",
        "by price · revenue",
        "by price · clicks",
    ]
    intervals = [line for line in axes.lines if line.get_marker() == "None"][:4]
    colours = [line.get_color() for line in intervals]
    assert colours[0] == colours[2] != colours[1] == colours[3]
