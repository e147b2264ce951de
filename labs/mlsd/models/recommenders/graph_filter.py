"""Collaborative filtering as a low-pass filter on the graph of users and items."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from mlsd.models.recommenders.base import FoldingRecommender, check_range


class GraphFilterRecommender(FoldingRecommender):
    """Smooths a user's row over the graph of items, keeping its low frequencies (GF-CF).

    With ``R = D_u**-user_power X D_i**-item_power``, degrees on the diagonals, and V the leading
    right singular vectors of R, the scores of a row x are

        x (R.T R + ideal * D_i**-item_power V V.T D_i**item_power):

    two steps over the graph, and the projection on its smoothest signals.

    Parameters
    ----------
    components : int
        Singular vectors kept, fewer where the matrix has fewer.
    ideal : float
        Weight of the projection beside the two steps.
    user_power, item_power : float
        0.5 each in the paper.

    Attributes
    ----------
    near_ : sparse array of float32, shape (items, items)
        ``R.T R``.
    inward_, outward_ : ndarray of float32, shapes (items, components) and (components, items)
        The two sides of the projection, `ideal` included.

    References
    ----------
    Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> GraphFilterRecommender(components=1).fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(
        self,
        *,
        components: int = 128,
        ideal: float = 0.3,
        user_power: float = 0.5,
        item_power: float = 0.5,
    ) -> None:
        self.components = components
        self.ideal = ideal
        self.user_power = user_power
        self.item_power = item_power

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        check_range("components", self.components, 1)
        check_range("ideal", self.ideal, 0.0)
        matrix = self._corpus.matrix
        of_users = sparse.diags_array(matrix.sum(axis=1) ** -self.user_power)
        scale = self._popularity.astype(np.float64) ** -self.item_power
        normalized = (of_users @ matrix @ sparse.diags_array(scale)).tocsr()
        self.near_ = (normalized.T @ normalized).astype(np.float32).tocsr()
        vectors = _leading_right_vectors(normalized, self.components)
        self.inward_ = (self.ideal * scale[:, None] * vectors).astype(np.float32)
        self.outward_ = (vectors / scale[:, None]).T.astype(np.float32)

    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        return (profiles @ self.near_).toarray() + (profiles @ self.inward_) @ self.outward_


def _leading_right_vectors(matrix: sparse.csr_array, count: int) -> np.ndarray:
    """Return right singular vectors, shape (columns, at most count)."""
    smaller = min(matrix.shape)
    if count >= smaller // 2:
        return np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:count].T
    start = np.ones(smaller)
    return sparse_linalg.svds(matrix.astype(np.float64), count, v0=start)[2].T
