"""Softmax over a sample of the items, and the correction for how the sample was drawn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mlsd.runtime import InputError

# How often log Q is added to a score.
CORRECTIONS = {"none": 0.0, "logq": -1.0, "wrong_sign": 1.0}


def mixture_log_probability(shares: Tensor, in_batch: int, uniform: int) -> Tensor:
    """Return log Q of each item where some negatives come from the batch and some from all items.

    ``Q(i) = (B p(i) + M / N) / (B + M)``, with B rows of a batch, whose items come with their
    shares p of the training rows, and M items drawn uniformly from N.

    Parameters
    ----------
    shares : Tensor, shape (items,)
        Of the training rows; above 0.
    in_batch, uniform : int
        B and M.

    References
    ----------
    J. Yang et al., Mixed Negative Sampling for Learning Two-tower Neural Networks in
    Recommendations, WWW 2020 (companion).

    Examples
    --------
    >>> mixture_log_probability(torch.tensor([0.9, 0.1]), 1, 1).exp()
    tensor([0.7000, 0.3000])
    """
    drawn = in_batch * shares + uniform / len(shares)
    return (drawn / (in_batch + uniform)).log()


def in_batch_softmax(
    scores: Tensor, log_probability: Tensor, *, correction: str = "logq"
) -> Tensor:
    """Return minus the log probability of each row's own item among the items of a sample.

    ``-log(exp(c_ii) / sum_j exp(c_ij))`` with ``c_ij = s_ij - log Q(j)``, over row i's own item
    and the rest of the sample. A popular item is drawn as a negative more often than it should
    count, so that without the correction the scores end at ``log p - log Q`` instead of ``log p``.
    The correction belongs to training alone: what is served is the score.

    Parameters
    ----------
    scores : Tensor, shape (rows, rows + others)
        Divided by the temperature already. Column i of the first ones is row i's own item.
    log_probability : Tensor, shape (rows + others,)
        log Q of the items of the columns.
    correction : str
        ``"logq"``, ``"none"``, or ``"wrong_sign"``, which adds what should be subtracted.

    Returns
    -------
    Tensor, shape (rows,)

    Raises
    ------
    InputError
        For another correction.

    Notes
    -----
    An item that stands in the sample again is counted again, the row's own too: that is what Q
    undoes. As the row's own item is in the sum whatever the draw, some bias remains, for items of
    which a sample expects less than one above all.

    References
    ----------
    Y. Bengio and J.-S. Senécal, Adaptive Importance Sampling to Accelerate Training of a Neural
    Probabilistic Language Model, IEEE Transactions on Neural Networks 2008.

    X. Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations,
    RecSys 2019.

    Examples
    --------
    >>> log_q = torch.tensor([0.75, 0.25]).log()
    >>> in_batch_softmax(torch.zeros(2, 2), log_q).exp()
    tensor([4.0000, 1.3333])
    """
    if correction not in CORRECTIONS:
        raise InputError(f"correction is {correction!r}; choose from {sorted(CORRECTIONS)}")
    corrected = scores + CORRECTIONS[correction] * log_probability
    own = torch.arange(len(scores), device=scores.device)
    return functional.cross_entropy(corrected, own, reduction="none")


def uniform_softmax(own: Tensor, others: Tensor, items: int) -> Tensor:
    """Return minus the log probability of the own item, estimated from items drawn uniformly.

    ``-log(exp(s) / (exp(s) + (N - 1) / M sum_j exp(s_j)))``: the own item is there with certainty,
    and each of the M others stands for ``(N - 1) / M``.

    Parameters
    ----------
    own : Tensor, shape (rows,)
    others : Tensor, shape (rows, M)
        ``-inf`` where the drawn item is the own one.
    items : int
        N.

    Examples
    --------
    >>> uniform_softmax(torch.zeros(1), torch.zeros(1, 2), 9).exp()
    tensor([9.])
    """
    drawn = torch.isfinite(others).sum(dim=1, keepdim=True).clamp_min(1)
    logits = torch.cat([own[:, None], others + torch.log((items - 1) / drawn)], dim=1)
    return functional.cross_entropy(
        logits, torch.zeros(len(own), dtype=torch.int64, device=own.device), reduction="none"
    )
