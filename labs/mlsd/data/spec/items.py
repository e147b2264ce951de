"""The sections ``[items]`` and ``[lists]`` of a log of interactions."""

from __future__ import annotations

from mlsd.data.log import ListRules
from mlsd.data.sections import TomlSection
from mlsd.data.spec.parts import HOMES, ColumnSpec, ItemsSpec, SplitSpec, TableSpec

IN_ORDER = ("time", "leave-last-out")


def read_items_section(
    section: TomlSection, columns: ColumnSpec, table: TableSpec
) -> ItemsSpec | None:
    """Read and check ``[items]``, None where it is absent; InputError at the first mistake.

    Examples
    --------
    >>> section = TomlSection("s.toml", "items", {"path": "films.parquet"})
    >>> read_items_section(section, ColumnSpec(None, item="film"), TableSpec({})).id
    'film'
    """
    if not section.values:
        return None
    path, name = section.text("path"), section.text("id", columns.item)
    categorical, ignore = section.names("categorical"), section.names("ignore")
    section.finish()
    if path is None and table.source is None:
        section.fail('lacks path; name the table of items, as in path = "items.parquet"')
    for role, names in (("categorical", categorical), ("ignore", ignore)):
        if name in names:
            section.fail(f"{role} names {name!r}, which is the id; leave it out")
    twice = set(categorical) & set(ignore)
    if twice:
        section.fail(f"gives column {min(twice)!r} two roles; keep one of them")
    return ItemsSpec(name, path, categorical, ignore)


def read_lists_section(section: TomlSection, split: SplitSpec) -> ListRules:
    """Read and check ``[lists]``; InputError at the first mistake.

    Where the split follows time, validation items are left out of test lists unless it says
    otherwise: they are known by then.

    Examples
    --------
    >>> read_lists_section(TomlSection("s.toml", "lists", {"k": 10}), SplitSpec("given"))
    ListRules(k=10, exclude_validation=False)
    """
    k = section.take("k", int, "a whole number", ListRules.k)
    known = split.kind in IN_ORDER
    # take() refuses true and false where a number is asked for, and so they are taken by hand.
    section.asked.append("exclude_validation")
    excluded = section.values.pop("exclude_validation", known)
    section.finish(homes=HOMES)
    if not 1 <= k <= 1000:
        section.fail(f"k = {k} must lie between 1 and 1000")
    if not isinstance(excluded, bool):
        section.fail(f"exclude_validation = {excluded!r} must be true or false")
    return ListRules(k, excluded)
