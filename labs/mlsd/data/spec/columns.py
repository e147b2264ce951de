"""The sections ``[columns]`` and ``[counters]``."""

from __future__ import annotations

from typing import Any

from mlsd.data.columns.labels import is_rule
from mlsd.data.columns.times import FRACTIONS, UNITS, duration_seconds, is_time_format
from mlsd.data.sections import TomlSection, first_repeated
from mlsd.data.spec.parts import HOMES, LIST_ROLES, SINGLE_ROLES, ColumnSpec

OTHERS = ("ignore", "infer")
NO_FEATURE = (
    "label",
    "time",
    "known_at",
    "amount",
    "weight",
    "sampling_rate",
    "position",
    "propensity",
)


def read_column_sections(
    section: TomlSection, counters: TomlSection, *, interactions: bool = False
) -> ColumnSpec:
    """Read and check ``[columns]`` and ``[counters]``; InputError at the first mistake.

    A log of `interactions` needs a user and an item instead of a label, and has neither counters
    nor columns of which nothing is said.

    Examples
    --------
    >>> columns = TomlSection("s.toml", "columns", {"label": "click", "numeric": ["price"]})
    >>> read_column_sections(columns, TomlSection("s.toml", "counters", {})).numeric
    ('price',)
    """
    if interactions:
        _refuse_what_interactions_lack(section, counters)
    singles = {role: section.text(role) for role in SINGLE_ROLES}
    features_given = interactions or _features_given(section)
    lists = {role: section.names(role) for role in LIST_ROLES}
    entities = _entities(section, counters)
    readings = {**_label_keys(section), **_time_keys(section)}
    section.finish("role", HOMES)
    counters.finish()
    if not interactions:
        _require_label(section, singles)
    _check_presence(section, singles, readings, needed=("user", "item") if interactions else ())
    _check_named(section, lists, entities)
    _check_roles(section, singles, lists, entities)
    return ColumnSpec(
        **singles, **lists, **readings, entities=entities, features_given=features_given
    )


def _features_given(section: TomlSection) -> bool:
    given = "categorical" in section.values or "numeric" in section.values
    others = section.text("others", "ignore" if given else "infer")
    section.check_choice("others", others, OTHERS)
    return others == "ignore"


def _label_keys(section: TomlSection) -> dict[str, Any]:
    positive = section.take("label_positive", list, 'a list of values, as in ["click"]', [])
    rule = section.text("label_rule")
    if not all(isinstance(value, (str, int)) for value in positive):
        section.fail(f'label_positive = {positive!r} must be a list of texts, as in ["click"]')
    if positive and rule:
        section.fail("gives label_positive and label_rule; keep one of them")
    if rule is not None and not is_rule(rule):
        section.fail(f'label_rule {rule!r} must be a comparison such as ">= 4", or "filled"')
    # As Arrow writes them: true, not True.
    texts = (str(v).lower() if isinstance(v, bool) else str(v) for v in positive)
    return {"label_positive": tuple(texts), "label_rule": rule}


def _time_keys(section: TomlSection) -> dict[str, str | None]:
    unit, written = section.text("time_unit"), section.text("time_format")
    missing = section.text("known_at_missing")
    if unit is not None:
        section.check_choice("time_unit", unit, (*UNITS, *FRACTIONS))
    if unit and written:
        section.fail("gives time_unit and time_format; keep one of them")
    if written is not None and not is_time_format(written):
        section.fail(
            f"time_format {written!r} is not a notation of times; write it as strptime reads it, "
            'as in "%Y-%m-%d %H:%M:%S"'
        )
    if missing is not None and missing != "end" and duration_seconds(missing) is None:
        section.fail(f'known_at_missing {missing!r} must be "end", or a window such as "7d"')
    return {"time_unit": unit, "time_format": written, "known_at_missing": missing}


def _refuse_what_interactions_lack(section: TomlSection, counters: TomlSection) -> None:
    """Stop at a key that means nothing where recommenders learn from interactions alone."""
    for owner, keys in (
        (section, ("known_at", "known_at_missing", "others", "entities")),
        (counters, ("entities",)),
    ):
        for key in keys:
            if key in owner.values:
                owner.fail(f"{key} has no meaning for a log of interactions; leave it out")


def _require_label(section: TomlSection, singles: dict[str, str | None]) -> None:
    if singles["label"] is not None:
        return
    hint = ""
    if singles["user"] and singles["item"]:
        hint = '; or say case = "video" above, where every row is an interaction'
    section.fail(f'lacks label; name the 0/1 column, as in label = "click"{hint}')


def _check_presence(
    section: TomlSection,
    singles: dict[str, str | None],
    readings: dict[str, Any],
    needed: tuple[str, ...],
) -> None:
    """Require what is needed, and of keys and roles those that they need."""
    for role in needed:
        if singles[role] is None:
            section.fail(f"lacks {role}; an interaction is of a user and an item: name both")
    for key in ("label_positive", "label_rule"):
        if readings[key] and not singles["label"]:
            section.fail(f"gives {key} without label; name the label column too")
    if singles["known_at"] and not singles["time"]:
        section.fail("gives known_at without time; name the time column too")
    for key in ("time_unit", "time_format"):
        if readings[key] and not singles["time"]:
            section.fail(f"gives {key} without time; name the time column too")
    if readings["known_at_missing"] and not singles["known_at"]:
        section.fail("gives known_at_missing without known_at; name the column or leave it out")
    if singles["weight"] and singles["sampling_rate"]:
        section.fail("gives weight and sampling_rate; keep one, for a weight is 1 / rate")


def _check_named(
    section: TomlSection, lists: dict[str, tuple[str, ...]], entities: tuple[tuple[str, ...], ...]
) -> None:
    """Require a name of every column that is used; one without may only be ignored."""
    if any("" in names for names in (lists["categorical"], lists["numeric"], *entities)):
        section.fail('names a column "", which has no name; give it one in the header of the table')


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
    barred = {singles[role] for role in NO_FEATURE} | {*lists["ignore"], *lists["numeric"]}
    for column in (name for key in entities for name in key):
        if column in barred:
            section.fail(
                f"and entities both name {column!r}; a key must be a user, item or category"
            )
