"""The section ``[table]``."""

from __future__ import annotations

from mlsd.data.sections import TomlSection
from mlsd.data.spec.parts import HOMES, TableSpec
from mlsd.data.splits import PARTS


def read_table_section(section: TomlSection) -> TableSpec:
    """Read and check ``[table]``; InputError at the first mistake.

    Examples
    --------
    >>> section = TomlSection("s.toml", "table", {"path": "log.csv", "missing": ["-"]})
    >>> read_table_section(section).missing
    ('-',)
    """
    whole = section.text("path")
    parts = {name: section.text(name) for name in PARTS}
    source, folder = section.text("source"), section.text("folder")
    written = _written(section)
    section.finish(homes=HOMES)
    if sum((whole is not None, any(parts.values()), source is not None)) != 1:
        section.fail("needs path, or train, validation and test")
    if source is not None:
        return TableSpec({}, source=source, folder=folder or source, **written)
    if whole is not None:
        return TableSpec({"all": whole}, **written)
    for name, part in parts.items():
        if part is None:
            section.fail(f"lacks {name}; give train, validation and test, or path alone")
    return TableSpec(parts, **written)


def _written(section: TomlSection) -> dict[str, object]:
    """Take the keys that say how a text table is written."""
    delimiter, decimal = section.text("delimiter"), section.text("decimal", ".")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n' or delimiter > "~"):
        section.fail(f"delimiter {delimiter!r} must be one ASCII character")
    if decimal not in (".", ","):
        section.fail(f'decimal {decimal!r} must be "." or ","')
    if delimiter == decimal:
        section.fail(f"delimiter and decimal are both {decimal!r}; correct one of them")
    names, missing = section.names("names"), section.names("missing", "text")
    if "" in names:
        section.fail("names has an empty name; give one per column of the table")
    return {"delimiter": delimiter, "decimal": decimal, "names": names, "missing": missing}
