"""From a spec to the one shape of a log: :func:`load_log`, :func:`read_log`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.data.columns.labels import label_texts
from mlsd.data.inference import infer_features
from mlsd.data.interactions import read_interactions
from mlsd.data.log import LabelledLog
from mlsd.data.parting import split_rows
from mlsd.data.raw_tables import fail_at_row, read_raw_tables
from mlsd.data.readings import LoadedLog, named_readings
from mlsd.data.rows import roles_of, stack_rows
from mlsd.data.spec import ColumnSpec, LogSpec, load_spec
from mlsd.data.tables import RawTable
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
        numeric features float64 with NaN for missing; categories int64 or text. A log of
        interactions is read as :mod:`mlsd.data.interactions` says.

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
    tables = read_raw_tables(spec, root)
    if spec.is_interactions:
        return read_interactions(spec, tables, root=root)
    named = named_readings(spec.columns, tables)
    inferred = infer_features(spec.columns, tables)
    columns = inferred.columns
    frame = stack_rows(tables, inferred)
    if columns.time and columns.known_at:
        _check_known_at(tables, columns, frame)
    _check_outcomes(tables, columns, frame[columns.label])
    _check_features(spec, columns, inferred.left_out)
    sizes = {part: raw.table.num_rows for part, raw in tables.items()}
    times = frame[columns.time].to_numpy() if columns.time else None
    order, split = split_rows(spec, len(frame), sizes=sizes, times=times)
    frame = frame.iloc[order].reset_index(drop=True)
    log = LabelledLog(spec.name, frame, roles_of(columns), split)
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


def _check_known_at(tables: dict[str, RawTable], columns: ColumnSpec, frame: pd.DataFrame) -> None:
    early = np.flatnonzero(frame[columns.known_at].to_numpy() < frame[columns.time].to_numpy())
    if early.size:
        problem = f"lies before column {columns.time!r}"
        fail_at_row(tables, columns.known_at, problem, int(early[0]))


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
