"""The 14 features of the Fraud Detection Handbook, as definitions.

Le Borgne, Siblini, Lebichot and Bontempi, Reproducible Machine Learning for Credit Card Fraud
Detection: Practical Handbook, Universite Libre de Bruxelles, 2022, chapter 3: when a payment was
made, what its customer did in the last days, and how much fraud its terminal had seen, as far as
was known after a week.
"""

from __future__ import annotations

import numpy as np

from mlsd.features.definitions import TrailingWindow
from mlsd.features.entities import Columns
from mlsd.features.windows import compute_windows, finite_column
from mlsd.runtime.times import DAY, HOUR

WINDOW_DAYS = (1, 7, 30)
FEEDBACK_DELAY = 7 * DAY
_SUNDAY = 6


def customer_windows() -> tuple[TrailingWindow, ...]:
    """Return number and mean amount of the customer's payments, the current one included.

    Examples
    --------
    >>> [window.output for window in customer_windows()][:2]
    ['CUSTOMER_ID_NB_TX_1DAY_WINDOW', 'CUSTOMER_ID_AVG_AMOUNT_1DAY_WINDOW']
    """
    parts = (("NB_TX", "count", None), ("AVG_AMOUNT", "mean", "TX_AMOUNT"))
    return _windows("CUSTOMER_ID", parts, delay=0)


def terminal_windows() -> tuple[TrailingWindow, ...]:
    """Return number and fraud share of the terminal's payments in windows that end a week earlier.

    Examples
    --------
    >>> [window.output for window in terminal_windows()][-1]
    'TERMINAL_ID_RISK_30DAY_WINDOW'
    """
    parts = (("NB_TX", "count", None), ("RISK", "rate", "TX_FRAUD"))
    return _windows("TERMINAL_ID", parts, delay=FEEDBACK_DELAY)


def compute_handbook_features(columns: Columns) -> dict[str, np.ndarray]:
    """Return the 14 features of each payment.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,) each, or DataFrame
        CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT, TX_FRAUD, and TX_TIME_SECONDS since the midnight
        before Sunday, 1 April 2018.

    Returns
    -------
    dict of str to ndarray, shape (n,), float64

    Notes
    -----
    The Handbook counts with pandas' rolling windows, which put payments of one customer in the
    same second in the order of the table; here each of them sees all of them.

    Examples
    --------
    >>> payments = {"CUSTOMER_ID": [1, 1], "TERMINAL_ID": [5, 6], "TX_AMOUNT": [10.0, 30.0]}
    >>> payments |= {"TX_FRAUD": [0, 0], "TX_TIME_SECONDS": [3_600, 90_000]}
    >>> features = compute_handbook_features(payments)
    >>> features["CUSTOMER_ID_AVG_AMOUNT_7DAY_WINDOW"], features["TX_DURING_WEEKEND"]
    (array([10., 20.]), array([1., 0.]))
    """
    seconds = finite_column(columns, "TX_TIME_SECONDS")
    weekday = (seconds // DAY + _SUNDAY) % 7
    hour = seconds % DAY // HOUR
    features = {
        "TX_DURING_WEEKEND": (weekday >= 5).astype(np.float64),
        "TX_DURING_NIGHT": (hour <= 6).astype(np.float64),
    }
    windows = (*customer_windows(), *terminal_windows())
    return features | compute_windows(columns, windows, time="TX_TIME_SECONDS")


def _windows(entity: str, parts: tuple, *, delay: int) -> tuple[TrailingWindow, ...]:
    return tuple(
        TrailingWindow(
            (entity,),
            statistic,
            days * DAY,
            column=column,
            delay=delay,
            include_row=True,
            name=f"{entity}_{label}_{days}DAY_WINDOW",
        )
        for days in WINDOW_DAYS
        for label, statistic, column in parts
    )
