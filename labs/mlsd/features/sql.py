"""Windows and decayed counters as one SQL statement: the same definitions in a warehouse.

The text keeps to window functions over ranges of a numeric time. It runs on DuckDB, and on Spark
SQL as it is; `render_sql` writes the differences into the text as comments.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mlsd.features.definitions import DecayedCounter, Definition, TrailingWindow, check_outputs
from mlsd.runtime import InputError

# An event further back weighs below 2**-64, and is left out.
_REACH = 64
# Longer than the reach, so that a range meets two blocks at most; 2**128 is far from overflow.
_BLOCK = 128

_HEADER = """\
-- Features as of each row of {table}: ties in time are all in or all out.
-- Spark SQL runs this text too. There a time of type TIMESTAMP has to be cast to seconds first,
-- as in CAST({time} AS DOUBLE); DuckDB would also take RANGE BETWEEN INTERVAL ... PRECEDING.
"""


def render_sql(definitions: Iterable[Definition], *, table: str, time: str = "ts") -> str:
    """Return a SELECT statement that adds one column a definition to the rows of a table.

    Parameters
    ----------
    definitions : iterable of TrailingWindow or DecayedCounter
    table : str
        Name of a table or view.
    time : str
        Its numeric column of times, seconds since an origin.

    Returns
    -------
    str
        One statement without a closing semicolon. The order of the result is not defined.

    Raises
    ------
    InputError
        If two definitions share a name, or a name cannot stand in SQL.

    Notes
    -----
    A window open at one end is the difference of two closed ranges, the second of which holds the
    one moment to leave out. A decayed sum cannot scale every weight to one moment, as 2**(t / h)
    overflows; so weights are scaled within blocks of 128 half-lives, and the sums of even and odd
    blocks kept apart: a range of 64 half-lives meets one of each at most.

    Examples
    --------
    >>> last_day = TrailingWindow(("card",), "count", 86_400, include_row=True, name="payments")
    >>> text = render_sql([last_day], table="transactions")
    >>> print(text[text.index("SELECT"):])
    SELECT
      *,
      COUNT(*) OVER range_0 - COUNT(*) OVER range_1 AS payments
    FROM transactions
    WINDOW
      range_0 AS (PARTITION BY card ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 0 PRECEDING),
      range_1 AS (PARTITION BY card ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 86400 PRECEDING)
    """
    definitions = tuple(definitions)
    check_outputs(definitions)
    ranges = _Ranges(_identifier(time))
    columns = [f"{_expression(d, ranges)} AS {_identifier(d.output)}" for d in definitions]
    header = _HEADER.format(table=table, time=time)
    windows = ",\n  ".join(f"{name} AS ({text})" for text, name in ranges.names.items())
    selected = ",\n  ".join(["*", *columns])
    return f"{header}SELECT\n  {selected}\nFROM {_identifier(table)}\nWINDOW\n  {windows}"


class _Ranges:
    """The named windows of a statement; equal ones share a name."""

    def __init__(self, time: str) -> None:
        self.time = time
        self.names: dict[str, str] = {}

    def over(self, definition: Definition, begin: float, end: float) -> str:
        """Return the name of the range from `begin` to `end` seconds before a row."""
        entity = ", ".join(map(_identifier, definition.entity))
        text = (
            f"PARTITION BY {entity} ORDER BY {self.time} "
            f"RANGE BETWEEN {_number(begin)} PRECEDING AND {_number(end)} PRECEDING"
        )
        return self.names.setdefault(text, f"range_{len(self.names)}")


def _expression(definition: Definition, ranges: _Ranges) -> str:
    if isinstance(definition, TrailingWindow):
        return _window(definition, ranges)
    return _decayed(definition, ranges)


def _window(window: TrailingWindow, ranges: _Ranges) -> str:
    edge = window.reach if window.include_row else window.delay
    whole = ranges.over(window, window.reach, window.delay)
    left_out = ranges.over(window, edge, edge)
    count = f"COUNT(*) OVER {whole} - COUNT(*) OVER {left_out}"
    if window.statistic == "count":
        return count
    value = f"CAST({_identifier(window.column)} AS DOUBLE)"
    total = f"COALESCE(SUM({value}) OVER {whole}, 0) - COALESCE(SUM({value}) OVER {left_out}, 0)"
    if window.statistic == "sum":
        return total
    mean = f"({total}) / NULLIF({count}, 0)"
    return mean if window.statistic == "mean" else f"COALESCE({mean}, 0)"


def _decayed(counter: DecayedCounter, ranges: _Ranges) -> str:
    value = f"CAST({_identifier(counter.column)} AS DOUBLE)" if counter.column else "1.0"
    if np.isinf(counter.half_life):
        parts = [f"COALESCE(SUM({value}) OVER {ranges.over(counter, np.inf, counter.delay)}, 0)"]
    else:
        parts = [_block_sum(counter, value, ranges, parity) for parity in (0, 1)]
    if not counter.include_row:
        at_edge = ranges.over(counter, counter.delay, counter.delay)
        parts.append(f"-COALESCE(SUM({value}) OVER {at_edge}, 0)")
    return "\n    + ".join(parts)


def _block_sum(counter: DecayedCounter, value: str, ranges: _Ranges, parity: int) -> str:
    """Return the sum over the one block of a parity in the range, scaled to the range's end."""
    half_life, block = _number(counter.half_life), _number(_BLOCK * counter.half_life)
    number = f"FLOOR({ranges.time} / {block})"
    growth = f"POWER(2.0, ({ranges.time} - {number} * {block}) / {half_life})"
    reach = counter.delay + _REACH * counter.half_life
    whole = ranges.over(counter, reach, counter.delay)
    edge = f"({ranges.time} - {_number(counter.delay)})"
    last = f"FLOOR({edge} / {block})"
    return (
        f"COALESCE(SUM(CASE WHEN ABS({number}) % 2 = {parity} THEN {value} * {growth} END)"
        f" OVER {whole}, 0) * POWER(2.0, (({last} - CASE WHEN ABS({last}) % 2 = {parity}"
        f" THEN 0 ELSE 1 END) * {block} - {edge}) / {half_life})"
    )


def _number(value: float) -> str:
    if np.isinf(value):
        return "UNBOUNDED"
    return f"{int(value)}" if value == int(value) else repr(float(value))


def _identifier(name: str) -> str:
    if not name.isidentifier():
        raise InputError(f"{name!r} cannot stand in SQL; use letters, digits and _")
    return name
