"""A spec as a TOML file."""

from __future__ import annotations

import re
from pathlib import Path

from mlsd.data.sections import TomlSection
from mlsd.data.spec.columns import read_column_sections
from mlsd.data.spec.items import read_items_section, read_lists_section
from mlsd.data.spec.parts import (
    HOMES,
    INTERACTION_CASES,
    ColumnSpec,
    LogSpec,
    SplitSpec,
    TableSpec,
)
from mlsd.data.spec.table import read_table_section
from mlsd.data.splits import check_shares
from mlsd.runtime import CASE_IDS

KINDS = ("time", "given", "shuffle")
LEAVE_LAST = "leave-last-out"
TIES = ("file", "random")


def load_spec(path: Path | str, *, case: str | None = None) -> LogSpec:
    """Read and check a spec.

    Parameters
    ----------
    path : path
        A TOML file in the form shown at the top of :mod:`mlsd.data.spec`.
    case : str, optional
        What the log is read for, where the spec does not say it.

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
    case, name = document.text("case", case), document.text("name", path.stem)
    if case is not None:
        document.check_choice("case", case, CASE_IDS)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        document.fail(
            f"name {name!r} must consist of letters, digits, dot, dash and underscore, 100 at most"
        )
    table = read_table_section(document.section("table"))
    interactions = case in INTERACTION_CASES
    columns = read_column_sections(
        document.section("columns"), document.section("counters"), interactions=interactions
    )
    split = _split(document.section("split"), columns, table, interactions=interactions)
    beside = {}
    if interactions:
        beside["items"] = read_items_section(document.section("items"), columns, table)
        beside["lists"] = read_lists_section(document.section("lists"), split)
    document.finish(homes=HOMES)
    return LogSpec(case, name, table, columns, split, path, **beside)


def _split(
    section: TomlSection, columns: ColumnSpec, table: TableSpec, *, interactions: bool
) -> SplitSpec:
    three = len(table.paths) == 3
    default = "given" if three else "time" if columns.time else "shuffle"
    kind = section.text("kind", default)
    given_parts = "parts" in section.values
    parts = section.take("parts", list, "a list of three numbers", list(SplitSpec.parts))
    seed = section.take("seed", int, "a whole number", 0)
    ties = section.text("ties", "file") if interactions else "file"
    section.finish(homes=HOMES)
    section.check_choice("kind", kind, (*KINDS, LEAVE_LAST) if interactions else KINDS)
    section.check_choice("ties", ties, TIES)
    if kind in ("time", LEAVE_LAST) and columns.time is None:
        section.fail(f'kind = "{kind}" needs [columns] time; name it or choose "shuffle"')
    if not table.source and (kind == "given") != three:
        section.fail('kind = "given" goes with three tables: [table] train, validation, test')
    if kind in ("given", LEAVE_LAST) and given_parts:
        section.fail(f'parts have no meaning for kind = "{kind}"; leave them out')
    if ties == "random" and kind != LEAVE_LAST:
        section.fail(f'ties = "random" goes with kind = "{LEAVE_LAST}"; leave it out')
    if seed < 0:
        section.fail(f"seed = {seed} must be 0 or more")
    return SplitSpec(kind, check_shares(parts, f"{section.file}: [split] parts"), seed, ties)
