"""Logs of interactions: who chose what, and perhaps when.

Every row is an interaction, or, where the spec names a label, every row whose label is 1. A pair of
user and item counts once, at its first time: an item that was chosen again is no discovery, and a
pair of the training part that comes back in the test part would be no test.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.data.inference import Inferred
from mlsd.data.items import read_items
from mlsd.data.log import LabelledLog
from mlsd.data.parting import split_rows
from mlsd.data.raw_tables import ITEMS, fail_at_row
from mlsd.data.readings import InteractionCounts, LoadedLog, named_readings
from mlsd.data.rows import roles_of, stack_rows
from mlsd.data.spec import ColumnSpec, LogSpec
from mlsd.data.splits import PARTS
from mlsd.data.tables import RawTable
from mlsd.data.validation import validate_log
from mlsd.runtime import InputError

# Whole numbers stand for no item by it, where a history or a list is short; among texts it is one.
NO_ITEM = -1


def read_interactions(
    spec: LogSpec, tables: dict[str, RawTable], *, root: Path | str | None = None
) -> LoadedLog:
    """Return the interactions of raw tables, each pair of user and item once, and their split.

    Parameters
    ----------
    spec : LogSpec
    tables : dict of str to RawTable
        The rows, and under ``items`` the table of items that a public source brings.
    root : path, optional
        Where a relative path of the table of items starts; by default the folder of the spec.

    Returns
    -------
    LoadedLog
        Its log has no label, holds the features of items as ``tables["items"]``, and says in
        `lists` how recommenders are judged on it.

    Raises
    ------
    InputError
        At the first row without user or item, where no row counts, or a part is empty.
    """
    columns = spec.columns
    given_items = tables.get(ITEMS)
    tables = {part: raw for part, raw in tables.items() if part != ITEMS}
    for name in columns.ignore:
        next(iter(tables.values())).column(name)
    frame = stack_rows(tables, Inferred(columns))
    if (frame[columns.item] == NO_ITEM).any():
        frame = frame.astype({columns.item: str})
    _check_filled(tables, columns, frame)
    part = np.repeat(np.arange(len(tables)), [raw.table.num_rows for raw in tables.values()])
    kept = _kept_rows(columns, frame, part)
    rows, counts = np.flatnonzero(kept), _count(columns, frame, part, kept)
    if not rows.size:
        raise InputError(
            f"{', '.join(raw.file for raw in tables.values())}: no row counts as an interaction, "
            f"for column {columns.label!r} is 0 throughout; correct the label or its rule"
        )
    roles = replace(roles_of(columns), label=None)
    frame = frame.iloc[rows].drop(columns=[columns.label] if columns.label else [])
    try:
        order, split = split_rows(
            spec,
            len(frame),
            sizes=dict(zip(PARTS, np.bincount(part[rows], minlength=3).tolist(), strict=True)),
            times=frame[roles.time].to_numpy() if roles.time else None,
            users=frame[roles.user].to_numpy(),
        )
    except InputError as error:
        raise InputError(f"{error}{_why_so_few(counts)}") from None
    frame = frame.iloc[order].reset_index(drop=True)
    beside = read_items(spec, given_items, frame[roles.item], root=root)
    log = LabelledLog(spec.name, frame, roles, split, tables=beside, lists=spec.lists)
    validate_log(log)
    return LoadedLog(log, spec, columns, tables, named_readings(columns, tables), {}, counts)


def _why_so_few(counts: InteractionCounts) -> str:
    """Return what became of the other rows, where a split leaves a part empty."""
    gone = [
        (counts.not_chosen, "have label 0"),
        (counts.repeats, "repeat a pair of user and item, which counts once, in its first part"),
    ]
    said = " and ".join(f"{rows:,} {why}" for rows, why in gone if rows)
    return f" (of {counts.rows:,} rows, {said})" if said else ""


def _check_filled(tables: dict[str, RawTable], columns: ColumnSpec, frame: pd.DataFrame) -> None:
    for name in (columns.user, columns.item):
        empty = np.flatnonzero((frame[name] == "").to_numpy())
        if empty.size:
            problem = "is empty; an interaction is of a user and an item: fill it in or remove it"
            fail_at_row(tables, name, problem, int(empty[0]))


def _kept_rows(columns: ColumnSpec, frame: pd.DataFrame, part: np.ndarray) -> np.ndarray:
    """Return whether each row is the first interaction of its user with its item."""
    chosen = _chosen(columns, frame)
    times = frame[columns.time].to_numpy() if columns.time else np.zeros(len(frame))
    order = np.lexsort((times, part))
    order = order[chosen[order]]
    first = ~frame[[columns.user, columns.item]].iloc[order].duplicated().to_numpy()
    kept = np.zeros(len(frame), bool)
    kept[order[first]] = True
    return kept


def _chosen(columns: ColumnSpec, frame: pd.DataFrame) -> np.ndarray:
    if columns.label is None:
        return np.ones(len(frame), bool)
    return frame[columns.label].to_numpy() == 1


def _count(
    columns: ColumnSpec, frame: pd.DataFrame, part: np.ndarray, kept: np.ndarray
) -> InteractionCounts:
    chosen = _chosen(columns, frame)
    pairs = frame[[columns.user, columns.item]]
    once = pairs.assign(part=part)[chosen].drop_duplicates()
    return InteractionCounts(
        rows=len(frame),
        not_chosen=int(len(frame) - chosen.sum()),
        repeats=int(chosen.sum() - kept.sum()),
        across_parts=int(len(once) - kept.sum()),
    )
