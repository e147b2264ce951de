"""What was made of each column of a log, and why: what a reader of their own log wants to check."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from mlsd.data.log import LabelledLog
from mlsd.data.spec import LIST_ROLES, ColumnSpec, LogSpec
from mlsd.data.tables import RawTable

KINDS = (
    (pa.types.is_boolean, "true or false"),
    (pa.types.is_integer, "whole numbers"),
    (pa.types.is_floating, "real numbers"),
    (pa.types.is_decimal, "decimal numbers"),
    (pa.types.is_timestamp, "timestamps"),
    (pa.types.is_date, "dates"),
    (pa.types.is_null, "nothing"),
)
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


@dataclass(frozen=True)
class Reading:
    """How one column was read.

    Attributes
    ----------
    column : str
        Name in the table.
    role : str
        Key of ``[columns]`` under which it stands or was put: ``label``, ``time``,
        ``categorical``, ``numeric``, ``entities`` and so on.
    kind : str
        What its cells are in the file, in words: ``text``, ``whole numbers``, ``timestamps``.
    reason : str
        Why it has this role, in words, without the name of the column.
    """

    column: str
    role: str
    kind: str
    reason: str


@dataclass(frozen=True)
class InteractionCounts:
    """What became of the rows of a log of interactions.

    Attributes
    ----------
    rows : int
        In the files.
    not_chosen : int
        Of these, with label 0: no interaction.
    repeats : int
        Interactions of a user and an item who had one before; the first counts.
    across_parts : int
        Of these, in another part than the first: pairs of a given training part, for instance, that
        came back in the test part.
    """

    rows: int
    not_chosen: int = 0
    repeats: int = 0
    across_parts: int = 0


@dataclass(frozen=True)
class LoadedLog:
    """A log together with what was read and how.

    Attributes
    ----------
    log : LabelledLog
    spec : LogSpec
        As it was given.
    columns : ColumnSpec
        The roles with the features that were inferred.
    tables : dict of str to RawTable
        The tables as they lie on disk, under ``all``, or ``train``, ``validation`` and ``test``;
        their rows stand in the order of the files, not of the log.
    readings : dict of str to Reading
        By column, for each that has a role.
    left_out : dict of str to str
        By column, why it has no role although nobody said so.
    counts : InteractionCounts or None
        What was left out of a log of interactions.
    """

    log: LabelledLog
    spec: LogSpec
    columns: ColumnSpec
    tables: dict[str, RawTable]
    readings: dict[str, Reading]
    left_out: dict[str, str]
    counts: InteractionCounts | None = None


def kind_of(raw: RawTable, name: str) -> str:
    """Return in words what the cells of a column are in the file.

    Examples
    --------
    >>> kind_of(RawTable("log", pa.table({"age": [31, 54]})), "age")
    'whole numbers'
    """
    kind = raw.column(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if any(is_kind(kind) for is_kind in TEXTS):
        return "text"
    return next((words for is_kind, words in KINDS if is_kind(kind)), str(kind))


def named_readings(columns: ColumnSpec, tables: dict[str, RawTable]) -> dict[str, Reading]:
    """Return the readings of the columns to which the spec gives a role; ``ignore`` is none.

    Examples
    --------
    >>> tables = {"all": RawTable("log", pa.table({"click": [0, 1]}))}
    >>> named_readings(ColumnSpec("click"), tables)["click"].reason
    'named in [columns]'
    """
    raw = next(iter(tables.values()))
    roles: dict[str, list[str]] = {}
    named = [(role, name) for role, name in columns.singles().items()]
    named += [(role, name) for role in LIST_ROLES[:2] for name in getattr(columns, role)]
    named += [("entities", name) for key in columns.entities for name in key]
    for role, name in named:
        if not (role == "entities" and name in roles):
            roles.setdefault(name, []).append(role)
    return {
        name: Reading(name, " and ".join(given), kind_of(raw, name), "named in [columns]")
        for name, given in roles.items()
    }
