"""Kernel ridge regression over users: what people with a similar history had."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from mlsd.models.recommenders.base import FoldingRecommender, check_range
from mlsd.runtime import InputError


class UserKernelRecommender(FoldingRecommender):
    """Predicts a user's row of the matrix from the rows of all others, in closed form.

    Two users are alike by ``k(u, v) = exp(sharpness * (cosine(u, v) - 1))``, rows being divided by
    the items' popularity to `input_power` first. With K the kernel of the users of the training and
    X their rows, a history x scores ``k(x) A`` with ``A = inv(K + l2 I) X``. A user of the training
    is predicted without their own row, which is one division: ``x_u - A_u / inv(K + l2 I)[u, u]``.
    EASE predicts items from items by a linear map; this predicts users from users by a smooth one.

    Parameters
    ----------
    sharpness : float
        How quickly likeness falls with the angle between two users; above 0.
    l2 : float
        Above 0.
    input_power, item_power : float
        Inputs, and scores, are divided by the item's popularity to these powers.
    max_users : int
        Above so many users, a random sample of them is learned from; the others are scored by their
        rows.
    random_state : int

    Attributes
    ----------
    anchors_ : ndarray of int, shape (anchors,)
        Positions of the users who are learned from, in order.
    duals_ : ndarray of float32, shape (anchors, items)
        A.

    Notes
    -----
    It costs ``anchors**3`` operations and ``8 * anchors**2`` bytes.

    References
    ----------
    Sachdeva et al., "Infinite recommendation networks: a data-centric approach", NeurIPS 2022 (with
    a neural tangent kernel); Rasmussen and Williams, "Gaussian processes for machine learning",
    2006, equation 5.12 (leaving one out).

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> UserKernelRecommender().fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(
        self,
        *,
        sharpness: float = 3.0,
        l2: float = 1.0,
        input_power: float = 0.25,
        item_power: float = 0.0,
        max_users: int = 8_000,
        random_state: int = 0,
    ) -> None:
        self.sharpness = sharpness
        self.l2 = l2
        self.input_power = input_power
        self.item_power = item_power
        self.max_users = max_users
        self.random_state = random_state

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        for name in ("sharpness", "l2"):
            check_range(name, getattr(self, name), 0.0, low_allowed=False)
        check_range("max_users", self.max_users, 1)
        matrix = self._corpus.matrix
        count = matrix.shape[0]
        chosen = np.random.default_rng(self.random_state).permutation(count)[: self.max_users]
        self.anchors_ = np.sort(chosen)
        self._place = np.full(count, -1)
        self._place[self.anchors_] = np.arange(len(self.anchors_))
        self._directions = self._normalized(matrix[self.anchors_])
        inverse = self._inverse_of_kernel()
        self.duals_ = inverse @ matrix[self.anchors_].toarray()
        self._leverage = np.diag(inverse).copy()

    def _inverse_of_kernel(self) -> np.ndarray:
        penalized = np.asfortranarray(self._likeness(self._directions))
        penalized[np.diag_indices_from(penalized)] += np.float32(self.l2)
        factor, failed = linalg.lapack.spotrf(penalized, lower=1, overwrite_a=1)
        if failed:
            raise InputError("the kernel cannot be inverted in single precision; raise l2")
        inverse, _ = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
        return np.tril(inverse) + np.tril(inverse, -1).T

    def _normalized(self, profiles: sparse.csr_array) -> sparse.csr_array:
        scaled = profiles @ sparse.diags_array(self._popularity**-self.input_power)
        lengths = np.sqrt((scaled * scaled).sum(axis=1))
        return (sparse.diags_array(1 / lengths) @ scaled).astype(np.float32).tocsr()

    def _likeness(self, directions: sparse.csr_array) -> np.ndarray:
        cosine = (directions @ self._directions.T).toarray()
        return np.exp(np.float32(self.sharpness) * (cosine - 1))

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        profiles, place = self._corpus.matrix[rows], self._place[rows]
        if (place < 0).any():
            table = np.empty(profiles.shape, np.float32)
            own, others = place >= 0, place < 0
            table[own] = self._of_users(rows[own])
            table[others] = self._of_profiles(profiles[others])
            return table
        left_out = profiles.toarray() - self.duals_[place] / self._leverage[place, None]
        return left_out * self._popularity**-self.item_power

    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        likeness = self._likeness(self._normalized(profiles))
        return (likeness @ self.duals_) * self._popularity**-self.item_power
