"""The Handbook's features on payments worked out by hand, and against pandas' rolling windows."""

import numpy as np
import pandas as pd

from mlsd.features.handbook import compute_handbook_features
from mlsd.runtime.times import DAY

PAYMENTS = {
    "CUSTOMER_ID": np.array([1, 1, 2, 1, 1]),
    "TERMINAL_ID": np.array([5, 5, 5, 6, 5]),
    "TX_AMOUNT": np.array([10.0, 20.0, 5.0, 30.0, 40.0]),
    "TX_FRAUD": np.array([1, 0, 0, 0, 1]),
    # Sunday 00:00, Sunday 07:00, Monday 06:59:59, Monday 00:00 of the next week, a day later.
    "TX_TIME_SECONDS": np.array([0, 25_200, DAY + 25_199, 8 * DAY, 9 * DAY]),
}


def test_payments_by_hand():
    found = compute_handbook_features(PAYMENTS)
    expected = {
        "TX_DURING_WEEKEND": [1, 1, 0, 0, 0],
        "TX_DURING_NIGHT": [1, 0, 1, 1, 1],
        "CUSTOMER_ID_NB_TX_1DAY_WINDOW": [1, 2, 1, 1, 1],
        "CUSTOMER_ID_AVG_AMOUNT_1DAY_WINDOW": [10, 15, 5, 30, 40],
        "CUSTOMER_ID_NB_TX_30DAY_WINDOW": [1, 2, 1, 3, 4],
        "CUSTOMER_ID_AVG_AMOUNT_30DAY_WINDOW": [10, 15, 5, 20, 25],
        "TERMINAL_ID_NB_TX_1DAY_WINDOW": [0, 0, 0, 0, 1],
        "TERMINAL_ID_RISK_1DAY_WINDOW": [0, 0, 0, 0, 0],
        "TERMINAL_ID_NB_TX_7DAY_WINDOW": [0, 0, 0, 0, 3],
        "TERMINAL_ID_RISK_7DAY_WINDOW": [0, 0, 0, 0, 1 / 3],
    }
    assert len(found) == 14
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name)


def test_delayed_windows_are_differences_of_rolling_ones():
    rng = np.random.default_rng(0)
    seconds = np.sort(rng.choice(60 * DAY, 600, replace=False))
    payments = {
        "CUSTOMER_ID": rng.integers(0, 4, 600),
        "TERMINAL_ID": rng.integers(0, 3, 600),
        "TX_AMOUNT": rng.integers(100, 9_999, 600) / 100,
        "TX_FRAUD": rng.integers(0, 2, 600),
        "TX_TIME_SECONDS": seconds,
    }
    frame = pd.DataFrame(payments, index=pd.to_datetime(seconds, unit="s"))
    frauds = frame.groupby("TERMINAL_ID")["TX_FRAUD"]
    rolled = {
        (days, how): getattr(frauds.rolling(f"{days}D"), how)()
        .reset_index(level=0, drop=True)
        .sort_index()
        .to_numpy()
        for days in (7, 14)
        for how in ("count", "sum")
    }
    count = rolled[14, "count"] - rolled[7, "count"]
    risk = (rolled[14, "sum"] - rolled[7, "sum"]) / np.maximum(count, 1)
    found = compute_handbook_features(payments)
    np.testing.assert_array_equal(found["TERMINAL_ID_NB_TX_7DAY_WINDOW"], count)
    np.testing.assert_allclose(found["TERMINAL_ID_RISK_7DAY_WINDOW"], risk, atol=1e-12)
