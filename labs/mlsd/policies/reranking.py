"""Re-ranking: choose a slate from scored candidates, in view of the rest of the slate."""

from __future__ import annotations

import numpy as np

# What is left of a candidate's squared distance to the span of those chosen, at the least, as a
# share of its squared quality: rounding must not make it negative.
SMALLEST = 1e-10


def top_scores(scores: np.ndarray, slots: int) -> np.ndarray:
    """Return the places of the highest scores, best first.

    Parameters
    ----------
    scores : ndarray, shape (n, c)
        Of the candidates of each request; minus infinity for one that cannot be shown.
    slots : int
        At most c.

    Returns
    -------
    ndarray of int, shape (n, slots)

    Examples
    --------
    >>> top_scores(np.array([[0.1, 0.7, 0.5]]), 2).tolist()
    [[1, 2]]
    """
    return np.argsort(-scores, axis=1, kind="stable")[:, :slots]


def standardised(scores: np.ndarray) -> np.ndarray:
    """Return scores with mean 0 and standard deviation 1 over the candidates of each request.

    Parameters
    ----------
    scores : ndarray, shape (n, c)
        Minus infinity for a candidate that cannot be shown, which stays so.

    Returns
    -------
    ndarray, shape (n, c)
        0 where all candidates of a request score alike.

    Examples
    --------
    >>> standardised(np.array([[3.0, 1.0, -np.inf]])).tolist()
    [[1.0, -1.0, -inf]]
    """
    there = np.isfinite(scores)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    known = np.where(there, scores, 0.0)
    centred = np.where(there, known - known.sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    return np.where(there, centred / np.where(spread > 0, spread, 1.0), -np.inf)


def maximal_marginal_relevance(
    scores: np.ndarray,
    vectors: np.ndarray,
    slots: int,
    *,
    relevance: float = 0.7,
    above: np.ndarray | None = None,
) -> np.ndarray:
    r"""Return places chosen one by one for score and for being unlike those chosen before.

    The next place maximises :math:`\lambda s_i - (1 - \lambda) \max_{j} \cos(v_i, v_j)` over the
    places j chosen so far (Carbonell and Goldstein 1998, The Use of MMR, Diversity-Based Reranking
    for Reordering Documents and Producing Summaries).

    Parameters
    ----------
    scores : ndarray, shape (n, c)
        On a scale that similarities, from -1 to 1, can be held against; minus infinity for a
        candidate that cannot be shown.
    vectors : ndarray, shape (n, c, d)
        Of unit length, or zero for a candidate that is like no other.
    slots : int
        At most c.
    relevance : float
        The weight of the score, from 0 to 1; at 1 the order of the scores.
    above : ndarray, shape (n, m, d), or None
        Vectors of what the viewer was shown before, which is avoided as well.

    Returns
    -------
    ndarray of int, shape (n, slots)

    Examples
    --------
    >>> scores = np.array([[0.9, 0.8, 0.5]])
    >>> vectors = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> maximal_marginal_relevance(scores, vectors, 2, relevance=0.5).tolist()
    [[0, 2]]
    """
    rows = np.arange(len(scores))
    chosen = np.zeros((len(scores), slots), np.intp)
    likeness = np.zeros(scores.shape)
    if above is not None and above.shape[1]:
        likeness = np.einsum("ncd,nmd->ncm", vectors, above).max(axis=2)
    started = above is not None and above.shape[1] > 0
    showable = np.isfinite(scores)
    left = np.where(showable, scores, 0.0)
    for slot in range(slots):
        gain = relevance * left - (1 - relevance) * likeness
        best = np.where(showable, gain, -np.inf).argmax(axis=1)
        chosen[:, slot] = best
        showable[rows, best] = False
        alike = np.einsum("ncd,nd->nc", vectors, vectors[rows, best])
        likeness = np.maximum(likeness, alike) if started else alike
        started = True
    return chosen


def greedy_determinant(
    quality: np.ndarray,
    vectors: np.ndarray,
    slots: int,
    *,
    ridge: float = 1e-6,
) -> np.ndarray:
    r"""Return places chosen one by one for the determinant of a determinantal point process.

    The probability of a slate S is proportional to the determinant of the kernel's rows and columns
    of S, where :math:`L_{ij} = q_i q_j v_i^\top v_j`: high for good items that point in different
    directions. Finding the best S is hard; the greedy choice adds the item that multiplies the
    determinant most, and a Cholesky factor that grows by one row per slot keeps that cheap (Chen,
    Zhang and Zhou 2018, Fast Greedy MAP Inference for Determinantal Point Process to Improve
    Recommendation Diversity, algorithm 1).

    Parameters
    ----------
    quality : ndarray, shape (n, c)
        Positive; zero for a candidate that cannot be shown.
    vectors : ndarray, shape (n, c, d)
        Of unit length.
    slots : int
        At most c. Once the chosen vectors span all others, what is left is chosen by quality.
    ridge : float
        Added to the similarity of an item with itself, so that twins can be told apart by quality.

    Returns
    -------
    ndarray of int, shape (n, slots)

    Examples
    --------
    >>> quality = np.array([[0.9, 0.8, 0.5]])
    >>> vectors = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> greedy_determinant(quality, vectors, 2).tolist()
    [[0, 2]]
    """
    rows, (n, candidates) = np.arange(len(quality)), quality.shape
    factor = np.zeros((n, slots, candidates))
    least = SMALLEST * quality**2
    left = np.where(quality > 0, (1 + ridge) * quality**2, -np.inf)
    chosen = np.zeros((n, slots), np.intp)
    for slot in range(slots):
        best = left.argmax(axis=1)
        chosen[:, slot] = best
        pivot = np.sqrt(np.where(left[rows, best] > 0, left[rows, best], 1.0))
        alike = np.einsum("ncd,nd->nc", vectors, vectors[rows, best])
        kernel = quality * quality[rows, best][:, None] * alike
        done = np.einsum("nsc,ns->nc", factor[:, :slot], factor[rows, :slot, best])
        factor[:, slot] = (kernel - done) / pivot[:, None]
        left = np.where(np.isneginf(left), left, np.maximum(left - factor[:, slot] ** 2, least))
        left[rows, best] = -np.inf
    return chosen


def capped(order: np.ndarray, groups: np.ndarray, slots: int, *, cap: int) -> np.ndarray:
    """Return the first places of an order with at most so many of any group.

    Parameters
    ----------
    order : ndarray of int, shape (n, c)
        Places, best first.
    groups : ndarray of int, shape (n, c)
        Group of each candidate, by place: its creator, say.
    slots : int
        At most c.
    cap : int
        At least 1.

    Returns
    -------
    ndarray of int, shape (n, slots)
        Where groups are too few to fill a slate under the cap, it is filled up in order.

    Examples
    --------
    >>> order, creator = np.array([[0, 1, 2, 3]]), np.array([[7, 7, 7, 9]])
    >>> capped(order, creator, 3, cap=1).tolist()
    [[0, 3, 1]]
    """
    ordered = np.take_along_axis(groups, order, axis=1)
    earlier = np.zeros(ordered.shape, np.intp)
    for place in range(1, ordered.shape[1]):
        earlier[:, place] = (ordered[:, :place] == ordered[:, [place]]).sum(axis=1)
    kept_first = np.argsort(earlier >= cap, axis=1, kind="stable")[:, :slots]
    return np.take_along_axis(order, kept_first, axis=1)


def with_reserved_slots(
    chosen: np.ndarray, reserved: np.ndarray, positions: tuple[int, ...]
) -> np.ndarray:
    """Return slates in which some positions are given to a second choice.

    Parameters
    ----------
    chosen : ndarray of int, shape (n, slots)
        Items, best first.
    reserved : ndarray of int, shape (n, len(positions))
        Items for those positions, such as uploads to be explored; -1 where there is none. One that
        the slate holds anyhow keeps its place, and its position stays as it was.
    positions : tuple of int
        From 0; each once.

    Returns
    -------
    ndarray of int, shape (n, slots)

    Notes
    -----
    What stood in a reserved position is not moved down: the slate loses it.

    Examples
    --------
    >>> with_reserved_slots(np.array([[4, 5, 6]]), np.array([[9]]), (2,)).tolist()
    [[4, 5, 9]]
    """
    slates = chosen.copy()
    for column, position in enumerate(positions):
        item = reserved[:, column]
        free = (item >= 0) & ~(slates == item[:, None]).any(axis=1)
        slates[free, position] = item[free]
    return slates
