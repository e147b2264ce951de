"""Events that have happened and are not known yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from mlsd.worlds.base import Policy
from mlsd.worlds.kit.records import Columns, joined
from mlsd.worlds.logs import LazyMapping


class PendingEvents:
    """Holds events back until they are known, and hands each over once.

    Every table has a column `known_at`, in seconds since the origin. A copy (`copy.deepcopy`) goes
    on by itself, so a world can be continued twice from the same moment.

    Parameters
    ----------
    names : sequence of str
        Tables that every policy is handed from the first delivery on, empty ones too: without
        them, a policy that reads a table of which nothing has happened yet finds none.

    Examples
    --------
    >>> pending = PendingEvents()
    >>> pending.add({"clicks": {"known_at": np.array([9.0, 2.0]), "click_id": np.array([0, 1])}})
    >>> pending.release(5.0)["clicks"]["click_id"], pending.release(9.0)["clicks"]["click_id"]
    (array([1]), array([0]))
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._parts: dict[str, list[Columns]] = {name: [] for name in names}

    def add(self, tables: Mapping[str, Columns]) -> None:
        """Keep the rows of some tables until they are known."""
        for name, columns in tables.items():
            self._parts.setdefault(name, []).append(columns)

    def release(self, t: float) -> dict[str, Columns]:
        """Take out the events known by `t`, each table in the order in which it became known."""
        released = {}
        for name, parts in self._parts.items():
            if not parts:
                released[name] = {"known_at": np.zeros(0)}
                continue
            columns = _in_order(joined(parts))
            cut = int(np.searchsorted(columns["known_at"], t, side="right"))
            self._parts[name] = [{key: values[cut:] for key, values in columns.items()}]
            released[name] = {key: values[:cut] for key, values in columns.items()}
        return released

    def deliver(self, policies: Iterable[Policy], t: float) -> None:
        """Release the events known by `t` and let every policy observe them.

        A data frame is made only when a policy reads it. Without `names`, nothing is handed over
        before the first events have been added.
        """
        released = self.release(t)
        for policy in policies if released else ():
            makers = {
                name: lambda columns=columns: pd.DataFrame(columns, copy=False)
                for name, columns in released.items()
            }
            policy.observe(LazyMapping(makers))


def _in_order(columns: Columns) -> Columns:
    clock = columns["known_at"]
    if (clock[1:] >= clock[:-1]).all():
        return columns
    order = np.argsort(clock, kind="stable")
    return {key: values[order] for key, values in columns.items()}
