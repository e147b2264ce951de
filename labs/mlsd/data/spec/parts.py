"""What a checked spec holds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from mlsd.data.log import ListRules
from mlsd.data.splits import PARTS

SINGLE_ROLES = (
    "label",
    "time",
    "known_at",
    "user",
    "item",
    "amount",
    "weight",
    "sampling_rate",
    "position",
    "propensity",
)
LIST_ROLES = ("categorical", "numeric", "ignore")
# Their logs are interactions: who chose what, and perhaps when.
INTERACTION_CASES = ("video",)


@dataclass(frozen=True)
class TableSpec:
    """Where the rows lie and how they are written.

    Attributes
    ----------
    paths : dict
        ``{"all": path}``, or one path each for ``train``, ``validation`` and ``test``; empty when
        `source` is given. A path is a file, a folder or a pattern; relative ones start at the
        folder of the spec.
    delimiter : str or None
        Between the fields of a text table; by default the suffix decides.
    source, folder : str or None
        Name of a reader in :mod:`mlsd.data.sources` and the folder with its raw files under the
        data root; only the catalogued public sets use it.
    names : tuple of str
        Column names of text tables without a header; empty where there is one.
    decimal : str
        Decimal sign of numbers written as text, a point or a comma.
    missing : tuple of str
        Texts that stand for a missing value, beside the usual ones.
    """

    paths: dict[str, str]
    delimiter: str | None = None
    source: str | None = None
    folder: str | None = None
    names: tuple[str, ...] = ()
    decimal: str = "."
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnSpec:
    """Columns by role, and how labels and times are to be read.

    Attributes
    ----------
    label, time, known_at, user, item, amount, weight, sampling_rate, position, propensity : str
        The column of each role; None where there is none. Without a label every row is an
        interaction.
    categorical, numeric, ignore : tuple of str
        Features by kind, and columns to leave out.
    entities : tuple of tuple of str
        Keys of the counters.
    features_given : bool
        False where columns without a role are to become features.
    label_positive : tuple of str
        Values of the label that count as 1, all others counting as 0; empty for 0/1 labels.
    label_rule : str or None
        ``>= 4`` and the like, or ``filled``.
    time_unit, time_format : str or None
        Of `time` and `known_at`, where they are neither seconds nor ISO dates.
    known_at_missing : str or None
        When a label counts as known whose `known_at` is empty: ``end`` or a duration.
    """

    label: str | None
    time: str | None = None
    known_at: str | None = None
    user: str | None = None
    item: str | None = None
    amount: str | None = None
    weight: str | None = None
    sampling_rate: str | None = None
    position: str | None = None
    propensity: str | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    entities: tuple[tuple[str, ...], ...] = ()
    features_given: bool = True
    label_positive: tuple[str, ...] = ()
    label_rule: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    known_at_missing: str | None = None

    def singles(self) -> dict[str, str]:
        """Column by role, for the roles of one column that are given."""
        return {role: getattr(self, role) for role in SINGLE_ROLES if getattr(self, role)}


@dataclass(frozen=True)
class SplitSpec:
    """How the rows are parted: kind, shares of training, validation and test, seed.

    `ties` says in which order ``leave-last-out`` puts a user's rows of equal time: as in the
    ``file``, or ``random``, by the seed.
    """

    kind: str = "time"
    parts: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0
    ties: str = "file"


@dataclass(frozen=True)
class ItemsSpec:
    """The table of items beside a log of interactions.

    Attributes
    ----------
    id : str
        Its column with the items' ids.
    path : str or None
        A table, as `TableSpec.paths`, or an ``.npz`` file; None where a source brings it.
    categorical, ignore : tuple of str
        Features that are categories although they are numbers, and columns to leave out.
    """

    id: str
    path: str | None = None
    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogSpec:
    """A checked description of a log; ``file`` is where it was read from.

    Without a ``case`` the log is for any of them. `items` and `lists` belong to interactions.
    """

    case: str | None
    name: str
    table: TableSpec
    columns: ColumnSpec
    split: SplitSpec
    file: Path
    items: ItemsSpec | None = None
    lists: ListRules | None = None

    @property
    def is_interactions(self) -> bool:
        """Whether the rows are interactions: who chose what."""
        return self.case in INTERACTION_CASES


# Where each key has its place, for one that stands elsewhere.
HOMES = {
    "table": {"path", *PARTS, *(field.name for field in fields(TableSpec))} - {"paths"},
    "columns": {field.name for field in fields(ColumnSpec)} - {"features_given"} | {"others"},
    "split": {field.name for field in fields(SplitSpec)},
    "lists": {field.name for field in fields(ListRules)},
}
