"""Batch, stream and SQL are one definition; each is held to a loop that spells it out."""

import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.features import DecayedCounter, TrailingWindow, compute_windows
from mlsd.features.sql import render_sql
from mlsd.features.streaming import StreamingWindows
from mlsd.runtime import InputError

ENTITIES = (("card",), ("card", "device"), ("device",))
LENGTHS = (1, 3, 7, 2.5, 40)
DELAYS = (0, 1, 4, 2.5, 60)
DUCKDB = duckdb.connect(config={"threads": 1})


def spelled_out(table, definition):
    """The definition, row by row and rule by rule."""
    times = table["ts"].tolist()
    keys = list(zip(*(table[name].tolist() for name in definition.entity)))
    amounts = [1.0] * len(table) if definition.column is None else table[definition.column].tolist()
    results = []
    for key, t in zip(keys, times):
        edge = t - definition.delay
        before = (lambda a, b: a <= b) if definition.include_row else (lambda a, b: a < b)
        past = [j for j in range(len(table)) if keys[j] == key and before(times[j], edge)]
        if isinstance(definition, DecayedCounter):
            weights = [2.0 ** (-(edge - times[j]) / definition.half_life) for j in past]
            results.append(math.fsum(w * amounts[j] for w, j in zip(weights, past)))
            continue
        inside = [
            j for j in past if not before(times[j], t - (definition.delay + definition.seconds))
        ]
        total = math.fsum(amounts[j] for j in inside)
        if definition.statistic == "count":
            results.append(len(inside))
        elif definition.statistic == "sum":
            results.append(total)
        elif not inside:
            results.append(math.nan if definition.statistic == "mean" else 0.0)
        else:
            results.append(total / len(inside))
    return np.array(results, dtype=float)


def by_sql(table, definitions):
    DUCKDB.register("events", table.assign(row_number_=np.arange(len(table))))
    text = render_sql(definitions, table="events")
    found = DUCKDB.execute(f"SELECT * FROM ({text}) ORDER BY row_number_").df()
    return {d.output: found[d.output].to_numpy(float, na_value=np.nan) for d in definitions}


def by_stream(table, definitions, updates_first):
    """Look up each moment's rows, after that moment's events or ahead of them."""
    stream = StreamingWindows(definitions)
    results = {d.output: np.empty(len(table)) for d in definitions}
    times = table["ts"].to_numpy()
    for moment in np.unique(times):
        rows = np.flatnonzero(times == moment)
        if updates_first:
            stream.update(table.iloc[rows])
        for name, values in stream.lookup(table.iloc[rows], moment).items():
            results[name][rows] = values
        if not updates_first:
            stream.update(table.iloc[rows])
    return results


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 24))
    step = draw(st.sampled_from([1, 1, 0.5, 9]))
    ticks = draw(st.lists(st.integers(-20, 40), min_size=rows, max_size=rows))
    column = lambda values: draw(st.lists(values, min_size=rows, max_size=rows))
    return pd.DataFrame(
        {
            "card": column(st.integers(-1, 2)),
            "device": column(st.sampled_from(["phone", "tv"])),
            "ts": np.array(ticks) * step,
            # Sixteenths are exact in floating point, so sums agree to the last bit.
            "amount": np.array(column(st.integers(-64, 640))) / 16,
            "fraud": column(st.integers(0, 1)),
        }
    )


@st.composite
def definitions(draw):
    entity, delay, include = (
        draw(st.sampled_from(ENTITIES)),
        draw(st.sampled_from(DELAYS)),
        draw(st.booleans()),
    )
    common = {"entity": entity, "delay": delay, "include_row": include}
    if draw(st.booleans()):
        column = draw(st.sampled_from([None, "amount"]))
        half_life = draw(st.sampled_from([0.01, 0.5, 3, 1000, np.inf]))
        return DecayedCounter(half_life=half_life, column=column, **common)
    column, statistic = draw(
        st.sampled_from([(None, "count"), ("amount", "sum"), ("amount", "mean"), ("fraud", "rate")])
    )
    seconds = draw(st.sampled_from(LENGTHS))
    return TrailingWindow(statistic=statistic, seconds=seconds, column=column, **common)


def assert_equal(found, expected, definition):
    tolerance = {"rtol": 0, "atol": 0}
    if isinstance(definition, DecayedCounter):
        tolerance = {"rtol": 1e-11, "atol": 1e-10}
    np.testing.assert_allclose(found, expected, err_msg=str(definition), **tolerance)


@settings(max_examples=120)
@given(tables(), st.lists(definitions(), min_size=1, max_size=5, unique_by=lambda d: d.output))
def test_batch_stream_and_sql_agree_with_the_definition(table, chosen):
    in_order = table.sort_values("ts", kind="stable", ignore_index=True)
    strict = not any(d.include_row for d in chosen)
    ways = {
        "batch": compute_windows(table, chosen),
        "sql": by_sql(table, chosen),
        "stream": by_stream(table, chosen, updates_first=True),
        "batch in order": compute_windows(in_order, chosen),
    }
    if strict:
        ways["stream, lookup first"] = by_stream(table, chosen, updates_first=False)
    for definition in chosen:
        for way, results in ways.items():
            rows = in_order if way == "batch in order" else table
            assert_equal(results[definition.output], spelled_out(rows, definition), definition)


TIED = {"card": [1, 1, 1, 2], "ts": [10, 20, 20, 20], "amount": [1.0, 2.0, 4.0, 8.0]}


@pytest.mark.parametrize(("include_row", "counts"), [(False, [0, 1, 1, 0]), (True, [1, 3, 3, 1])])
def test_rows_of_one_moment_are_all_in_or_all_out(include_row, counts):
    window = TrailingWindow(("card",), "count", 60, include_row=include_row, name="n")
    assert compute_windows(TIED, [window])["n"].tolist() == counts


@pytest.mark.parametrize(("include_row", "counts"), [(False, [0, 1, 1]), (True, [1, 1, 2])])
def test_a_window_is_closed_at_one_end(include_row, counts):
    table = {"card": [1, 1, 1], "ts": [0, 60, 119]}
    window = TrailingWindow(("card",), "count", 60, include_row=include_row, name="n")
    assert compute_windows(table, [window])["n"].tolist() == counts


def test_a_delay_moves_the_window_back():
    table = {"card": [1] * 4, "ts": [0, 5, 10, 15], "fraud": [1, 0, 1, 1]}
    rate = TrailingWindow(
        ("card",), "rate", 10, column="fraud", delay=5, include_row=True, name="risk"
    )
    assert compute_windows(table, [rate])["risk"].tolist() == [0.0, 1.0, 0.5, 0.5]


def test_a_half_life_halves():
    counter = DecayedCounter(("card",), 10, column="amount", name="spent")
    table = {"card": [1, 1, 1], "ts": [0, 10, 30], "amount": [8.0, 4.0, 0.0]}
    assert compute_windows(table, [counter])["spent"].tolist() == [0.0, 4.0, 2.0]


def test_counters_neither_overflow_nor_lose_the_recent_past():
    rng = np.random.default_rng(0)
    table = {"card": np.zeros(3_000, int), "ts": np.sort(rng.uniform(0, 1e6, 3_000))}
    found = compute_windows(table, [DecayedCounter(("card",), 5.0, name="n")])["n"]
    weights = np.zeros(3_000)
    for row in range(1, 3_000):
        age = table["ts"][row] - table["ts"][row - 1]
        weights[row] = (weights[row - 1] + 1) * 2 ** (-age / 5.0)
    np.testing.assert_allclose(found, weights, rtol=1e-9, atol=1e-30)


def test_sums_do_not_suffer_from_large_values_elsewhere():
    table = {"card": [1, 2, 2, 2], "ts": [0, 1, 2, 3], "amount": [1e17, 0.1, 0.2, 0.0]}
    total = TrailingWindow(("card",), "sum", 10, column="amount", name="total")
    assert compute_windows(table, [total])["total"][3] == 0.1 + 0.2


@pytest.mark.parametrize("shift", [0, 1_600_000_000, 1_600_000_000_000_000_000])
def test_the_origin_of_time_does_not_matter(shift):
    table = {"card": [1, 1, 1], "ts": np.array([0, 3, 7]) + shift}
    window = TrailingWindow(("card",), "count", 5, name="n")
    assert compute_windows(table, [window])["n"].tolist() == [0, 1, 1]


def test_pandas_agrees_where_times_differ():
    rng = np.random.default_rng(1)
    times = np.sort(rng.choice(40_000, 500, replace=False))
    table = pd.DataFrame({"card": rng.integers(0, 9, 500), "ts": times, "amount": rng.random(500)})
    clock = table.assign(at=pd.to_datetime(times, unit="s")).set_index("at")
    rolling = clock.groupby("card")["amount"].rolling("1h")
    window = TrailingWindow(
        ("card",), "mean", 3_600, column="amount", include_row=True, name="mean"
    )
    found = pd.Series(compute_windows(table, [window])["mean"])
    expected = rolling.mean().reset_index(level=0, drop=True).sort_index().to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_table_without_rows_gives_columns_without_rows():
    empty = {"card": np.zeros(0, int), "ts": np.zeros(0), "amount": np.zeros(0)}
    both = [
        TrailingWindow(("card",), "mean", 60, column="amount", name="mean"),
        DecayedCounter(("card",), 60, name="n"),
    ]
    assert {name: len(values) for name, values in compute_windows(empty, both).items()} == {
        "mean": 0,
        "n": 0,
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"card": [1], "amount": [1.0]}, "column 'ts' is missing"),
        ({"card": [1], "ts": [np.nan], "amount": [1.0]}, "column 'ts', row 0: nan"),
        ({"card": [1], "ts": ["a"], "amount": [1.0]}, "column 'ts' holds"),
        ({"card": [1, 1], "ts": [0, 1], "amount": [1, np.inf]}, "column 'amount', row 1: inf"),
        ({"ts": [0], "amount": [1.0]}, "column 'card' is missing"),
    ],
)
def test_bad_tables_are_named(columns, message):
    window = TrailingWindow(("card",), "sum", 60, column="amount")
    with pytest.raises(InputError, match=message):
        compute_windows({name: np.array(values) for name, values in columns.items()}, [window])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrailingWindow("card", "count", 60), "give a tuple of column names"),
        (lambda: TrailingWindow((), "count", 60), "give a tuple of column names"),
        (lambda: TrailingWindow(("card",), "median", 60), "choose count, sum, mean or rate"),
        (lambda: TrailingWindow(("card",), "count", 0), "seconds is 0"),
        (lambda: TrailingWindow(("card",), "sum", 60), "sum needs a column"),
        (lambda: TrailingWindow(("card",), "count", 60, column="a"), "takes no column"),
        (lambda: TrailingWindow(("card",), "count", 60, delay=-1), "delay is -1"),
        (lambda: DecayedCounter(("card",), 0), "half_life is 0"),
        (lambda: DecayedCounter(("card",), float("nan")), "half_life is nan"),
    ],
)
def test_bad_definitions_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_two_outputs_of_one_name_are_refused():
    twice = [TrailingWindow(("card",), "count", s, name="n") for s in (60, 120)]
    with pytest.raises(InputError, match="two definitions are called 'n'"):
        compute_windows(TIED, twice)


def test_names_say_what_is_counted():
    names = [
        TrailingWindow(("card",), "count", 90, include_row=True).output,
        TrailingWindow(("card", "shop"), "rate", 7_200, column="fraud", delay=604_800).output,
        DecayedCounter(("card",), np.inf, column="amount").output,
    ]
    assert names == [
        "card_count_90s_with_row",
        "card_shop_fraud_rate_2h_delay_7d",
        "card_amount_decayed_ever",
    ]
