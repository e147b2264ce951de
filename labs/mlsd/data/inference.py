"""Which columns without a role become features, of which kind, and which are left out and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import numpy as np

from mlsd.data.judging import Verdict, judge_column
from mlsd.data.readings import Reading, kind_of
from mlsd.data.spec import ColumnSpec
from mlsd.data.tables import RawTable
from mlsd.runtime import InputError


@dataclass(frozen=True)
class Inferred:
    """Roles with the features that were inferred, and the reasons.

    Attributes
    ----------
    columns : ColumnSpec
    readings : dict of str to Reading
    left_out : dict of str to str
    numbers : dict
        Numeric features by part and column, which were converted on the way.
    """

    columns: ColumnSpec
    readings: dict[str, Reading] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    numbers: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)


def infer_features(columns: ColumnSpec, tables: dict[str, RawTable]) -> Inferred:
    """Make features of the columns without a role, where the spec asks for it.

    Raises
    ------
    InputError
        When whole numbers may be ids as well as amounts, or when a few texts, or decimal commas,
        keep numbers from being read; the line says what to add to the spec.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"click": [0, 1], "device": ["phone", "desk"], "price": [0.5, 2.0]})
    >>> spec = ColumnSpec("click", features_given=False)
    >>> inferred = infer_features(spec, {"all": RawTable("log", table)})
    >>> inferred.columns.categorical, inferred.columns.numeric
    (('device',), ('price',))
    """
    raw = next(iter(tables.values()))
    for name in columns.ignore:
        raw.column(name)
    if columns.features_given:
        return Inferred(columns)
    taken = {*columns.singles().values(), *columns.ignore, *columns.categorical, *columns.numeric}
    free = [name for name in raw.table.column_names if name not in taken]
    keys = {name for key in columns.entities for name in key}
    verdicts = {name: judge_column(tables, name, is_key=name in keys) for name in free}
    _ask(raw, [name for name, verdict in verdicts.items() if verdict.role == "?"])
    return _inferred(columns, tables, verdicts)


def _inferred(
    columns: ColumnSpec, tables: dict[str, RawTable], verdicts: dict[str, Verdict]
) -> Inferred:
    raw = next(iter(tables.values()))
    found = {
        role: tuple(name for name, verdict in verdicts.items() if verdict.role == role)
        for role in ("categorical", "numeric", "")
    }
    return Inferred(
        replace(
            columns,
            categorical=columns.categorical + found["categorical"],
            numeric=columns.numeric + found["numeric"],
        ),
        {
            name: Reading(name, verdict.role, kind_of(raw, name), verdict.reason)
            for name, verdict in verdicts.items()
            if verdict.role
        },
        {name: verdicts[name].reason for name in found[""]},
        {
            (part, name): array
            for name in found["numeric"]
            for part, array in zip(tables, verdicts[name].numbers, strict=True)
        },
    )


def _ask(raw: RawTable, names: list[str]) -> None:
    if names:
        several = len(names) > 1
        shown = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
        written = json.dumps(names[:1], ensure_ascii=False)
        raise InputError(
            f"{raw.file}: column{'s' * several} {shown} hold{'s' * (not several)} whole numbers "
            f"that may be ids or amounts; say which in [columns], as in categorical = {written} or "
            f'numeric = {written}, with others = "infer" for the rest'
        )
