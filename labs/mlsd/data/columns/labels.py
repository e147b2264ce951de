"""Outcomes: 0 and 1, named values, or a rule."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mlsd.data.columns.cells import MISSING, guarded, numbers, plain, shown
from mlsd.data.tables import RawTable

COMPARISONS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
RULE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([+-]?\d+(?:\.\d+)?)\s*")
FILLED = "filled"
TRUTHS = {"true": 1.0, "false": 0.0}


def is_rule(text: str) -> bool:
    """Return whether a text is a rule for labels: ``filled``, or a comparison with a number.

    Examples
    --------
    >>> is_rule(">= 4"), is_rule("filled"), is_rule("4 or more")
    (True, True, False)
    """
    return text == FILLED or RULE.fullmatch(text) is not None


@guarded
def label_column(
    raw: RawTable, name: str, *, positive: Sequence[str] = (), rule: str | None = None
) -> np.ndarray:
    """Return outcomes as int8, shape (n,).

    Parameters
    ----------
    raw, name
        The table and the column. Its cells are 0 and 1, or true and false.
    positive : sequence of str, optional
        The values that count as 1; every other one counts as 0.
    rule : str, optional
        What a number has to be in order to count as 1, such as ``>= 4``; or ``filled``, by which a
        cell that is not missing counts as 1.

    Raises
    ------
    InputError
        At the first cell that is missing, or that is no outcome.

    Examples
    --------
    >>> label_column(RawTable("log", pa.table({"click": ["0", "1"]})), "click")
    array([0, 1], dtype=int8)
    >>> label_column(RawTable("log", pa.table({"stars": [5, 3]})), "stars", rule=">= 4")
    array([1, 0], dtype=int8)
    """
    if rule == FILLED:
        return (~_missing(raw, name)).astype(np.int8)
    if rule is not None:
        return _by_rule(raw, name, rule)
    if positive:
        return _by_value(raw, name, positive)
    found = _truths(raw, name)
    wrong = np.flatnonzero(~np.isin(found, (0, 1)))
    if wrong.size:
        _fail(raw, name, wrong[0], "a label must be 0 or 1 (or true, false)")
    return found.astype(np.int8)


def _truths(raw: RawTable, name: str) -> np.ndarray:
    """Return numbers, with true and false in a text column as 1 and 0."""
    found, unreadable = numbers(raw, name)
    if not unreadable.any():
        return found
    text = pa.compute.utf8_lower(pa.compute.utf8_trim_whitespace(plain(raw, name).fill_null("")))
    for word, value in TRUTHS.items():
        found = np.where(pa.compute.equal(text, word).to_numpy(), value, found)
    return found


def _missing(raw: RawTable, name: str) -> np.ndarray:
    values = plain(raw, name)
    if pa.types.is_string(values.type):
        values = pa.compute.utf8_trim_whitespace(values.fill_null(""))
        return pa.compute.is_in(values, value_set=pa.array(MISSING)).to_numpy()
    return pa.compute.is_null(values, nan_is_null=True).to_numpy()


def _by_rule(raw: RawTable, name: str, rule: str) -> np.ndarray:
    sign, bound = RULE.fullmatch(rule).groups()
    found, _ = numbers(raw, name)
    wrong = np.flatnonzero(np.isnan(found))
    if wrong.size:
        _fail(raw, name, wrong[0], f"label_rule {rule!r} needs a number")
    return COMPARISONS[sign](found, float(bound)).astype(np.int8)


def _by_value(raw: RawTable, name: str, positive: Sequence[str]) -> np.ndarray:
    wrong = np.flatnonzero(_missing(raw, name))
    if wrong.size and "" not in positive:
        _fail(raw, name, wrong[0], "label_positive needs a value")
    found = pa.compute.is_in(label_texts(raw, name), value_set=pa.array(positive, pa.string()))
    return found.to_numpy().astype(np.int8)


def label_texts(raw: RawTable, name: str) -> pa.ChunkedArray:
    """Return the cells as the texts with which ``label_positive`` is compared.

    Examples
    --------
    >>> label_texts(RawTable("log", pa.table({"stars": [5.0, None]})), "stars").to_pylist()
    ['5', '']
    """
    values = plain(raw, name)
    if not pa.types.is_string(values.type):
        values = values.cast(pa.string())
    return pa.compute.utf8_trim_whitespace(values.fill_null(""))


def _fail(raw: RawTable, name: str, row: int, wanted: str) -> None:
    """Say what is wrong with a label, and what to write where it is not a mistake."""
    cell = shown(raw.column(name), row)
    if _missing(raw, name)[row]:
        advice = (
            "leave out rows whose outcome is unknown, write 0 where nothing happened, or, if a "
            'filled cell is what counts, add label_rule = "filled" to [columns]'
        )
    elif np.isfinite(number := numbers(raw, name)[0][row]):
        rule = "> 0" if number < 0 else ">= 4"
        advice = f'say which numbers count as 1, as in label_rule = "{rule}" in [columns]'
    else:
        advice = 'say which values count as 1, as in label_positive = ["click"] in [columns]'
    raw.fail(name, f"is {cell}; {wanted}: {advice}", row)
