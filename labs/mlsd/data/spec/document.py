"""A spec as a TOML file."""

from __future__ import annotations

import re
from pathlib import Path

from mlsd.data.sections import TomlSection
from mlsd.data.spec.columns import read_column_sections
from mlsd.data.spec.parts import HOMES, ColumnSpec, LogSpec, SplitSpec, TableSpec
from mlsd.data.spec.table import read_table_section
from mlsd.data.splits import check_shares
from mlsd.runtime import CASE_IDS

KINDS = ("time", "given", "shuffle")


def load_spec(path: Path | str) -> LogSpec:
    """Read and check a spec.

    Parameters
    ----------
    path : path
        A TOML file in the form shown at the top of :mod:`mlsd.data.spec`.

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
    if case is not None:
        document.check_choice("case", case, CASE_IDS)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        document.fail(
            f"name {name!r} must consist of letters, digits, dot, dash and underscore, 100 at most"
        )
    table = read_table_section(document.section("table"))
    columns = read_column_sections(document.section("columns"), document.section("counters"))
    split = _split(document.section("split"), columns, table)
    document.finish(homes=HOMES)
    return LogSpec(case, name, table, columns, split, path)


def _split(section: TomlSection, columns: ColumnSpec, table: TableSpec) -> SplitSpec:
    three = len(table.paths) == 3
    default = "given" if three else "time" if columns.time else "shuffle"
    kind = section.text("kind", default)
    given_parts = "parts" in section.values
    parts = section.take("parts", list, "a list of three numbers", list(SplitSpec.parts))
    seed = section.take("seed", int, "a whole number", 0)
    section.finish(homes=HOMES)
    section.check_choice("kind", kind, KINDS)
    if kind == "time" and columns.time is None:
        section.fail('kind = "time" needs [columns] time; name it or choose "shuffle"')
    if not table.source and (kind == "given") != three:
        section.fail('kind = "given" goes with three tables: [table] train, validation, test')
    if kind == "given" and given_parts:
        section.fail('parts have no meaning for kind = "given"; leave them out')
    if seed < 0:
        section.fail(f"seed = {seed} must be 0 or more")
    return SplitSpec(kind, check_shares(parts, f"{section.file}: [split] parts"), seed)
