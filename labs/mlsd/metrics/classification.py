"""How good predicted probabilities are, and how well scores order."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics.inputs import (
    check_labels,
    check_probabilities,
    check_scores,
    check_threshold,
    check_weights,
)
from mlsd.metrics.weighted import (
    SortedScores,
    entropy,
    row_losses,
    weighted_auc,
    weighted_average_precision,
)
from mlsd.runtime import InputError


def log_loss(y: ArrayLike, p: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Return the mean negative log likelihood of the labels, in nats.

    ``-mean(y log p + (1 - y) log(1 - p))``; lower is better.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels.
    p : array, shape (n,)
        Predicted probabilities of 1, clipped to the open interval by 2.2e-16.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        For empty or unequal arrays, a label other than 0 or 1, or no probability.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.8, 0.2]), 4)
    0.2231
    """
    y = check_labels(y)
    weights = None if sample_weight is None else check_weights(y, sample_weight)
    return float(np.average(row_losses(y, check_probabilities(y, p)), weights=weights))


def normalized_entropy(
    y: ArrayLike, p: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return log loss divided by that of the constant click rate of the evaluated rows.

    One is what a constant at that rate reaches; lower is better. A constant at any other rate, the
    training rate for instance, gets more than one. Values of sets that differ in their click rate
    are not comparable.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels, both of them present.
    p : array, shape (n,)
        Predicted probabilities of 1.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        As `log_loss`, and if all labels are equal.

    References
    ----------
    He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014.

    Examples
    --------
    >>> normalized_entropy([1, 0, 0, 0], [0.25] * 4)
    1.0
    """
    y = check_labels(y)
    weights = check_weights(y, sample_weight)
    _check_both_classes(y[weights > 0], "normalized entropy")
    rate = np.average(y, weights=weights)
    return log_loss(y, p, sample_weight=sample_weight) / float(entropy(rate))


def auc(y: ArrayLike, p: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Return the probability that a random 1 scores higher than a random 0, ties counting half.

    This is the area under the ROC curve, as the Mann-Whitney statistic.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels, both of them present.
    p : array, shape (n,)
        Scores of any scale, higher for a likelier 1.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        For empty or unequal arrays, a label other than 0 or 1, a score that is not finite, or
        labels that are all equal.

    Examples
    --------
    >>> auc([0, 1, 1], [0.2, 0.1, 0.9])
    0.5
    """
    y = check_labels(y)
    p = check_scores(y, p)
    weights = check_weights(y, sample_weight)
    _check_both_classes(y[weights > 0], "AUC")
    rows = SortedScores.of(y, p)
    return weighted_auc(rows, weights[rows.order])


def average_precision(
    y: ArrayLike, p: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return precision averaged over the recall that each distinct score adds.

    ``sum_i (recall_i - recall_{i-1}) precision_i`` from the highest score down, without
    interpolation. A constant score gets the rate of ones.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels, at least one of them 1.
    p : array, shape (n,)
        Scores of any scale, higher for a likelier 1.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        As `auc`, though labels may all be 1.

    Examples
    --------
    >>> round(average_precision([0, 1, 1], [0.2, 0.1, 0.9]), 4)
    0.8333
    """
    y = check_labels(y)
    p = check_scores(y, p)
    weights = check_weights(y, sample_weight)
    _check_positive(y[weights > 0], "average precision")
    rows = SortedScores.of(y, p)
    return weighted_average_precision(rows, weights[rows.order])


def f1_score(
    y: ArrayLike,
    p: ArrayLike,
    *,
    threshold: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the harmonic mean of precision and recall of the rule "1 from `threshold` on".

    ``2 TP / (2 TP + FP + FN)``; 0 where no 1 is found. It depends on the threshold and on the rate
    of ones: where one row in a hundred is a click, a calibrated model hardly ever predicts more
    than one half, so that 0.5 finds next to nothing, however good the model. See
    `best_f1_threshold`.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels, at least one of them 1.
    p : array, shape (n,)
        Scores of any scale, higher for a likelier 1.
    threshold : float
        On the scale of the scores; a score equal to it counts as a predicted 1.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        As `average_precision`, and for a threshold that is not finite.

    Examples
    --------
    >>> round(f1_score([0, 1, 1], [0.6, 0.1, 0.9], threshold=0.5), 4)
    0.5
    """
    y = check_labels(y)
    found = check_scores(y, p) >= check_threshold(threshold)
    weights = check_weights(y, sample_weight)
    _check_positive(y[weights > 0], "F1")
    clicks = weights * y
    return float(2 * clicks[found].sum() / (weights[found].sum() + clicks.sum()))


def best_f1_threshold(
    y: ArrayLike, p: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the score that as a threshold gives the highest F1; the highest one of several.

    Where the scores are calibrated probabilities, it is half the F1 that it reaches: at most one
    half, and far below where clicks are rare and hard to foretell. Choose it on validation rows;
    on the rows that it is chosen on, its F1 is too good.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels, at least one of them 1.
    p : array, shape (n,)
        Scores of any scale, higher for a likelier 1.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        As `average_precision`.

    References
    ----------
    Lipton, Elkan and Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure",
    ECML PKDD 2014.

    Examples
    --------
    >>> best_f1_threshold([0, 0, 1, 0, 1], [0.01, 0.02, 0.03, 0.04, 0.05])
    0.03
    """
    y = check_labels(y)
    p = check_scores(y, p)
    weights = check_weights(y, sample_weight)
    _check_positive(y[weights > 0], "F1")
    rows = SortedScores.of(y, p)
    weights = weights[rows.order]
    clicks = rows.group_sums(weights * rows.y)[::-1].cumsum()
    found = rows.group_sums(weights)[::-1].cumsum()
    best = int(np.argmax(2 * clicks / (found + clicks[-1])))
    return float(rows.p[rows.starts[::-1][best]])


def _check_positive(y: np.ndarray, metric: str) -> None:
    if not y.any():
        raise InputError(f"no label is 1; {metric} needs at least one")


def _check_both_classes(y: np.ndarray, metric: str) -> None:
    if y.min() == y.max():
        raise InputError(f"all {len(y)} labels are {y[0]:g}; {metric} needs both 0 and 1")
