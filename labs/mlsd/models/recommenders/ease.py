"""Linear autoencoders in closed form: predict each item from all the others."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from mlsd.models.recommenders.base import FoldingRecommender, check_range
from mlsd.runtime import InputError


def zero_diagonal_weights(gram: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """Return the weights that predict each item from the others, shape (items, items).

    The minimum of ``|X - X B|**2 + sum_i penalties[i] * |B[i]|**2`` subject to ``diag(B) = 0``,
    where ``gram = X.T @ X``. With ``P = inv(gram + diag(penalties))`` it is
    ``B[i, j] = -P[i, j] / P[j, j]`` off the diagonal.

    Raises
    ------
    InputError
        If the penalties are lost beside a Gram matrix that has no inverse of its own.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8.

    Examples
    --------
    >>> zero_diagonal_weights(np.array([[2.0, 1.0], [1.0, 2.0]]), np.ones(2)).round(3)
    array([[0.   , 0.333],
           [0.333, 0.   ]])
    """
    penalized = np.array(gram, dtype=np.float64, order="F")
    penalized[np.diag_indices_from(penalized)] += penalties
    # Of a symmetric matrix LAPACK fills one triangle, in place.
    try:
        factor = linalg.cholesky(penalized, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        raise InputError(
            f"the weights of items have no unique solution beside sums up to {np.max(gram):.2g}; "
            "divide the weights of the interactions, or raise l2"
        ) from None
    inverse, _ = linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


class LinearAutoencoder(FoldingRecommender):
    """What EASE and its denoising form share: the Gram matrix of users, and the product with B."""

    user_power: float
    item_power: float

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        gram = self._gram()
        weights = zero_diagonal_weights(gram, self._penalties(np.diag(gram)))
        self.weights_ = (weights * self._popularity**-self.item_power).astype(np.float32)

    def _gram(self) -> np.ndarray:
        matrix = self._corpus.matrix
        worth = matrix.sum(axis=1) ** -self.user_power
        rows = sparse.diags_array(worth / worth.mean())
        return (matrix.T @ (rows @ matrix)).toarray()

    @abstractmethod
    def _penalties(self, diagonal: np.ndarray) -> np.ndarray:
        """Return the penalty of each item, given how often it was chosen, shape (items,)."""

    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        return profiles @ self.weights_


class EASERecommender(LinearAutoencoder):
    """Predicts each item from all others by ridge regression, in closed form.

    ``B`` minimizes ``sum_u w_u |x_u - x_u B|**2 + l2 |B|**2`` with a diagonal of 0 (see
    `zero_diagonal_weights`); a user's scores are ``x_u B``.

    Parameters
    ----------
    l2 : float
        Above 0; hundreds for implicit feedback.
    user_power : float
        A user with n interactions weighs ``w_u = n**-user_power``, on average 1. With 0, as in the
        paper, those with many interactions decide; with 1, all users count alike.
    item_power : float
        Scores are divided by the item's popularity to this power: 0 as in the paper, above it
        popular items lose.

    Attributes
    ----------
    weights_ : ndarray of float32, shape (items, items)
        B, columns divided by popularity.

    Notes
    -----
    The inverse costs ``items**3`` operations and ``16 * items**2`` bytes.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> EASERecommender(l2=1.0).fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(
        self, *, l2: float = 500.0, user_power: float = 0.0, item_power: float = 0.0
    ) -> None:
        self.l2 = l2
        self.user_power = user_power
        self.item_power = item_power

    def _penalties(self, diagonal: np.ndarray) -> np.ndarray:
        check_range("l2", self.l2, 0.0, low_allowed=False)
        return np.full(len(diagonal), self.l2)


class DenoisingEASERecommender(LinearAutoencoder):
    """EASE as a denoising autoencoder with full dropout, in closed form (EDLAE).

    Where each interaction of the input is dropped with probability `dropout`, infinitely often, the
    expected loss is that of EASE with a penalty on item i of
    ``dropout / (1 - dropout) * gram[i, i] + l2``: a popular item is penalized more, which keeps its
    weights from learning the identity through other items.

    Parameters
    ----------
    dropout : float
        At least 0 (which is EASE) and below 1.
    l2, user_power, item_power : float
        As of `EASERecommender`.

    Attributes
    ----------
    weights_ : ndarray of float32, shape (items, items)

    References
    ----------
    Steck, "Autoencoders that don't overfit towards the Identity", NeurIPS 2020, section 3.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> DenoisingEASERecommender(l2=1.0).fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(
        self,
        *,
        dropout: float = 0.3,
        l2: float = 200.0,
        user_power: float = 0.0,
        item_power: float = 0.0,
    ) -> None:
        self.dropout = dropout
        self.l2 = l2
        self.user_power = user_power
        self.item_power = item_power

    def _penalties(self, diagonal: np.ndarray) -> np.ndarray:
        check_range("l2", self.l2, 0.0, low_allowed=False)
        check_range("dropout", self.dropout, 0.0, 1.0)
        return self.dropout / (1 - self.dropout) * diagonal + self.l2
