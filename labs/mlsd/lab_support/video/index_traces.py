"""What an index did with each exact answer: the list that holds it, its rank by codes."""

from __future__ import annotations

import numpy as np

from mlsd.retrieval import FlatIndex, PQIndex


def list_depths(
    vectors: np.ndarray, queries: np.ndarray, exact: np.ndarray, centres: np.ndarray
) -> np.ndarray:
    """Return when a query would look into the list of each exact answer, shape (queries, k).

    Parameters
    ----------
    vectors, queries : array, shapes (items, width), (queries, width)
    exact : array of int, shape (queries, k)
        Rows of `vectors`.
    centres : array, shape (lists, width)
        A vector belongs to the centre of the largest inner product; a query looks into the lists in
        that order too, and 0 is the first.

    Examples
    --------
    >>> list_depths(np.eye(2), np.array([[1.0, 0.4]]), np.array([[1]]), np.eye(2))
    array([[1]])
    """
    owner = np.argmax(vectors @ centres.T, axis=1)
    depth = np.argsort(np.argsort(-(queries @ centres.T), axis=1, kind="stable"), axis=1)
    return np.take_along_axis(depth, owner[exact], axis=1)


def code_ranks(
    vectors: np.ndarray, queries: np.ndarray, exact: np.ndarray, index: PQIndex
) -> np.ndarray:
    """Return the rank of each exact answer among all items by their codes, shape (queries, k).

    Examples
    --------
    >>> vectors = np.random.default_rng(0).normal(size=(300, 8))
    >>> index = PQIndex(subvectors=4, bits=4).build(vectors, np.arange(300))
    >>> code_ranks(vectors, vectors[:2], exact_answers(vectors, vectors[:2], 3), index).shape
    (2, 3)
    """
    order, _ = index.search(queries, len(vectors))
    return np.take_along_axis(np.argsort(order, axis=1), exact, axis=1)


def exact_answers(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Return the rows of the k largest inner products with each query, shape (queries, k).

    Examples
    --------
    >>> exact_answers(np.eye(3), np.array([[0.1, 0.9, 0.5]]), 2)
    array([[1, 2]])
    """
    return FlatIndex().build(vectors, np.arange(len(vectors))).search(queries, k)[0]
