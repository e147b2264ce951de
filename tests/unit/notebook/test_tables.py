import pandas as pd

from mlsd.notebook import TextTable

CAUSES = pd.DataFrame({"yours": ["inputs", "late sales"], "truth": ["inputs", "nothing"]})


def test_columns_and_a_named_index_start_at_the_left():
    shown = repr(TextTable(CAUSES.set_axis(["A", "B"]).rename_axis("morning"))).splitlines()
    assert shown == [
        "morning  yours       truth",
        "A        inputs      inputs",
        "B        late sales  nothing",
    ]


def test_row_numbers_without_a_name_are_left_out():
    assert repr(TextTable(CAUSES)).splitlines()[1] == "inputs      inputs"


def test_each_level_of_an_index_is_a_column_and_a_missing_name_is_empty():
    levels = pd.MultiIndex.from_tuples([("in time", "50 ms"), ("", "refused")], names=["a", None])
    table = pd.DataFrame({"first": [1, 2]}, index=levels).rename_axis(columns="day")
    assert repr(TextTable(table)).splitlines() == [
        "a                 first",
        "in time  50 ms    1",
        "         refused  2",
    ]


def test_every_cell_says_so_in_html():
    html = TextTable(CAUSES)._repr_html_()
    assert html.count('<td style="text-align: left;">') == 4
    assert html.count('<th style="text-align: left;">') == 2
    assert "<td>" not in html
    assert "<th>" not in html
