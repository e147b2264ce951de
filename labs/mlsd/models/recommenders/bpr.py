"""Matrix factorization that learns to rank what was chosen above what was not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse, special

from mlsd.models.recommenders.base import MatrixRecommender, check_range


class BPRRecommender(MatrixRecommender):
    """Bayesian personalized ranking with matrix factorization.

    The score is ``p_u.q_i + b_i``. For an interaction (u, i), drawn at random, and an item j that u
    never had, stochastic gradient descent (Adagrad) lowers

        -log sigmoid(score(u, i) - score(u, j)) + l2 / 2 (|p_u|**2 + |q_i|**2 + |q_j|**2),

    summed over a minibatch, biases being penalized alike. A column `weight` draws its interactions
    that much more often.

    Parameters
    ----------
    dim : int
        Length of a vector.
    learning_rate, l2 : float
    epochs : int
        One draws as many triples as there are pairs of user and item.
    batch_size : int
        Triples of a step.
    random_state : int

    Attributes
    ----------
    user_vectors_, item_vectors_ : ndarray of float32, shapes (users, dim) and (items, dim)
    item_biases_ : ndarray of float32, shape (items,)

    Notes
    -----
    A history is not folded in: a user unseen in training gets the most popular items.

    References
    ----------
    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 30, 30]})
    >>> BPRRecommender(dim=4).fit(log).recommend([1], 1)[0]
    array([[30]])
    """

    def __init__(
        self,
        *,
        dim: int = 64,
        learning_rate: float = 0.1,
        l2: float = 0.01,
        epochs: int = 20,
        batch_size: int = 4096,
        random_state: int = 0,
    ) -> None:
        self.dim = dim
        self.learning_rate = learning_rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        for name in ("dim", "epochs", "batch_size"):
            check_range(name, getattr(self, name), 1)
        for name in ("learning_rate", "l2"):
            check_range(name, getattr(self, name), 0.0)
        rng = np.random.default_rng(self.random_state)
        sizes = self._corpus.matrix.shape
        users, items = (rng.normal(0, 0.1, (n, self.dim)).astype(np.float32) for n in sizes)
        tables = (users, items, np.zeros((sizes[1], 1), np.float32))
        squares = [np.full_like(table, 1e-8) for table in tables]
        steps = self.epochs * -(-self._corpus.matrix.nnz // self.batch_size)
        for triples in self._triples(rng, steps):
            found = gradients(*tables, triples, l2=self.l2)
            for table, seen, (rows, gradient) in zip(tables, squares, found):
                seen[rows] += gradient**2
                table[rows] -= self.learning_rate * gradient / np.sqrt(seen[rows])
        self.user_vectors_, self.item_vectors_ = users, items
        self.item_biases_ = tables[2][:, 0]

    def _triples(self, rng: np.random.Generator, steps: int) -> Iterator[np.ndarray]:
        """Yield users, items they had and items they never had, shape (3, batch) each."""
        pairs = self._corpus.matrix.tocoo()
        items = np.int64(pairs.shape[1])
        had = pairs.row * items + pairs.col
        mass = None if self._corpus.weights is None else np.cumsum(pairs.data, dtype=np.float64)
        for _ in range(steps):
            if mass is None:
                drawn = rng.integers(len(had), size=self.batch_size)
            else:
                drawn = np.searchsorted(mass, rng.random(self.batch_size) * mass[-1], side="right")
            user = pairs.row[drawn]
            other = rng.integers(items, size=self.batch_size)
            key = user * items + other
            new = had[np.minimum(np.searchsorted(had, key), len(had) - 1)] != key
            yield np.stack([user[new], pairs.col[drawn][new], other[new]]).astype(np.int64)

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        return self.user_vectors_[rows] @ self.item_vectors_.T + self.item_biases_


def gradients(
    users: np.ndarray, items: np.ndarray, biases: np.ndarray, triples: np.ndarray, *, l2: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each table, the rows that triples touch and the gradient of their loss there.

    Parameters
    ----------
    users, items : ndarray, shapes (users, dim) and (items, dim)
    biases : ndarray, shape (items, 1)
    triples : ndarray of int, shape (3, batch)
        Positions of a user, of an item they had, and of one they never had.
    l2 : float

    Examples
    --------
    >>> flat = np.zeros((2, 1))
    >>> gradients(flat, flat, flat, np.array([[0], [0], [1]]), l2=0.0)[2]
    (array([0, 1]), array([[-0.5], [ 0.5]]))
    """
    user, chosen, other = triples
    p, gap = users[user], items[chosen] - items[other]
    margin = np.einsum("bd,bd->b", p, gap)[:, None] + biases[chosen] - biases[other]
    pull = special.expit(-margin)
    both = np.concatenate([chosen, other])
    of_items = np.concatenate([-pull * p, pull * p]) + l2 * items[both]
    of_biases = np.concatenate([-pull, pull]) + l2 * biases[both]
    return [
        _summed(user, -pull * gap + l2 * p),
        _summed(both, of_items),
        _summed(both, of_biases),
    ]


def _summed(index: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each index once, and the sum of its values."""
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    ones = np.ones(len(order), values.dtype)
    groups = sparse.csr_array(
        (ones, order, np.append(starts, len(order))), (len(starts), len(order))
    )
    return index[order[starts]], groups @ values
