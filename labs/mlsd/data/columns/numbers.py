"""Numeric features and amounts."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa

from mlsd.data.columns.cells import MARKERS, guarded, numbers, shown
from mlsd.data.tables import RawTable

# A price as it is shown: thousands apart, or with a sign of currency or per cent.
FORMATTED = re.compile(
    r"\s*[+\-−]?\s*[$€£¥₹]?\s?[+\-−]?(\d{1,3}([.,'’\s]\d{3})+|\d+)([.,]\d+)?\s?[$€£¥₹%]?\s*"
)
THOUSANDS_COMMA = re.compile(r"\s*[+-]?[1-9]\d{0,2}(,\d{3})+\s*")
FORMAT_ADVICE = "write plain numbers, without separators of thousands, signs and blanks"
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")


@guarded
def number_column(raw: RawTable, name: str) -> np.ndarray:
    """Return a numeric feature as float64, shape (n,); NaN means missing.

    Missing are nulls, empty cells, the texts in ``MISSING`` and those that the table declares.

    Raises
    ------
    InputError
        At the first cell that is text or infinite.

    Examples
    --------
    >>> number_column(RawTable("log", pa.table({"price": ["2.5", ""]})), "price")
    array([2.5, nan])
    """
    found, unreadable = numbers(raw, name)
    found = found.astype(np.float64)
    wrong = np.flatnonzero(unreadable | np.isinf(found))
    if wrong.size:
        cell = shown(raw.column(name), wrong[0])
        advice = _advice(raw, name, unreadable)
        raw.fail(name, f"is {cell}; give a finite number or leave it empty{advice}", wrong[0])
    return found


def _advice(raw: RawTable, name: str, unreadable: np.ndarray) -> str:
    """Return the line of the spec that makes unreadable cells readable, where one does."""
    texts = unreadable_texts(raw, name, unreadable)
    if are_decimal_commas(texts):
        return '; if the comma is the decimal sign, add decimal = "," to [table]'
    if are_formatted(texts):
        return f"; {FORMAT_ADVICE}"
    return marker_advice(texts)


def are_decimal_commas(texts: list[str]) -> bool:
    """Whether the texts are numbers with a decimal comma, rather than one that parts thousands.

    Examples
    --------
    >>> are_decimal_commas(["2,5", "1,250"]), are_decimal_commas(["1,250", "12,000"])
    (True, False)
    """
    decimal = all(DECIMAL_COMMA.fullmatch(text) for text in texts)
    return bool(texts) and decimal and not all(THOUSANDS_COMMA.fullmatch(text) for text in texts)


def are_formatted(texts: list[str]) -> bool:
    """Whether the texts are numbers as they are shown to people.

    Examples
    --------
    >>> are_formatted(["1,250.00", "$3.50", "7 %"]), are_formatted(["10.0.0.1"])
    (True, False)
    """
    return bool(texts) and all(FORMATTED.fullmatch(text) for text in texts)


def unreadable_texts(raw: RawTable, name: str, unreadable: np.ndarray) -> list[str]:
    """Return the distinct texts of the unreadable cells, the commonest first.

    Examples
    --------
    >>> raw = RawTable("log", pa.table({"price": ["-", "2", "?", "-"]}))
    >>> unreadable_texts(raw, "price", np.array([True, False, True, True]))
    ['-', '?']
    """
    cells = raw.column(name).filter(pa.array(unreadable)).to_pandas()
    return pd.Series(cells, dtype=object).value_counts().index.tolist()


def marker_advice(texts: list[str]) -> str:
    """Return the line that declares those of the texts that look like missing values.

    Examples
    --------
    >>> marker_advice(["-", "cheap"])
    '; if they stand for a missing value, add missing = ["-"] to [table]'
    """
    markers = [text for text in texts if MARKERS.fullmatch(text.strip())]
    if not markers:
        return ""
    written = json.dumps(markers[:10], ensure_ascii=False)
    return f"; if they stand for a missing value, add missing = {written} to [table]"
