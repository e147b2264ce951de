"""The description of a log as a TOML file: where the table lies, what its columns mean, the split.

Only ``[columns] label`` and a table are required::

    case = "ad_click"
    name = "my-log"

    [table]                  # CSV, TSV or Parquet, also gzipped
    path = "log.parquet"     # or train, validation and test, three paths, with kind = "given"
    delimiter = ";"          # optional, one character

    [columns]
    label = "click"          # 0 or 1
    time = "ts"              # seconds, or ISO 8601 text or timestamps
    known_at = "settled"     # when the label became known
    user = "user_id"
    item = "ad_id"
    amount = "price"
    categorical = ["device", "publisher"]
    numeric = ["ad_age_days"]
    ignore = ["row_id"]      # where neither list of features is given, all but these are features

    [counters]
    entities = [["ad_id"], ["user_id", "device"]]

    [split]
    kind = "time"            # or "shuffle" or "given"; the default is "time" where there is one
    parts = [0.8, 0.1, 0.1]
    seed = 0                 # of "shuffle"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlsd.data.sections import TomlSection, first_repeated
from mlsd.data.splits import PARTS, check_shares
from mlsd.runtime import CASE_IDS

KINDS = ("time", "given", "shuffle")
SINGLE_ROLES = ("label", "time", "known_at", "user", "item", "amount")
LIST_ROLES = ("categorical", "numeric", "ignore")


@dataclass(frozen=True)
class TableSpec:
    """Where the rows lie.

    Attributes
    ----------
    paths : dict
        ``{"all": path}``, or one path each for ``train``, ``validation`` and ``test``; empty when
        `source` is given. Relative paths start at the folder of the spec.
    delimiter : str or None
        Between the fields of a text table; by default the suffix decides.
    source, folder : str or None
        Name of a reader in :mod:`mlsd.data.sources` and the folder with its raw files under the
        data root; only the catalogued public sets use it.
    """

    paths: dict[str, str]
    delimiter: str | None = None
    source: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class ColumnSpec:
    """Columns by role; ``features_given`` is False where features are to be inferred."""

    label: str
    time: str | None = None
    known_at: str | None = None
    user: str | None = None
    item: str | None = None
    amount: str | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    entities: tuple[tuple[str, ...], ...] = ()
    features_given: bool = True

    def singles(self) -> dict[str, str]:
        """Column by role, for the roles of one column that are given."""
        return {role: getattr(self, role) for role in SINGLE_ROLES if getattr(self, role)}


@dataclass(frozen=True)
class SplitSpec:
    """How the rows are parted: kind, shares of training, validation and test, seed."""

    kind: str = "time"
    parts: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0


@dataclass(frozen=True)
class LogSpec:
    """A checked description of a log; ``file`` is where it was read from.

    Without a ``case`` the log is for any of them.
    """

    case: str | None
    name: str
    table: TableSpec
    columns: ColumnSpec
    split: SplitSpec
    file: Path


def load_spec(path: Path | str) -> LogSpec:
    """Read and check a spec.

    Parameters
    ----------
    path : path
        A TOML file in the form shown at the top of this module.

    Raises
    ------
    InputError
        File missing or a folder, invalid TOML, unknown section, role or key, a value of the wrong
        type, a missing label, roles that contradict each other, wrong shares.

    Examples
    --------
    >>> from mlsd.runtime import project_root
    >>> load_spec(project_root() / "data/specs/criteo-kaggle-8k.toml").split.kind
    'shuffle'
    """
    path = Path(path)
    document = TomlSection.read(path)
    case, name = document.text("case"), document.text("name", path.stem)
    if case is not None and case not in CASE_IDS:
        document.fail(f"case {case!r} is unknown; choose among {', '.join(CASE_IDS)}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        document.fail(f"name {name!r} must consist of letters, digits, dot, dash and underscore")
    table = _table(document.section("table"))
    columns = _columns(document.section("columns"), document.section("counters"))
    split = _split(document.section("split"), columns, table)
    document.finish()
    return LogSpec(case, name, table, columns, split, path)


def _table(section: TomlSection) -> TableSpec:
    whole = section.text("path")
    parts = {name: section.text(name) for name in PARTS}
    source, folder = section.text("source"), section.text("folder")
    delimiter = section.text("delimiter")
    section.finish()
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n' or delimiter > "~"):
        section.fail(f"delimiter {delimiter!r} must be one ASCII character")
    if sum((whole is not None, any(parts.values()), source is not None)) != 1:
        section.fail("needs path, or train, validation and test")
    if source is not None:
        return TableSpec({}, delimiter, source, folder or source)
    if whole is not None:
        return TableSpec({"all": whole}, delimiter)
    for name, part in parts.items():
        if part is None:
            section.fail(f"lacks {name}; give train, validation and test, or path alone")
    return TableSpec(parts, delimiter)


def _columns(section: TomlSection, counters: TomlSection) -> ColumnSpec:
    singles = {role: section.text(role) for role in SINGLE_ROLES}
    features_given = "categorical" in section.values or "numeric" in section.values
    lists = {role: section.names(role) for role in LIST_ROLES}
    entities = _entities(section, counters)
    section.finish("role")
    counters.finish()
    if singles["label"] is None:
        section.fail('lacks label; name the 0/1 column, as in label = "click"')
    if singles["known_at"] and not singles["time"]:
        section.fail("gives known_at without time; name the time column too")
    _check_roles(section, singles, lists, entities)
    return ColumnSpec(**singles, **lists, entities=entities, features_given=features_given)


def _entities(section: TomlSection, counters: TomlSection) -> tuple[tuple[str, ...], ...]:
    wanted = 'a list of lists, as in [["ad_id"], ["user_id", "device"]]'
    both = "entities" in section.values and "entities" in counters.values
    if both:
        section.fail("and [counters] both give entities; keep one of them")
    owner = section if "entities" in section.values else counters
    for each in (section, counters):
        each.asked.append("entities")
    keys = owner.take("entities", list, wanted, [])
    entities = tuple(owner.check_names("entities", key) for key in keys)
    if not all(entities):
        owner.fail("entities has an empty key; name at least one column")
    if first_repeated(map("\0".join, entities)) is not None:
        owner.fail("entities gives one key twice")
    return entities


def _check_roles(
    section: TomlSection,
    singles: dict[str, str | None],
    lists: dict[str, tuple[str, ...]],
    entities: tuple[tuple[str, ...], ...],
) -> None:
    """Require one role a column; known_at may repeat the time, and entities reuse features."""
    named = [column for role, column in singles.items() if column and role != "known_at"]
    known_at = singles["known_at"]
    if known_at and known_at != singles["time"]:
        named.append(known_at)
    repeated = first_repeated([*named, *(name for names in lists.values() for name in names)])
    if repeated is not None:
        section.fail(f"gives column {repeated!r} two roles; keep one of them")
    barred = {singles["label"], singles["time"], known_at, singles["amount"]} - {None}
    barred |= {*lists["ignore"], *lists["numeric"]}
    for column in (name for key in entities for name in key):
        if column in barred:
            section.fail(
                f"and entities both name {column!r}; a key must be a user, item or category"
            )


def _split(section: TomlSection, columns: ColumnSpec, table: TableSpec) -> SplitSpec:
    three = len(table.paths) == 3
    default = "given" if three else "time" if columns.time else "shuffle"
    kind = section.text("kind", default)
    given_parts = "parts" in section.values
    parts = section.take("parts", list, "a list of three numbers", list(SplitSpec.parts))
    seed = section.take("seed", int, "a whole number", 0)
    section.finish()
    if kind not in KINDS:
        section.fail(f"kind {kind!r} is unknown; choose among {', '.join(KINDS)}")
    if kind == "time" and columns.time is None:
        section.fail('kind = "time" needs [columns] time; name it or choose "shuffle"')
    if not table.source and (kind == "given") != three:
        section.fail('kind = "given" goes with three tables: [table] train, validation, test')
    if kind == "given" and given_parts:
        section.fail('parts have no meaning for kind = "given"; leave them out')
    if seed < 0:
        section.fail(f"seed = {seed} must be 0 or more")
    return SplitSpec(kind, check_shares(parts, f"{section.file}: [split] parts"), seed)
