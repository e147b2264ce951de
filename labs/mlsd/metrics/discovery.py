"""What lists show beside hits: how much of the catalogue, and how little known it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics.ranking import FILLER, checked_lists
from mlsd.runtime import InputError


def catalogue_coverage(recommended: ArrayLike, items: int, k: int) -> float:
    """Return the share of the catalogue that stands among the first `k` of some user's list.

    ``|union over users of their first k items| / items``.

    Parameters
    ----------
    recommended : array of item positions, shape (users, at least k)
        From 0 to `items` - 1; -1 fills a list that is too short.
    items : int
        Size of the catalogue.
    k : int

    Raises
    ------
    InputError
        If `k` does not fit, a list holds an item twice, or an item is not in the catalogue.

    References
    ----------
    Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy: evaluating recommender systems by coverage
    and serendipity", RecSys 2010.

    Examples
    --------
    >>> catalogue_coverage([[0, 1], [0, 2]], items=4, k=2)
    0.75
    """
    shown = _shown(checked_lists(recommended, k), items)
    return np.unique(shown[shown != FILLER]).size / items


def novelty_by_user(recommended: ArrayLike, chosen_by: ArrayLike, users: int, k: int) -> np.ndarray:
    """Return the mean self-information of the first `k` items of each list, in bits.

    ``mean over the list of -log2((n_i + 1) / (users + 1))``, where ``n_i`` users chose item i: an
    item that everyone chose has 0 bits, one that half of them chose nearly 1.

    Parameters
    ----------
    recommended : array of item positions, shape (lists, at least k)
        -1 fills a list that is too short.
    chosen_by : array of int, shape (items,)
        How many users of the training chose each item.
    users : int
        Of the training.
    k : int

    Returns
    -------
    ndarray, shape (lists,)
        NaN for an empty list.

    Raises
    ------
    InputError
        As `catalogue_coverage`.

    References
    ----------
    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS
    2010; one is added so that an item that nobody chose has a finite value.

    Examples
    --------
    >>> novelty_by_user([[0, 1], [1, -1]], chosen_by=[7, 1], users=7, k=2)
    array([1., 2.])
    """
    chosen_by = np.asarray(chosen_by)
    shown = _shown(checked_lists(recommended, k), chosen_by.size)
    bits = np.r_[-np.log2((chosen_by + 1) / (users + 1)), 0.0][shown]
    length = (shown != FILLER).sum(axis=1)
    return bits.sum(axis=1) / np.where(length > 0, length, np.nan)


def gini(amounts: ArrayLike) -> float:
    """Return the Gini coefficient of non-negative amounts: 0 all equal, 1 one has it all.

    Examples
    --------
    >>> gini([1, 1]), gini([0, 1])
    (0.0, 0.5)
    """
    ordered = np.sort(amounts).astype(float)
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def _shown(lists: np.ndarray, items: int) -> np.ndarray:
    wrong = (lists >= items) | (lists < FILLER)
    if wrong.any():
        raise InputError(f"recommended names item {lists[wrong][0]}; the catalogue has {items}")
    return lists
