"""What a feature as of a moment is: one definition for batch, stream and SQL.

A definition looks at the rows of the same entity up to an edge, ``delay`` seconds before the row's
own time t. Rows of one entity at the same time are never put in an order: the edge takes them all
in, or leaves them all out.

=============== ========================= ==========================
`include_row`   edge of the past          trailing window
=============== ========================= ==========================
False           before ``t - delay``      ``[t - delay - seconds, t - delay)``
True            not after ``t - delay``   ``(t - delay - seconds, t - delay]``
=============== ========================= ==========================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR

Statistic = Literal["count", "sum", "mean", "rate"]

_UNITS = (("d", DAY), ("h", HOUR), ("min", 60))


@dataclass(frozen=True)
class TrailingWindow:
    """A statistic of an entity's rows within a fixed stretch of time.

    Attributes
    ----------
    entity : tuple of str
        One column or a combination.
    statistic : str
        ``"count"`` of rows, ``"sum"`` of a column, its ``"mean"`` (NaN where the window is empty),
        or ``"rate"``: the mean of a 0/1 column, 0 where the window is empty.
    seconds : float
        Length of the window.
    column : str or None
        What is summed; None for counts.
    delay : float
        Seconds between the end of the window and the row, such as the time until a label is known.
    include_row : bool
        Whether rows at the end of the window count; without a delay those are the row itself and
        all of its entity at the same time. See the module's table.
    name : str or None
        Of the output; None derives it.

    Raises
    ------
    InputError
        When the parts do not fit together.

    Examples
    --------
    >>> TrailingWindow(("card",), "sum", 86_400, column="amount", delay=7 * 86_400).output
    'card_amount_sum_1d_delay_7d'
    """

    entity: tuple[str, ...]
    statistic: Statistic
    seconds: float
    column: str | None = None
    delay: float = 0
    include_row: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        _check_common(self)
        if not 0 < self.seconds < np.inf:
            raise InputError(f"{self.entity}: seconds is {self.seconds}; give a number above 0")
        if self.statistic not in ("count", "sum", "mean", "rate"):
            raise InputError(
                f"{self.entity}: statistic is {self.statistic!r}; choose count, sum, mean or rate"
            )
        if (self.column is None) != (self.statistic == "count"):
            need = "counts rows and takes no column" if self.column else "needs a column"
            raise InputError(f"{self.entity}: {self.statistic} {need}")

    @property
    def output(self) -> str:
        """Name of the output column."""
        what = "_".join(part for part in (self.column, self.statistic) if part)
        return self.name or _derived_name(self, f"{what}_{duration_name(self.seconds)}")

    @property
    def reach(self) -> float:
        """Seconds from the row back to the beginning of the window."""
        return self.delay + self.seconds


@dataclass(frozen=True)
class DecayedCounter:
    """A count or sum whose parts lose half their weight every `half_life`.

    ``sum over rows j up to the edge of value_j * 2**(-(t - delay - t_j) / half_life)``: what the
    counter stood at, `delay` before the row.

    Attributes
    ----------
    entity : tuple of str
        One column or a combination.
    half_life : float
        Seconds; infinity for no decay.
    column : str or None
        What is summed; None counts rows.
    delay : float
        Seconds.
    include_row : bool
        Whether rows at the edge count. See the module's table.
    name : str or None
        Of the output; None derives it.

    Raises
    ------
    InputError
        When the parts do not fit together.

    References
    ----------
    Cormode, Shkapenyuk, Srivastava and Xu, Forward Decay: A Practical Time Decay Model for
    Streaming Systems, ICDE 2009.

    Examples
    --------
    >>> DecayedCounter(("user_id", "ad_id"), 7 * 86_400).output
    'user_id_ad_id_decayed_7d'
    """

    entity: tuple[str, ...]
    half_life: float
    column: str | None = None
    delay: float = 0
    include_row: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        _check_common(self)
        if not self.half_life > 0:
            raise InputError(f"{self.entity}: half_life is {self.half_life}; give seconds above 0")

    @property
    def output(self) -> str:
        """Name of the output column."""
        what = f"{self.column}_decayed" if self.column else "decayed"
        return self.name or _derived_name(self, f"{what}_{duration_name(self.half_life)}")


Definition = TrailingWindow | DecayedCounter


def check_outputs(definitions: tuple[Definition, ...]) -> None:
    """Refuse two definitions with the same output name.

    Raises
    ------
    InputError
        If a name occurs twice.

    Examples
    --------
    >>> check_outputs((DecayedCounter(("card",), 60), DecayedCounter(("card",), 120)))
    """
    seen = set()
    for definition in definitions:
        if definition.output in seen:
            raise InputError(f"two definitions are called {definition.output!r}; rename one")
        seen.add(definition.output)


def duration_name(seconds: float) -> str:
    """Return a length of time as part of a column's name, which also SQL accepts.

    Examples
    --------
    >>> [duration_name(seconds) for seconds in (7 * 86_400, 5_400, 0.5, np.inf)]
    ['7d', '90min', '0_5s', 'ever']
    """
    if np.isinf(seconds):
        return "ever"
    units = [(unit, length) for unit, length in _UNITS if seconds % length == 0]
    unit, length = units[0] if units else ("s", 1)
    return f"{seconds / length:g}{unit}".replace(".", "_").replace("-", "_")


def _check_common(definition: Definition) -> None:
    if isinstance(definition.entity, str) or not definition.entity:
        raise InputError(f"entity is {definition.entity!r}; give a tuple of column names")
    if not 0 <= definition.delay < np.inf:
        raise InputError(
            f"{definition.entity}: delay is {definition.delay}; give seconds from 0 on"
        )


def _derived_name(definition: Definition, what: str) -> str:
    parts = [*definition.entity, what]
    if definition.delay:
        parts.append(f"delay_{duration_name(definition.delay)}")
    if definition.include_row:
        parts.append("with_row")
    return "_".join(parts)
