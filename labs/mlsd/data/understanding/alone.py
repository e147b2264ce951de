"""What a column alone knows of the label: its AUC, and how it orders neighbouring rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.data.understanding.trial_rows import FEWEST_IN_ORDER, TrialRows
from mlsd.metrics import auc

QUANTILES = np.linspace(0, 1, 33)


@dataclass(frozen=True)
class Alone:
    """How well a column alone foretells labels that taught it nothing.

    Attributes
    ----------
    auc : float
        Of a rate per value, or per bin of a number, on later rows than those that taught it.
    order : dict of str to float
        By entity key: of two rows that follow each other in the same entity and differ in their
        label, the share where the column ranks the positive one higher; ties count one half.
    """

    auc: float
    order: dict[str, float]


def try_numbers(values: np.ndarray, rows: TrialRows) -> Alone:
    """Try numbers, of shape (u,) for the rows of `rows`; NaN is a value of its own.

    Bins end at quantiles of either class, so that a rare class has as many as the other.
    """
    label = rows.used_label[rows.taught]
    taught = values[rows.taught]
    edges = [_quantiles(taught[label]), _quantiles(taught[~label])]
    edges = np.unique(np.concatenate(edges))
    cells = np.searchsorted(edges, values, side="right")
    cells[np.isnan(values)] = edges.size + 1
    return _try_cells(cells, edges.size + 2, rows)


def try_categories(values: pd.Series, rows: TrialRows) -> Alone:
    """Try categories, of shape (u,) for the rows of `rows`; a new value has the base rate."""
    cells, names = pd.factorize(values)
    return _try_cells(cells, len(names), rows)


def _quantiles(values: np.ndarray) -> np.ndarray:
    ordered = np.sort(values[~np.isnan(values)])
    if not ordered.size:
        return ordered
    return ordered[np.rint(QUANTILES * (ordered.size - 1)).astype(int)]


def _try_cells(cells: np.ndarray, count: int, rows: TrialRows) -> Alone:
    """Learn a rate per cell, with one row at the base rate added to each."""
    label = rows.used_label
    taught, measured = rows.taught, rows.measured
    positives = np.bincount(cells[taught][label[taught]], minlength=count)
    total = np.bincount(cells[taught], minlength=count)
    rate = (positives + label[taught].mean()) / (total + 1)
    order = {key: _share_in_order(rate[cells[part]]) for key, part in rows.pairs.items()}
    return Alone(auc(label[measured], rate[cells[measured]]), order)


def _share_in_order(scores: np.ndarray) -> float:
    """Return the share of pairs whose positive scores higher; one half where there are too few."""
    positive, negative = np.split(scores, 2)
    if positive.size < FEWEST_IN_ORDER:
        return 0.5
    return float(np.mean((positive > negative) + (positive == negative) / 2))
