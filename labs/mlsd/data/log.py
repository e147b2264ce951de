"""The one shape in which every labelled log, simulated or public, reaches features and models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class ColumnRoles:
    """Which column of a log plays which part.

    Attributes
    ----------
    label : str or None
        Column of 0/1 outcomes; None where every row is an interaction.
    time : str or None
        When the row happened, seconds since an origin (float or integer).
    known_at : str or None
        When the label became known, same clock as `time`; equal to `time` where absent.
    user, item : str or None
        Columns that identify the user (intervals are clustered by it) and the item.
    amount : str or None
        Value of a row in money.
    weight : str or None
        How many rows of the whole log a row stands for: the inverse of its sampling rate.
    position : str or None
        Slot in which the item was shown. It is known only after the decision, so it is not a
        feature.
    propensity : str or None
        Probability with which the logging policy chose what it showed; not a feature.
    categorical, numeric : tuple of str
        Feature columns beyond `user` and `item`.
    entities : tuple of tuple of str
        Keys for as-of counters: one column or a combination of columns each.
    """

    label: str | None
    time: str | None = None
    known_at: str | None = None
    user: str | None = None
    item: str | None = None
    amount: str | None = None
    weight: str | None = None
    position: str | None = None
    propensity: str | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    entities: tuple[tuple[str, ...], ...] = ()

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Every column that a model reads as a category: user, item, then `categorical`."""
        named = tuple(name for name in (self.user, self.item) if name)
        return tuple(dict.fromkeys(named + self.categorical))


@dataclass(frozen=True)
class Split:
    """Row positions of the three parts, each in ascending order, sharing no row."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    description: str = ""


@dataclass(frozen=True)
class ListRules:
    """How lists of recommended items are judged on a log.

    Attributes
    ----------
    k : int
        Length of a list.
    exclude_validation : bool
        Whether what a user chose in the validation part is left out of their list for the test
        part, as what they chose in training is.
    """

    k: int = 20
    exclude_validation: bool = False


@dataclass(frozen=True)
class LabelledLog:
    """A table of labelled rows with its column roles and its split.

    Attributes
    ----------
    name : str
        For tables and messages.
    frame : pandas.DataFrame
        One row an example, in time order where there is a time; index 0..n-1.
    roles : ColumnRoles
    split : Split
    notes : dict
        Free text by name, such as the licence or the source.
    tables : mapping of str to DataFrame
        What came beside the rows, such as ``items`` with `item_id` and a column per feature.
    lists : ListRules or None
        How recommenders are judged on this log; None for the ladder's own rules.
    """

    name: str
    frame: pd.DataFrame
    roles: ColumnRoles
    split: Split
    notes: dict[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    lists: ListRules | None = None

    @property
    def label(self) -> np.ndarray:
        """The outcomes as int8, shape (n,); 1 throughout where every row is an interaction."""
        if self.roles.label is None:
            return np.ones(len(self.frame), np.int8)
        return self.frame[self.roles.label].to_numpy(np.int8)

    @property
    def weights(self) -> np.ndarray | None:
        """Weight of each row, float64 of shape (n,), or None where all rows weigh the same."""
        if self.roles.weight is None:
            return None
        return self.frame[self.roles.weight].to_numpy(np.float64)

    @property
    def users(self) -> np.ndarray | None:
        """Integer codes of the users, shape (n,), or None where the log has no user column.

        A row without a user (empty text, or missing) has a code of its own: those who were logged
        out are not one person.
        """
        if self.roles.user is None:
            return None
        column = self.frame[self.roles.user]
        codes = pd.factorize(column)[0]
        missing = (column.isna() | column.isin([""])).to_numpy()
        codes[missing] = codes.max() + 1 + np.arange(missing.sum())
        return codes

    def parts(self) -> dict[str, np.ndarray]:
        """Row positions by part name, in the order train, validation, test."""
        return {name: getattr(self.split, name) for name in ("train", "validation", "test")}
