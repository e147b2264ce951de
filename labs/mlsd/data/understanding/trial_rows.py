"""The rows on which each column is tried alone, and which rows stand beside each other.

The test part stays out. Of the most recent million other rows, the earlier ones teach a rate per
value and the later ones measure it; both classes are sampled, since an AUC does not depend on
their ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.data.understanding.features_of_log import is_missing

RECENT_ROWS = 1_000_000
LEARNING_SHARE = 0.7
ROWS_OF_A_CLASS = 20_000
PAIRS_OF_A_KEY = 5_000
FEWEST_PAIRS = 30
FEWEST_IN_ORDER = 10
MOST_KEYS = 6
FEWEST_ROWS_OF_A_CLASS = 20


@dataclass(frozen=True)
class TrialRows:
    """Positions of rows in a log, and how they are used.

    Attributes
    ----------
    label : ndarray of bool, shape (n,)
        Of all rows of the log.
    rows : ndarray of int, shape (u,)
        Every row that is used: for learning, for measuring, then the two rows of each pair.
    learning, measuring : int
        How many of `rows`, in this order, teach and measure.
    pairs : dict of str to slice
        By entity key, where its pairs stand in `rows`: the positive rows first, then, as many, the
        negative row that stands beside each among the rows of the same entity. A key has none where
        it settles the label; it is left out where it has too few rows to say so.
    """

    label: np.ndarray
    rows: np.ndarray
    learning: int
    measuring: int
    pairs: Mapping[str, slice]

    @cached_property
    def used_label(self) -> np.ndarray:
        """Labels of `rows`, shape (u,)."""
        return self.label[self.rows]

    @property
    def taught(self) -> slice:
        """Where the rows that teach stand in `rows`."""
        return slice(0, self.learning)

    @property
    def measured(self) -> slice:
        """Where the rows that measure stand in `rows`."""
        return slice(self.learning, self.learning + self.measuring)

    @property
    def enough(self) -> bool:
        """Whether both uses have twenty rows of each class."""
        parts = (self.used_label[self.taught], self.used_label[self.measured])
        rarest = min(min(part.sum(), (~part).sum()) for part in parts)
        return bool(rarest >= FEWEST_ROWS_OF_A_CLASS)


def trial_rows(log: LabelledLog, *, seed: int = 0) -> TrialRows:
    """Choose the rows on which the columns of a log are tried.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> frame = pd.DataFrame({"click": [0, 1] * 200, "user": [7] * 400})
    >>> split = Split(np.arange(320), np.arange(320, 360), np.arange(360, 400))
    >>> chosen = trial_rows(LabelledLog("tiny", frame, ColumnRoles("click", user="user"), split))
    >>> chosen.learning, chosen.measuring, chosen.pairs
    (252, 108, {'user': slice(360, 574, None)})
    """
    label = log.label.astype(bool)
    recent = np.sort(np.r_[log.split.train, log.split.validation])[-RECENT_ROWS:]
    cut = round(LEARNING_SHARE * recent.size)
    generator = np.random.default_rng(seed)
    learning = _sample(recent[:cut], label, generator)
    measuring = _sample(recent[cut:], label, generator)
    rows, pairs = [learning, measuring], {}
    start = learning.size + measuring.size
    for key in entity_keys(log):
        first, second = _neighbours(log.frame[key], recent[cut:])
        if _expected_to_differ(label[first], label[second]) >= FEWEST_PAIRS:
            differ = np.flatnonzero(label[first] != label[second])
            differ = _at_most(differ, PAIRS_OF_A_KEY, generator)
            first, second = first[differ], second[differ]
            rows += [np.where(label[second], second, first), np.where(label[second], first, second)]
            pairs[key] = slice(start, start + 2 * differ.size)
            start += 2 * differ.size
    return TrialRows(label, np.concatenate(rows), learning.size, measuring.size, pairs)


def entity_keys(log: LabelledLog) -> tuple[str, ...]:
    """Return the columns that the spec names as what a row is about: user, item, counter keys.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> roles = ColumnRoles("click", item="ad", entities=(("ad",), ("site",), ("ad", "site")))
    >>> entity_keys(LabelledLog("tiny", pd.DataFrame(), roles, Split(*[np.arange(1)] * 3)))
    ('ad', 'site')
    """
    named = [log.roles.user, log.roles.item, *(key[0] for key in log.roles.entities if not key[1:])]
    return tuple(dict.fromkeys(name for name in named if name))[:MOST_KEYS]


def settling_keys(rows: TrialRows) -> tuple[str, ...]:
    """Return the entity keys whose neighbouring rows have, but for a few, one label.

    Examples
    --------
    >>> pairs = {"user": slice(4, 204), "session": slice(204, 204)}
    >>> settling_keys(TrialRows(np.zeros(0, bool), np.arange(204), 2, 2, pairs))
    ('session',)
    """
    pairs = {key: (part.stop - part.start) // 2 for key, part in rows.pairs.items()}
    return tuple(key for key, count in pairs.items() if count < FEWEST_IN_ORDER)


def previous_rows(keys: pd.Series) -> np.ndarray:
    """Return for each row the position of the last row before it with the same key, -1 for none.

    Examples
    --------
    >>> previous_rows(pd.Series(["a", "b", "a", ""])).tolist()
    [-1, -1, 0, -1]
    """
    codes = pd.factorize(keys)[0]
    order = np.argsort(codes, kind="stable")
    same = np.r_[False, codes[order][1:] == codes[order][:-1]]
    previous = np.full(codes.size, -1)
    previous[order[same]] = order[np.flatnonzero(same) - 1]
    previous[is_missing(keys)] = -1
    return previous


def _sample(rows: np.ndarray, label: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return all rows of each class, or a sample of the class where there are many."""
    classes = (rows[label[rows]], rows[~label[rows]])
    return np.concatenate([_at_most(part, ROWS_OF_A_CLASS, generator) for part in classes])


def _at_most(values: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    if values.size <= most:
        return values
    return generator.choice(values, most, replace=False)


def _neighbours(keys: pd.Series, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the earlier and the later of each two rows that follow each other in an entity."""
    previous = previous_rows(keys.iloc[rows])
    later = np.flatnonzero(previous >= 0)
    return rows[previous[later]], rows[later]


def _expected_to_differ(first: np.ndarray, second: np.ndarray) -> float:
    """Return how many neighbours would differ in their label if the entity said nothing of it.

    Those that do differ are no measure of what can be tried: where an entity settles the label
    there are none, and that is what clears a column that knows only the entity.
    """
    rate = np.r_[first, second].mean() if first.size else 0.0
    return float(2 * rate * (1 - rate) * first.size)
