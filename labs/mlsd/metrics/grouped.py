"""How well scores order the rows inside each group, such as the impressions of one user."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics.inputs import check_groups, check_labels, check_scores, check_weights
from mlsd.metrics.weighted import divide
from mlsd.runtime import InputError


def grouped_auc(
    y: ArrayLike, p: ArrayLike, groups: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the AUC inside each group, averaged with the groups' impressions as weights.

    ``sum_g n_g AUC_g / sum_g n_g`` over the groups g that hold both a 0 and a 1, with n_g their
    rows (GAUC). Groups of one class have no AUC and are left out of both sums;
    `rows_in_mixed_groups` tells how many rows that leaves. Grouped by user, it asks whether each
    user's own impressions are in order, and a score that only tells users apart gets one half.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels.
    p : array, shape (n,)
        Scores of any scale, higher for a likelier 1.
    groups : array, shape (n,)
        Group of each row: a number or a text, none missing.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each. A row without weight counts neither in
        its group nor in the average.

    Raises
    ------
    InputError
        For empty or unequal arrays, a label other than 0 or 1, a score that is not finite, a
        missing group, or no group that holds both labels.

    References
    ----------
    Zhu et al., "Optimized cost per click in Taobao display advertising", KDD 2017.

    Examples
    --------
    >>> y, p = [1, 0, 1, 0, 0, 0], [0.9, 0.8, 0.2, 0.1, 0.3, 0.7]
    >>> grouped_auc(y, p, ["ann", "ann", "bob", "bob", "bob", "cid"])
    0.7
    """
    by_row = auc_of_group(y, p, groups, sample_weight=sample_weight)
    if sample_weight is None:
        return float(np.nanmean(by_row))
    present = np.isfinite(by_row)
    weights = np.asarray(sample_weight, dtype=np.float64)[present]
    return float(np.average(by_row[present], weights=weights))


def auc_of_group(
    y: ArrayLike, p: ArrayLike, groups: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> np.ndarray:
    """Return for each row the AUC inside its group, shape (n,); NaN where a group has one class.

    Its mean over the rows that have one is `grouped_auc`; resample it by group for an interval.

    Parameters
    ----------
    y, p, groups, sample_weight
        As for `grouped_auc`.

    Raises
    ------
    InputError
        As `grouped_auc`.

    Examples
    --------
    >>> auc_of_group([1, 0, 0], [0.9, 0.8, 0.7], ["ann", "ann", "bob"])
    array([ 1.,  1., nan])
    """
    y = check_labels(y)
    p = check_scores(y, p)
    group = check_groups(y, groups)
    weights = check_weights(y, sample_weight)
    order = np.lexsort((p, group))
    ones, zeros = weights * y, weights * (1 - y)
    pairs = np.bincount(group, ones) * np.bincount(group, zeros)
    if not pairs.any():
        raise InputError(f"none of {len(pairs)} groups holds both 0 and 1; grouped AUC needs one")
    in_order = _pairs_in_order(ones[order], zeros[order], p[order], group[order])
    return divide(in_order, pairs)[group]


def rows_in_mixed_groups(y: ArrayLike, groups: ArrayLike) -> np.ndarray:
    """Return whether each row belongs to a group that holds both labels, shape (n,).

    These are the rows that `grouped_auc` rests on; their mean is its coverage.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels.
    groups : array, shape (n,)
        Group of each row, none missing.

    Raises
    ------
    InputError
        As `grouped_auc`, except that there may be no such group.

    Examples
    --------
    >>> rows_in_mixed_groups([1, 0, 0], ["ann", "ann", "cid"])
    array([ True,  True, False])
    """
    y = check_labels(y)
    group = check_groups(y, groups)
    rows, positives = np.bincount(group), np.bincount(group, y)
    return ((positives > 0) & (positives < rows))[group]


def ndcg_of_group(gain: ArrayLike, score: ArrayLike, groups: ArrayLike, k: int) -> np.ndarray:
    """Return the NDCG at `k` of each group, whose rows are put in order by score.

    ``DCG = sum over ranks r = 1 ... k of gain_r / log2(r + 1)``, over that of the best order. A
    gain is what the row is worth to the group: 1 for a click, or the seconds it was watched.

    Parameters
    ----------
    gain, score : array, shape (n,)
        Gains are not negative. Rows of a group with equal scores share the mean of their ranks'
        discounts.
    groups : array, shape (n,)
        Group of each row.
    k : int

    Returns
    -------
    ndarray, shape (groups,)
        In the order of the groups' sorted names; NaN where no row has a gain.

    Raises
    ------
    InputError
        For unequal lengths, a negative gain, or a score that is not finite.

    References
    ----------
    K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM
    Transactions on Information Systems, 2002.

    Examples
    --------
    >>> ndcg_of_group([0, 1, 5, 0], [0.2, 0.1, 0.3, 0.1], ["a", "a", "b", "b"], k=2).round(3)
    array([0.631, 1.   ])
    """
    gain, score = np.asarray(gain, float), np.asarray(score, float)
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    if not gain.shape == score.shape == group.shape:
        raise InputError(f"gain, score, groups: shapes {gain.shape}, {score.shape}, {group.shape}")
    if not (np.isfinite(score).all() and (gain >= 0).all()):
        raise InputError("a score is not finite, or a gain is negative or missing")
    found, best = _gained(gain, score, group, k), _gained(gain, gain, group, k)
    return np.where(best > 0, found / np.where(best > 0, best, 1), np.nan)


def _gained(gain: np.ndarray, score: np.ndarray, group: np.ndarray, k: int) -> np.ndarray:
    """Return the discounted gain of each group's rows in order of their scores."""
    order = np.lexsort((-score, group))
    sizes = np.bincount(group)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    discount = np.where(rank < k, 1 / np.log2(rank + 2), 0.0)
    own, ordered = group[order], score[order]
    tie = np.cumsum(np.r_[True, (ordered[1:] != ordered[:-1]) | (own[1:] != own[:-1])]) - 1
    shared = (np.bincount(tie, discount) / np.bincount(tie))[tie]
    return np.bincount(own, gain[order] * shared, len(sizes))


def _pairs_in_order(
    ones: np.ndarray, zeros: np.ndarray, p: np.ndarray, group: np.ndarray
) -> np.ndarray:
    """Return by group the weight of the pairs of a 0 and a 1 in order, ties counting half.

    Rows come sorted by group, then score; `ones` and `zeros` hold their weight by label.
    """
    starts = np.flatnonzero(np.r_[True, (p[1:] != p[:-1]) | (group[1:] != group[:-1])])
    positives, negatives = np.add.reduceat(ones, starts), np.add.reduceat(zeros, starts)
    tie_group = group[starts]
    zeros_before_group = np.r_[0, np.bincount(group, zeros).cumsum()][tie_group]
    below = np.cumsum(negatives) - negatives - zeros_before_group
    return np.bincount(tie_group, positives * (below + negatives / 2))
