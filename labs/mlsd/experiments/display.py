"""How a case shows its ledger: columns of tables, and the one metric of the figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

NO_INTERVAL = "[-]"
SELECTED_NOTE = "The rung marked * is the one that validation chooses."


@dataclass(frozen=True)
class TableColumn:
    """One column of a printed ledger.

    Attributes
    ----------
    title : str
    key : str
        Column of the ledger.
    form : str
        Format of the number.
    show : str
        ``"number"``; ``"interval"``: with the ends of its interval; ``"difference"``: a paired
        difference with its interval; ``"distance"``: such a difference to the best rung, which is
        called the best, and the others a tie where the interval contains 0. `NO_INTERVAL` stands
        where there is none.
    essential : bool
        Whether it is shown in a narrow terminal before others.

    Examples
    --------
    >>> row = {"auc": 0.7, "auc_low": 0.69, "auc_high": 0.71}
    >>> TableColumn("AUC", "auc", ".2f", show="interval").cell(row)
    '0.70 [0.69, 0.71]'
    """

    title: str
    key: str
    form: str = ".4f"
    show: str = "number"
    essential: bool = False

    def cell(self, row: Mapping[str, Any]) -> str:
        """Return the text for a row of the ledger; empty where the row has no such figure."""
        value = row.get(self.key)
        if value is None or pd.isna(value):
            return ""
        if self.show == "number":
            return format(value, self.form)
        low, high = row[f"{self.key}_low"], row[f"{self.key}_high"]
        absent = pd.isna(low)
        if self.show == "distance" and value == 0 and (absent or low == high == 0):
            return "best"
        form = self.form if self.show == "interval" else f"+{self.form}"
        tie = " tie" if self.show == "distance" and low <= 0 <= high else ""
        ends = NO_INTERVAL if absent else f"[{low:{form}}, {high:{form}}]"
        return f"{value:{form}} {ends}{tie}"


def at_rank(columns: Iterable[TableColumn], names: Iterable[str]) -> tuple[TableColumn, ...]:
    """Return columns with the length of lists put in, where their title and key say ``@k``.

    Parameters
    ----------
    columns : iterable of TableColumn
    names : iterable of str
        Columns of the ledger; the first metric at a rank tells it. Without one, ``@k`` stays.

    Examples
    --------
    >>> at_rank([TableColumn("NDCG@k", "ndcg@k")], ["rung", "ndcg@20"])[0].key
    'ndcg@20'
    """
    found = (re.fullmatch(r"[a-z]+(@\d+)", name) for name in names)
    rank = next((match[1] for match in found if match), "@k")
    return tuple(
        replace(each, title=each.title.replace("@k", rank), key=each.key.replace("@k", rank))
        for each in columns
    )


@dataclass(frozen=True)
class LadderFigure:
    """What the figure of a ladder shows.

    Attributes
    ----------
    metric : str
        Of the ledger.
    label : str
        Of its axis.
    kinds : mapping of str to str
        Name in the legend of each kind of features, in the order of the legend.
    """

    metric: str
    label: str
    kinds: Mapping[str, str] = field(
        default_factory=lambda: {
            "none": "no features",
            "ids": "ids only",
            "counters": "ids and as-of counters",
            "histories": "ids, counters and histories",
            "truth": "the world's own truth",
        }
    )


@dataclass(frozen=True)
class Highlights:
    """The few rungs that README shows.

    Attributes
    ----------
    rungs : mapping of str to str
        From a rung's name in the ledger to the name that a newcomer understands.
    finding : str
        Title of the picture: what the rungs show together.
    higher_is_better : bool
        Of the offline metric.
    """

    rungs: Mapping[str, str]
    finding: str
    higher_is_better: bool = False


def is_selected(row: Mapping[str, Any]) -> bool:
    """Return whether validation chooses a row's rung; older ledgers do not say.

    Examples
    --------
    >>> is_selected({"rung": "ensemble", "selected": True}), is_selected({"rung": "ensemble"})
    (True, False)
    """
    selected = row.get("selected")
    return selected is not None and not pd.isna(selected) and bool(selected)


def rung_cell(row: Mapping[str, Any]) -> str:
    """Return the name of a row's rung, marked where validation chooses it.

    Examples
    --------
    >>> rung_cell({"rung": "ensemble", "selected": True})
    'ensemble *'
    """
    return f"{row['rung']} *" if is_selected(row) else row["rung"]
