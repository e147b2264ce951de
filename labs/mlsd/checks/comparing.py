"""Say in a few words how a value differs from the one expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

# Values that a message can hold and a reader can paste.
_SMALL_TABLE = 60


def describe_difference(got: Any, expected: Any, *, rtol: float = 1e-6, atol: float = 1e-9) -> str:
    """Return how `got` differs from `expected`, or ``""``.

    Parameters
    ----------
    got, expected : object
        Numbers, strings, arrays, tables, or sequences and mappings of these.
    rtol, atol : float
        Numbers are equal within ``atol + rtol * |expected|``; NaN equals NaN.

    Examples
    --------
    >>> import numpy as np
    >>> describe_difference(np.zeros((3, 1)), np.zeros(3))
    'expected shape (3,), got (3, 1)'
    >>> describe_difference([1.0, 2.5], np.array([1.0, 2.0]))
    'expected 2 at [1], got 2.5'
    """
    if isinstance(expected, pd.DataFrame):
        return _table_difference(got, expected, rtol=rtol, atol=atol)
    if isinstance(expected, Mapping):
        return _mapping_difference(got, expected, rtol=rtol, atol=atol)
    if isinstance(expected, (str, bytes, bool, np.bool_)) or expected is None:
        return _plain_difference(got, expected)
    if isinstance(expected, Sequence) and not _is_numeric(expected):
        return _sequence_difference(got, expected, rtol=rtol, atol=atol)
    return _array_difference(got, np.asarray(expected), rtol=rtol, atol=atol)


def _is_numeric(values: Sequence[Any]) -> bool:
    try:
        return np.asarray(values).dtype.kind in "bifuc"
    except ValueError:
        return False


def _plain_difference(got: Any, expected: Any) -> str:
    same_kind = isinstance(got, (bool, np.bool_)) == isinstance(expected, (bool, np.bool_))
    try:
        equal = same_kind and bool(got == expected)
    except ValueError:
        equal = False
    return "" if equal else f"expected {expected!r}, got {show_value(got)}"


def _array_difference(got: Any, expected: np.ndarray, *, rtol: float, atol: float) -> str:
    try:
        array = np.asarray(got)
    except ValueError:
        return f"expected shape {expected.shape}, got rows of unequal length"
    if array.shape != expected.shape:
        if array.shape == ():
            return f"expected an array of shape {expected.shape}, got {show_value(got)}"
        return f"expected shape {expected.shape}, got {array.shape}"
    if expected.dtype.kind not in "bifuc":
        return _first_difference(array, expected, array.astype(object) == expected.astype(object))
    if array.dtype.kind not in "bifuc":
        return f"expected {_number_kind(expected)}, got {show_value(got)}"
    return _first_difference(array, expected, _close(array, expected, rtol, atol))


def _close(got: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    if expected.dtype.kind == "b":
        return got == expected
    return np.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)


def _number_kind(expected: np.ndarray) -> str:
    return "a number" if expected.shape == () else "numbers"


def _first_difference(got: np.ndarray, expected: np.ndarray, equal: Any) -> str:
    equal = np.asarray(equal)
    if equal.all():
        return ""
    place = tuple(int(i) for i in np.argwhere(~equal)[0])
    where = f" at [{', '.join(map(str, place))}]" if place else ""
    return f"expected {show_value(expected[place])}{where}, got {show_value(got[place])}"


def _table_difference(got: Any, expected: pd.DataFrame, *, rtol: float, atol: float) -> str:
    if not isinstance(got, pd.DataFrame):
        return f"expected a table (DataFrame), got {_kind(got)}"
    missing = [name for name in expected.columns if name not in got.columns]
    if missing:
        return f"the table lacks the column {missing[0]!r}"
    if len(got) != len(expected):
        return f"expected {len(expected)} rows, got {len(got)}"
    columns = {name: expected[name].to_numpy() for name in expected.columns}
    return _mapping_difference(
        {name: got[name].to_numpy() for name in columns}, columns, rtol=rtol, atol=atol
    )


def _mapping_difference(got: Any, expected: Mapping[Any, Any], *, rtol: float, atol: float) -> str:
    if not isinstance(got, Mapping):
        return f"expected a dictionary, got {_kind(got)}"
    if set(got) != set(expected):
        return f"expected the keys {sorted(expected, key=str)}, got {sorted(got, key=str)}"
    for key, value in expected.items():
        difference = describe_difference(got[key], value, rtol=rtol, atol=atol)
        if difference:
            return f"{key}: {difference}"
    return ""


def _sequence_difference(got: Any, expected: Sequence[Any], *, rtol: float, atol: float) -> str:
    if not isinstance(got, (Sequence, np.ndarray, pd.Series)) or isinstance(got, str):
        return f"expected {len(expected)} values, got {_kind(got)}"
    if len(got) != len(expected):
        return f"expected {len(expected)} values, got {len(got)}"
    for place, (value, wanted) in enumerate(zip(got, expected)):
        difference = describe_difference(value, wanted, rtol=rtol, atol=atol)
        if difference:
            return f"at [{place}]: {difference}"
    return ""


def _kind(value: Any) -> str:
    return "nothing (None)" if value is None else type(value).__name__


def show_value(value: Any) -> str:
    """Return `value` for a message: a small table whole, all else in at most 60 characters.

    Examples
    --------
    >>> show_value(0.1 + 0.2)
    '0.3'
    >>> show_value(pd.DataFrame({"ad_id": [1, 2], "click": [0, 1]}))
    "DataFrame({'ad_id': [1, 2], 'click': [0, 1]})"
    """
    if value is None:
        return "nothing (None)"
    if isinstance(value, pd.DataFrame) and value.size <= _SMALL_TABLE:
        return f"DataFrame({value.to_dict('list')})"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    text = str(value) if isinstance(value, np.generic) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
