"""What is particular to the SQL text; `test_windows` holds its results equal to the batch."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from mlsd.features import DecayedCounter, TrailingWindow, compute_windows
from mlsd.features.handbook import customer_windows, terminal_windows
from mlsd.features.sql import render_sql
from mlsd.runtime import InputError


def test_a_statement_adds_columns_to_all_others():
    frame = pd.DataFrame({"card": [1, 1], "ts": [0, 5], "kept": ["a", "b"]})
    window = TrailingWindow(("card",), "count", 60, name="n")
    with duckdb.connect() as connection:
        connection.register("payments", frame)
        found = connection.execute(render_sql([window], table="payments") + " ORDER BY ts").df()
    assert found.to_dict("list") == {**frame.to_dict("list"), "n": [0, 1]}


def test_the_whole_feature_set_is_one_statement():
    rng = np.random.default_rng(0)
    payments = pd.DataFrame(
        {
            "CUSTOMER_ID": rng.integers(0, 5, 300),
            "TERMINAL_ID": rng.integers(0, 4, 300),
            "TX_TIME_SECONDS": np.sort(rng.integers(0, 60 * 86_400, 300)),
            "TX_AMOUNT": rng.integers(0, 10_000, 300) / 100,
            "TX_FRAUD": rng.integers(0, 2, 300),
            "row": np.arange(300),
        }
    )
    windows = (*customer_windows(), *terminal_windows())
    text = render_sql(windows, table="payments", time="TX_TIME_SECONDS")
    assert text.count("SELECT") == 1
    with duckdb.connect() as connection:
        connection.register("payments", payments)
        found = connection.execute(f"SELECT * FROM ({text}) ORDER BY row").df()
    for name, values in compute_windows(payments, windows, time="TX_TIME_SECONDS").items():
        np.testing.assert_allclose(found[name].to_numpy(float), values, rtol=1e-9, err_msg=name)


def test_decayed_sums_do_not_overflow_over_a_million_half_lives():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"card": 1, "ts": np.sort(rng.uniform(-5e8, 5e8, 200)).round()})
    frame.loc[50:100, "ts"] = frame["ts"][50] + np.arange(51) * 20
    counter = DecayedCounter(("card",), 60, name="n")
    with duckdb.connect() as connection:
        connection.register("payments", frame)
        text = render_sql([counter], table="payments")
        found = connection.execute(f"{text} ORDER BY ts").df()["n"].to_numpy()
    expected = compute_windows(frame, [counter])["n"]
    assert expected.max() > 3.8
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["a b", "x; DROP TABLE y", "0d", ""])
def test_names_that_cannot_stand_in_sql_are_refused(name):
    with pytest.raises(InputError, match="cannot stand in SQL"):
        render_sql([DecayedCounter((name,), 60, name="n")], table="payments")
    with pytest.raises(InputError, match="cannot stand in SQL"):
        render_sql([DecayedCounter(("card",), 60, name="n")], table=name)
