"""From a spec to the one shape of a log: :func:`load_log`, :func:`read_log`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.data.columns import category_column, label_column, number_column, time_column
from mlsd.data.inference import Inferred, infer_features
from mlsd.data.locations import data_root
from mlsd.data.log import ColumnRoles, LabelledLog, Split
from mlsd.data.readings import LoadedLog, named_readings
from mlsd.data.sources import read_source
from mlsd.data.spec import ColumnSpec, LogSpec, load_spec
from mlsd.data.splits import PARTS, given_split, shuffle_split, time_split
from mlsd.data.tables import RawTable, read_table
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
    frame = _frame(tables, inferred)
    _check_features(spec, columns, inferred.left_out)
    order, split = _split(spec, tables, frame)
    frame = frame.iloc[order].reset_index(drop=True)
    log = LabelledLog(spec.name, frame, _roles(columns), split)
    files = ", ".join(raw.file for raw in tables.values())
    for part, rows in log.parts().items():
        _check_outcomes(frame[columns.label].iloc[rows], f"{files}: the {part} part")
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


def _frame(tables: dict[str, RawTable], inferred: Inferred) -> pd.DataFrame:
    """Return the rows of all tables, checked but not yet in order."""
    columns, frames = inferred.columns, []
    for part, raw in tables.items():
        known = {name: inferred.numbers.pop((part, name), None) for name in columns.numeric}
        known = {name: values for name, values in known.items() if values is not None}
        frames.append(_convert(raw, columns, known))
    frame = _concat(frames)
    if columns.time and columns.known_at:
        _check_known_at(tables, columns, frame)
    files = ", ".join(raw.file for raw in tables.values())
    _check_outcomes(frame[columns.label], f"{files}: the table")
    return frame


def _read_tables(spec: LogSpec, root: Path | str | None) -> dict[str, RawTable]:
    if spec.table.source:
        tables = read_source(spec.table.source, data_root(root) / spec.table.folder)
        return {part: tables[part] for part in ("all", *PARTS) if part in tables}
    folder = Path(root) if root is not None else spec.file.parent
    return {
        part: read_table(folder / path, delimiter=spec.table.delimiter)
        for part, path in spec.table.paths.items()
    }


def _convert(raw: RawTable, columns: ColumnSpec, known: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the columns that have a role, in canonical types, times first.

    Numeric features that are `known` already are not converted again.
    """
    converted: dict[str, np.ndarray | pd.Series] = {}
    for name in (columns.time, columns.known_at):
        if name and name not in converted:
            converted[name] = time_column(raw, name)
    for name in (columns.user, columns.item, *columns.categorical):
        if name:
            converted[name] = category_column(raw, name)
    for name in (name for key in columns.entities for name in key):
        if name not in converted:
            converted[name] = category_column(raw, name)
    for name in (columns.amount, *columns.numeric):
        if name:
            converted[name] = known[name] if name in known else number_column(raw, name)
    converted[columns.label] = label_column(raw, columns.label)
    return pd.DataFrame(converted)


def _concat(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack the parts; where an id is a number in one part and text in another, all are text."""
    if len(frames) == 1:
        return frames[0]
    for name in frames[0].columns:
        texts = [not pd.api.types.is_numeric_dtype(frame[name]) for frame in frames]
        if any(texts) and not all(texts):
            frames = [frame.assign(**{name: frame[name].astype(str)}) for frame in frames]
    return pd.concat(frames, ignore_index=True)


def _check_known_at(tables: dict[str, RawTable], columns: ColumnSpec, frame: pd.DataFrame) -> None:
    early = np.flatnonzero(frame[columns.known_at].to_numpy() < frame[columns.time].to_numpy())
    if early.size == 0:
        return
    row = int(early[0])
    for raw in tables.values():
        if row < raw.table.num_rows:
            raw.fail(columns.known_at, f"lies before column {columns.time!r}", row)
        row -= raw.table.num_rows


def _check_outcomes(label: pd.Series, where: str) -> None:
    outcomes = label.unique()
    if len(outcomes) == 1:
        raise InputError(
            f"{where} has only label {outcomes[0]} in column {label.name!r} ({len(label)} rows); "
            "nothing can be learned or measured: give both outcomes"
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
            return time_split(times, spec.split.parts)
        return shuffle_split(len(frame), spec.split.parts, seed=spec.split.seed, times=times)
    except InputError as error:
        raise InputError(f"{spec.name}: {error}") from None


def _roles(columns: ColumnSpec) -> ColumnRoles:
    return ColumnRoles(
        **columns.singles(),
        categorical=columns.categorical,
        numeric=columns.numeric,
        entities=columns.entities,
    )
