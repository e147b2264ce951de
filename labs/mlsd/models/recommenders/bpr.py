"""Matrix factorization that learns to rank what was chosen above what was not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mlsd.models.recommenders.base import MatrixRecommender, check_range


class BPRRecommender(MatrixRecommender):
    """Bayesian personalized ranking with matrix factorization.

    The score is ``p_u.q_i + b_i``. For an interaction (u, i), drawn at random, and an item j that u
    never had, stochastic gradient descent lowers

        -log sigmoid(score(u, i) - score(u, j)) + l2 / 2 (|p_u|**2 + |q_i|**2 + |q_j|**2),

    in minibatches whose steps are added up. The learning rate falls to 0 in a straight line. A
    column `weight` draws its interactions that much more often.

    Parameters
    ----------
    dim : int
        Length of a vector.
    learning_rate, l2 : float
    epochs : int
        One draws as many triples as there are pairs of user and item.
    batch_size : int
        Triples of a step. Large ones are quicker, but an item many times in a batch takes a long
        step.
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

    folds_in = False

    def __init__(
        self,
        *,
        dim: int = 64,
        learning_rate: float = 0.05,
        l2: float = 0.01,
        epochs: int = 30,
        batch_size: int = 1024,
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
        shapes = [(size, self.dim) for size in self._corpus.matrix.shape]
        vectors = [torch.from_numpy(rng.normal(0, 0.1, s).astype(np.float32)) for s in shapes]
        biases = torch.zeros(shapes[1][0])
        steps = self.epochs * -(-self._corpus.matrix.nnz // self.batch_size)
        for step, triples in enumerate(self._triples(rng, steps)):
            rate = self.learning_rate * (1 - step / steps)
            _descend(*vectors, biases, torch.from_numpy(triples), rate=rate, l2=self.l2)
        self.user_vectors_, self.item_vectors_ = (v.numpy() for v in vectors)
        self.item_biases_ = biases.numpy()

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


def _descend(
    users: Tensor, items: Tensor, biases: Tensor, triples: Tensor, *, rate: float, l2: float
) -> None:
    """Take one step of all triples, in place."""
    user, chosen, other = triples
    p, q_chosen, q_other = users[user], items[chosen], items[other]
    margin = (p * (q_chosen - q_other)).sum(1) + biases[chosen] - biases[other]
    pull = torch.sigmoid(-margin)[:, None]
    users.index_add_(0, user, pull * (q_chosen - q_other) - l2 * p, alpha=rate)
    items.index_add_(0, chosen, pull * p - l2 * q_chosen, alpha=rate)
    items.index_add_(0, other, -pull * p - l2 * q_other, alpha=rate)
    biases.index_add_(0, chosen, pull[:, 0] - l2 * biases[chosen], alpha=rate)
    biases.index_add_(0, other, -pull[:, 0] - l2 * biases[other], alpha=rate)
