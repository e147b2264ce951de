"""From a spec to the one shape of a log: :func:`load_log`, :func:`read_log`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.data.columns.labels import label_texts
from mlsd.data.inference import infer_features
from mlsd.data.locations import data_root
from mlsd.data.log import ColumnRoles, LabelledLog, Split
from mlsd.data.readings import LoadedLog, named_readings
from mlsd.data.rows import stack_rows, weight_name
from mlsd.data.sources import read_source
from mlsd.data.spec import ColumnSpec, LogSpec, load_spec
from mlsd.data.splits import PARTS, given_split, shuffle_split, time_split
from mlsd.data.tables import RawTable, read_tables
from mlsd.data.validation import validate_log
from mlsd.runtime import InputError


def load_log(spec: LogSpec | Path | str, *, root: Path | str | None = None) -> LabelledLog:
    """Read the table or tables of a spec, check every cell a role needs, and split.

    Parameters
    ----------
    spec : LogSpec or path
        A spec, or the TOML file that holds one.
    root : path, optional
        Folder where relative table paths start; by default the folder of the spec, and for
        public sets the data root.

    Returns
    -------
    LabelledLog
        Label int8; times float64 or int64 seconds, rows in time order where there is a time;
        numeric features float64 with NaN for missing; categories int64 or text.

    Raises
    ------
    InputError
        One line that names file, column and row, for whatever is wrong with spec or tables.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "log.csv").write_text("click,device\\n" + "0,phone\\n1,desk\\n" * 50)
    >>> _ = (folder / "log.toml").write_text('[table]\\npath="log.csv"\\n[columns]\\nlabel="click"')
    >>> load_log(folder / "log.toml").frame.shape
    (100, 2)
    """
    return read_log(spec, root=root).log


def read_log(spec: LogSpec | Path | str, *, root: Path | str | None = None) -> LoadedLog:
    """Do as :func:`load_log` does, and keep the raw tables and the reason for each reading.

    Parameters
    ----------
    spec, root
        As in :func:`load_log`.

    Raises
    ------
    InputError
        As in :func:`load_log`.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "log.csv").write_text("click,device\\n" + "0,phone\\n1,desk\\n" * 50)
    >>> _ = (folder / "log.toml").write_text('[table]\\npath="log.csv"\\n[columns]\\nlabel="click"')
    >>> read_log(folder / "log.toml").readings["device"].role
    'categorical'
    """
    spec = spec if isinstance(spec, LogSpec) else load_spec(spec)
    tables = _read_tables(spec, root)
    named = named_readings(spec.columns, tables)
    inferred = infer_features(spec.columns, tables)
    columns = inferred.columns
    frame = stack_rows(tables, inferred)
    if columns.time and columns.known_at:
        _check_known_at(tables, columns, frame)
    _check_outcomes(tables, columns, frame[columns.label])
    _check_features(spec, columns, inferred.left_out)
    order, split = _split(spec, tables, frame)
    frame = frame.iloc[order].reset_index(drop=True)
    log = LabelledLog(spec.name, frame, _roles(columns), split)
    for part, rows in log.parts().items():
        _check_outcomes(tables, columns, frame[columns.label].iloc[rows], part)
    validate_log(log)
    readings = {**named, **inferred.readings}
    return LoadedLog(log, spec, columns, tables, readings, inferred.left_out)


def _check_features(spec: LogSpec, columns: ColumnSpec, left_out: dict[str, str]) -> None:
    if not (columns.user or columns.item or columns.categorical or columns.numeric):
        reasons = "; ".join(f"{name!r} is left out: {why}" for name, why in left_out.items())
        raise InputError(
            f"{spec.file.name}: [columns] has neither user nor item nor any feature; list columns "
            f"under categorical or numeric{reasons and f' ({reasons})'}"
        )


def _read_tables(spec: LogSpec, root: Path | str | None) -> dict[str, RawTable]:
    table = spec.table
    if table.source:
        tables = read_source(table.source, data_root(root) / table.folder)
        return {part: tables[part] for part in ("all", *PARTS) if part in tables}
    folder = Path(root) if root is not None else spec.file.parent
    tables = {
        part: read_tables(folder, path, delimiter=table.delimiter, names=table.names or None)
        for part, path in table.paths.items()
    }
    return {
        part: replace(raw, decimal=table.decimal, missing=table.missing)
        for part, raw in tables.items()
    }


def _check_known_at(tables: dict[str, RawTable], columns: ColumnSpec, frame: pd.DataFrame) -> None:
    early = np.flatnonzero(frame[columns.known_at].to_numpy() < frame[columns.time].to_numpy())
    if early.size == 0:
        return
    row = int(early[0])
    for raw in tables.values():
        if row < raw.table.num_rows:
            raw.fail(columns.known_at, f"lies before column {columns.time!r}", row)
        row -= raw.table.num_rows


def _check_outcomes(
    tables: dict[str, RawTable], columns: ColumnSpec, label: pd.Series, part: str | None = None
) -> None:
    """Require both outcomes, in the whole table or in one of its parts."""
    outcomes = label.unique()
    if len(outcomes) > 1:
        return
    files = ", ".join(raw.file for raw in tables.values())
    advice = "give both outcomes"
    if columns.label_positive and outcomes[0] == 0:
        cells = label_texts(next(iter(tables.values())), columns.label).to_pandas()
        common = ", ".join(map(repr, cells.value_counts().index[:5]))
        advice = f"label_positive occurs nowhere in it, common values are {common}"
    raise InputError(
        f"{files}: the {part + ' part' if part else 'table'} has only label {outcomes[0]} in "
        f"column {label.name!r} ({len(label)} rows); nothing can be learned or measured: {advice}"
    )


def _split(
    spec: LogSpec, tables: dict[str, RawTable], frame: pd.DataFrame
) -> tuple[np.ndarray, Split]:
    times = frame[spec.columns.time].to_numpy() if spec.columns.time else None
    try:
        if spec.split.kind == "given":
            sizes = {part: tables[part].table.num_rows for part in PARTS}
            return given_split(sizes, times=times)
        if spec.split.kind == "time":
            _check_span(spec, times)
            return time_split(times, spec.split.parts)
        return shuffle_split(len(frame), spec.split.parts, seed=spec.split.seed, times=times)
    except InputError as error:
        raise InputError(f"{spec.name}: {error}") from None


def _check_span(spec: LogSpec, times: np.ndarray) -> None:
    if times.min() == times.max():
        raise InputError(
            f"column {spec.columns.time!r} has one time only, {times[0]:.15g}, by which no row "
            'comes after another; correct it, or choose kind = "shuffle" in [split]'
        )


def _roles(columns: ColumnSpec) -> ColumnRoles:
    singles = columns.singles() | {"weight": weight_name(columns)}
    singles.pop("sampling_rate", None)
    return ColumnRoles(
        **singles,
        categorical=columns.categorical,
        numeric=columns.numeric,
        entities=columns.entities,
    )
