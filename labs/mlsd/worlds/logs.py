"""What a world recorded: named tables, each made when it is read, and what was known when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd

from mlsd.data.log import Split
from mlsd.runtime import InputError

Tables = Mapping[str, pd.DataFrame]
Value = TypeVar("Value")


class LazyMapping(Mapping[str, Value]):
    """Named values, each made when first asked for and then kept.

    Examples
    --------
    >>> tables = LazyMapping({"users": lambda: pd.DataFrame({"user_id": [0, 1]})})
    >>> len(tables["users"])
    2
    """

    def __init__(self, makers: Mapping[str, Callable[[], Value]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def table_of(tables: Tables, name: str) -> pd.DataFrame:
    """Return the table of this name.

    Raises
    ------
    InputError
        Where there is none: names those that there are.

    Examples
    --------
    >>> table_of({"clicks": pd.DataFrame({"ts": [1]})}, "clicks")["ts"].tolist()
    [1]
    """
    if name not in tables:
        raise InputError(f"there is no event table {name!r}; choose among {', '.join(tables)}")
    return tables[name]


def known_by(table: pd.DataFrame, t: float) -> pd.DataFrame:
    """Return the rows known at time `t` (seconds): by `known_at`, or by `ts` where there is none.

    Examples
    --------
    >>> known_by(pd.DataFrame({"ts": [1, 2], "known_at": [1, 9]}), 5)["ts"].tolist()
    [1]
    """
    clock = "known_at" if "known_at" in table else "ts"
    known = table[clock].to_numpy() <= t
    return table if known.all() else table[known].reset_index(drop=True)


def split_by_time(rows: int, parts: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> Split:
    """Return the first rows for training, the next for validation, the latest for the test.

    Examples
    --------
    >>> split_by_time(10).test.tolist()
    [9]
    """
    first = int(rows * parts[0])
    second = int(rows * (parts[0] + parts[1]))
    cut = np.split(np.arange(rows), [first, second])
    share = "/".join(f"{100 * part:g}" for part in parts)
    return Split(*cut, description=f"by time {share}")


class Logs:
    """What a world recorded: named tables, also as attributes (``logs.impressions``).

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Every table has a column `known_at`, or `ts` where a row is known as it happens.
    until : float
        End of the log, seconds since the origin.
    """

    def __init__(self, tables: Tables, *, until: float) -> None:
        self.tables = tables
        self.until = until

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self.__dict__.get("tables", {}):
            raise AttributeError(f"{type(self).__name__} has no table {name!r}")
        return self.tables[name]

    def as_of(self, t: float) -> Self:
        """Return what was known at time `t`, seconds since the origin.

        A labelled row appears when its label has settled, so a row never shows half of itself.
        """
        makers = {name: lambda name=name: known_by(self.tables[name], t) for name in self.tables}
        return self._with_tables(LazyMapping(makers), until=min(t, self.until))

    def labelled(self) -> Any:
        """Return a log to learn from; each world's logs say of which kind, and have it.

        A `LabelledLog`; where users choose items, with the roles of both and label 1 for a choice.

        Raises
        ------
        NotImplementedError
            For logs that belong to no world.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what is learned from it")

    def _with_tables(self, tables: Tables, *, until: float) -> Self:
        return type(self)(tables, until=until)
