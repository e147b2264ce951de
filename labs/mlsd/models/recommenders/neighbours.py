"""Items whose users are the same people: cosine between the columns of the user-item matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from mlsd.models.recommenders.base import FoldingRecommender, check_range


class ItemCosineRecommender(FoldingRecommender):
    """Recommends what resembles the user's items, by who had them.

    With ``g(i, j)`` the inner product of two columns of the user-item matrix (the users they share,
    where there are no weights), similarity is ``g(i, j) / (|i| |j| + shrinkage)``, so that few
    shared users prove little. Each item passes on its score from its nearest neighbours only, and a
    user's score of an item is the sum over the items of their history.

    Parameters
    ----------
    shrinkage : float
        At least 0.
    neighbours : int
        Nearest items kept for each item.

    Attributes
    ----------
    similarity_ : sparse CSR array of float32, shape (items, items)
        Column j holds the neighbours of item j; the diagonal is 0.

    References
    ----------
    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001;
    Ferrari Dacrema et al., "Are we really making much progress?", RecSys 2019 (shrinkage).

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> ItemCosineRecommender(shrinkage=0.0).fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(self, *, shrinkage: float = 10.0, neighbours: int = 200) -> None:
        self.shrinkage = shrinkage
        self.neighbours = neighbours

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        check_range("shrinkage", self.shrinkage, 0.0)
        check_range("neighbours", self.neighbours, 1)
        matrix = self._corpus.matrix
        shared = (matrix.T @ matrix).tocoo()
        lengths = np.sqrt((matrix * matrix).sum(axis=0))
        near = shared.data / (lengths[shared.row] * lengths[shared.col] + self.shrinkage)
        near[shared.row == shared.col] = 0.0
        kept = _first_of_each(shared.col, near, self.neighbours)
        found = sparse.coo_array((near[kept], (shared.row[kept], shared.col[kept])), shared.shape)
        self.similarity_ = found.tocsr().astype(np.float32)
        self.similarity_.eliminate_zeros()

    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        return (profiles @ self.similarity_).toarray()


def _first_of_each(group: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """Return where the k largest values of each group stand."""
    order = np.lexsort((-values, group))
    starts = np.searchsorted(group[order], group[order], side="left")
    return order[np.arange(len(order)) - starts < k]
