"""What a column is, judged by its name, its type and its cells."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mlsd.data.columns.cells import MISSING, numbers, plain
from mlsd.data.columns.numbers import (
    DECIMAL_COMMA,
    FORMAT_ADVICE,
    FORMATTED,
    are_decimal_commas,
    are_formatted,
    marker_advice,
    unreadable_texts,
)
from mlsd.data.names import meaning_of
from mlsd.data.readings import kind_of
from mlsd.data.tables import RawTable

INDEX_NAME = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
ISO_DATE = r"^\s*\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?)?\s*$"
# What says how a row came into the log is not known when the next one is predicted.
LIKE_ROLES = {
    "position": "position",
    "propensity": "propensity",
    "pscore": "propensity",
    "propensity_score": "propensity",
    "weight": "weight",
    "sample_weight": "weight",
    "importance_weight": "weight",
    "sampling_rate": "sampling_rate",
    "sampling_probability": "sampling_rate",
    "keep_rate": "sampling_rate",
    "keep_prob": "sampling_rate",
    "keep_probability": "sampling_rate",
    "known_at": "known_at",
}
DATE_ADVICE = "as text it would be a category; name it as a time or in categorical to keep it"
JUDGED = (
    pa.types.is_string,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
)
NEARLY_UNIQUE = 0.9
FEW_ROWS = 50
FEW_TEXTS = 20
LARGEST_EXACT = 2**53
SAMPLE = 200


@dataclass(frozen=True)
class Verdict:
    """What becomes of a column.

    Attributes
    ----------
    role : str
        ``categorical`` or ``numeric``, empty where it is left out, ``?`` where it cannot be told.
    reason : str
        In words.
    numbers : tuple of ndarray
        Of a numeric column, its values in each table.
    """

    role: str
    reason: str
    numbers: tuple[np.ndarray, ...] = ()


def judge_column(tables: dict[str, RawTable], name: str, *, is_key: bool) -> Verdict:
    """Return what becomes of a column without a role.

    Parameters
    ----------
    tables : dict of str to RawTable
    name : str
    is_key : bool
        Whether counters have it in a key, so that it is a category in any case.

    Raises
    ------
    InputError
        When the column is missing in a table, or would be numbers but for a few texts or for
        decimal commas.

    Examples
    --------
    >>> tables = {"all": RawTable("log", pa.table({"ad_id": [7, 9, 7], "price": [0.5, 1.0, 2.0]}))}
    >>> judge_column(tables, "ad_id", is_key=False).reason
    "integer ids, 2 values, name ends in 'id'"
    >>> judge_column(tables, "price", is_key=False).role
    'numeric'
    """
    raw = next(iter(tables.values()))
    if name in LIKE_ROLES:
        return Verdict("", f"called like the role {LIKE_ROLES[name]}; give it that, or list it")
    if is_key:
        return Verdict("categorical", "part of a key of the counters")
    if name in raw.partitions:
        return Verdict("categorical", "the folders of the table are named by it")
    kind = plain(raw, name).type
    if pa.types.is_temporal(kind):
        return Verdict("", f"{kind_of(raw, name)} without a role; {DATE_ADVICE}")
    if pa.types.is_null(kind):
        return Verdict("", "empty in every row")
    if not any(is_kind(kind) for is_kind in JUDGED):
        return Verdict("", f"of type {kind}, which is neither text nor numbers")
    cells = _filled_cells(tables, name)
    distinct = pa.compute.count_distinct(cells).as_py()
    rows = sum(raw.table.num_rows for raw in tables.values())
    if distinct == 0 or (distinct == 1 and len(cells) == rows):
        return Verdict("", "the same in every row" if distinct else "empty in every row")
    if INDEX_NAME.fullmatch(name):
        return Verdict("", "an index without a name, as pandas writes its row numbers")
    if pa.types.is_boolean(kind):
        return Verdict("categorical", "true or false")
    if pa.types.is_string(kind) and not _some_numbers(cells):
        return _judge_text(cells, distinct)
    return _judge_numbers(tables, name, cells, distinct)


def _filled_cells(tables: dict[str, RawTable], name: str) -> pa.ChunkedArray:
    """Return the cells of all tables that are not missing, as text where types differ."""
    columns = [plain(raw, name) for raw in tables.values()]
    if len({column.type for column in columns}) > 1:
        columns = [column.cast(pa.string()) for column in columns]
    cells = pa.chunked_array(
        [chunk for column in columns for chunk in column.chunks], columns[0].type
    )
    if pa.types.is_decimal(cells.type) or pa.types.is_floating(cells.type):
        cells = cells.cast(pa.float64())
    if pa.types.is_string(cells.type):
        return cells.filter(pa.compute.invert(_is_missing(cells)))
    if pa.types.is_floating(cells.type):
        return cells.filter(pa.compute.invert(pa.compute.is_null(cells, nan_is_null=True)))
    return cells.drop_null()


def _is_missing(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.compute.is_in(cells.fill_null(""), value_set=pa.array(MISSING))


def _some_numbers(cells: pa.ChunkedArray) -> bool:
    """Return whether any of a sample of the cells is a number, however it is written."""
    places = np.unique(np.linspace(0, len(cells) - 1, SAMPLE).astype(np.int64))
    sample = pa.compute.replace_substring(cells.take(places), ",", ".")
    _, unreadable = numbers(RawTable("sample", pa.table({"cells": sample})), "cells")
    return not unreadable.all() or any(FORMATTED.fullmatch(text) for text in sample.to_pylist())


def _judge_text(cells: pa.ChunkedArray, distinct: int) -> Verdict:
    if pa.compute.all(pa.compute.match_substring_regex(cells, ISO_DATE)).as_py():
        return Verdict("", f"dates without a role; {DATE_ADVICE}")
    if _nearly_unique(len(cells), distinct):
        return Verdict("", _unique_reason(len(cells), distinct))
    return Verdict("categorical", f"{distinct:,} values")


def _nearly_unique(rows: int, distinct: int) -> bool:
    return rows >= FEW_ROWS and distinct > NEARLY_UNIQUE * rows


def _unique_reason(rows: int, distinct: int) -> str:
    return f"nearly every row has a value of its own ({distinct:,} in {rows:,} rows)"


def _judge_numbers(
    tables: dict[str, RawTable], name: str, cells: pa.ChunkedArray, distinct: int
) -> Verdict:
    pairs = [numbers(raw, name) for raw in tables.values()]
    found = tuple(values.astype(np.float64) for values, _ in pairs)
    for raw, values, (_, unreadable) in zip(tables.values(), found, pairs, strict=True):
        if unreadable.any() or np.isinf(values).any():
            if (meaning_of(name) or ("",))[0] != "id":
                _check_spoilt(raw, name, values, unreadable)
            return _judge_text(pa.compute.cast(cells, pa.string()), distinct)
    if not _may_be_ids(cells, found) and not _float_ids(name, cells):
        return Verdict("numeric", f"real numbers, {distinct:,} values", found)
    return _judge_whole(name, cells, found, distinct)


def _check_spoilt(raw: RawTable, name: str, values: np.ndarray, unreadable: np.ndarray) -> None:
    """Refuse a column that a few texts, or decimal commas, keep from being numbers."""
    texts = unreadable_texts(raw, name, unreadable)
    if are_decimal_commas(texts):
        raw.fail(
            name,
            f"has numbers such as {texts[0]!r}; if the comma is the decimal sign, add "
            'decimal = "," to [table], or name the column in categorical',
        )
    is_many = len(texts) > FEW_TEXTS
    if are_formatted(texts) and (is_many or all(map(DECIMAL_COMMA.fullmatch, texts))):
        raw.fail(
            name, f"has numbers such as {texts[0]!r}; {FORMAT_ADVICE}, or name it in categorical"
        )
    advice = marker_advice(texts)
    many = np.unique(values[np.isfinite(values)]).size > FEW_TEXTS >= len(texts)
    if advice and many:
        shown = ", ".join(map(repr, texts[:10]))
        raw.fail(
            name,
            f"has numbers except for {shown} ({int(unreadable.sum()):,} of {len(values):,} "
            f"rows){advice}, or name the column in categorical",
        )
    _check_infinite(raw, name, values, texts)


def _check_infinite(raw: RawTable, name: str, values: np.ndarray, texts: list[str]) -> None:
    """Refuse numbers that are only not a feature because a few of them are infinite."""
    infinite = np.isinf(values)
    if not texts and infinite.any() and np.unique(values[~infinite]).size > FEW_TEXTS:
        cells = raw.column(name).filter(pa.array(infinite)).unique().to_pylist()
        written = json.dumps([str(cell) for cell in cells])
        raw.fail(
            name,
            f"has {int(infinite.sum()):,} infinite numbers in {len(values):,} rows; if they stand "
            f"for a missing value, add missing = {written} to [table], else write finite ones",
        )


def _may_be_ids(cells: pa.ChunkedArray, found: tuple[np.ndarray, ...]) -> bool:
    """Return whether all numbers are whole, and not written with a decimal sign."""
    for values in found:
        filled = values[~np.isnan(values)]
        if not (filled == np.floor(filled)).all():
            return False
    if not pa.types.is_string(cells.type):
        return True
    return not pa.compute.any(pa.compute.match_substring_regex(cells, r"[.,eE]")).as_py()


def _float_ids(name: str, cells: pa.ChunkedArray) -> bool:
    """Return whether these are ids as pandas writes them where some are missing: 123.0."""
    return (
        (meaning_of(name) or ("",))[0] == "id"
        and pa.types.is_string(cells.type)
        and (pa.compute.all(pa.compute.match_substring_regex(cells, r"^\s*-?\d+\.0\s*$")).as_py())
    )


def _judge_whole(
    name: str, cells: pa.ChunkedArray, found: tuple[np.ndarray, ...], distinct: int
) -> Verdict:
    """Tell ids from amounts by the name, then by the values; ask where neither does."""
    values = np.concatenate([part[~np.isnan(part)] for part in found])
    meaning, word = meaning_of(name) or ("", "")
    ids = f"integer ids, {distinct:,} values"
    if meaning == "amount":
        return Verdict("numeric", f"whole numbers, named by {word!r}", found)
    if values.size >= FEW_ROWS and np.all(np.diff(values) == 1):
        return Verdict("", "numbers the rows one by one")
    if _nearly_unique(values.size, distinct):
        return Verdict("", _unique_reason(values.size, distinct))
    if meaning == "id":
        return Verdict("categorical", f"{ids}, name ends in {word!r}")
    if np.abs(values).max() >= LARGEST_EXACT:
        return Verdict("categorical", f"{ids}, too large for amounts")
    if pa.types.is_string(cells.type) and _leading_zeros(cells):
        return Verdict("categorical", f"{ids}, some written with leading zeros")
    spread = _spread_of_amounts(values, distinct)
    return Verdict("numeric", f"whole numbers, {spread}", found) if spread else Verdict("?", ids)


def _leading_zeros(cells: pa.ChunkedArray) -> bool:
    return pa.compute.any(pa.compute.match_substring_regex(cells, r"^\s*0\d")).as_py()


def _spread_of_amounts(values: np.ndarray, distinct: int) -> str:
    """Return in words what ids do not look like; empty where they may be ids."""
    if distinct <= 2:
        return "two values"
    if values.min() < -1:
        return "some below -1"
    is_long_tailed = values.mean() >= 1.5 * np.median(values)
    has_zeros = np.mean(values == 0) >= 0.2
    return "many of them 0, with a long tail" if has_zeros and is_long_tailed else ""
