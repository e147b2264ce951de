"""Figures say what they show: labels, order and colours."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from mlsd.cases import find_case
from mlsd.plots import COLOURS, plot_changes, plot_deployed, plot_ladder


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_ladder_has_one_line_a_rung_with_the_first_on_top_and_a_legend_per_table():
    ledger = pd.DataFrame(
        {
            "rung": ["global_rate", "hashed_lr", "oracle"],
            "features": ["none", "ids", "truth"],
            "normalized_entropy": [1.0, 0.9, 0.8],
            "normalized_entropy_low": [1.0, 0.89, 0.79],
            "normalized_entropy_high": [1.0, 0.91, 0.81],
        }
    )
    axes = plot_ladder(ledger, **vars(find_case("ad_click").figure))
    heights = dict(zip((t.get_text() for t in axes.get_yticklabels()), axes.get_yticks()))
    assert heights["global_rate"] > heights["oracle"]
    assert len(axes.get_legend().get_texts()) == 3
    assert "lower is better" in axes.get_xlabel()


def test_what_was_earned_stands_against_what_was_predicted_with_the_better_side_right():
    ledger = pd.DataFrame(
        {
            "rung": ["rule", "trees", "deep", "left out"],
            "features": ["ids", "ids", "counters", "ids"],
            "entropy": [1.0, 0.9, 0.9, 0.5],
            "entropy_low": [0.99, 0.89, 0.89, 0.5],
            "entropy_high": [1.01, 0.91, 0.91, 0.5],
            "online": [47.0, 49.0, 49.01, 99.0],
        }
    )
    axes = plot_deployed(
        ledger,
        metric="entropy",
        label="entropy",
        online="online",
        online_label="revenue",
        names={"rule": "a rule", "trees": "trees", "deep": "deep"},
        title="the finding",
    )
    places = {text.get_text(): text.xy for text in axes.texts}
    assert set(places) == {"a rule", "trees", "deep"}
    assert places["deep"][1] - places["trees"][1] > 0.1
    assert axes.xaxis_inverted()
    assert (axes.get_title(), axes.get_ylabel()) == ("the finding", "revenue")
    assert places["trees"][0] == 0.91


def test_where_more_is_better_the_axis_runs_upwards_and_names_stand_inside():
    ledger = pd.DataFrame(
        {
            "rung": ["rule", "deep"],
            "features": ["none", "ids"],
            "ndcg": [0.1, 0.2],
            "ndcg_low": [0.09, 0.19],
            "ndcg_high": [0.11, 0.21],
            "online": [47.0, 49.0],
        }
    )
    axes = plot_deployed(
        ledger,
        metric="ndcg",
        label="NDCG",
        online="online",
        online_label="hours",
        names={"rule": "a rule", "deep": "deep"},
        higher_is_better=True,
    )
    places = {text.get_text(): (text.xy[0], text.get_ha()) for text in axes.texts}
    assert places == {"a rule": (0.11, "left"), "deep": (0.19, "right")}
    assert not axes.xaxis_inverted()


def test_changes_of_one_measure_share_a_colour():
    changes = pd.DataFrame(
        {"estimate": [1, 2, 3], "low": [0, 1, 2], "high": [2, 3, 4]},
        index=pd.MultiIndex.from_tuples([("a", "revenue"), ("a", "clicks"), ("b", "revenue")]),
    )
    axes = plot_changes(changes, xlabel="change, %")
    dots = [line.get_color() for line in axes.lines if line.get_marker() == "o"]
    assert dots == [COLOURS["blue"], COLOURS["orange"], COLOURS["blue"]]
    assert axes.get_yticklabels()[0].get_text() == "a · revenue"
