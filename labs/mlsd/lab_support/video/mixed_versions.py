"""Two trainings of a factorization: the user vectors of one with the item vectors of the other."""

from __future__ import annotations

import copy
from typing import TypeVar

import numpy as np

from mlsd.models import BPRRecommender, ImplicitALSRecommender
from mlsd.runtime import InputError

Factors = TypeVar("Factors", BPRRecommender, ImplicitALSRecommender)


def turned_axes(dim: int, seed: int = 0) -> np.ndarray:
    """Return a random orthogonal matrix Q, float32, shape (dim, dim).

    A factorization with all its vectors multiplied by Q is the same model, since
    ``(p Q) . (q Q) = p . q``: no training has a reason to prefer one set of axes to another.

    Examples
    --------
    >>> axes = turned_axes(3)
    >>> np.allclose(axes @ axes.T, np.eye(3), atol=1e-6)
    True
    """
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))
    return axes.astype(np.float32)


def mixed_versions(
    users_of: Factors, items_of: Factors, *, axes: np.ndarray | None = None
) -> Factors:
    """Return a model with the user vectors of one training and the item vectors of another.

    Parameters
    ----------
    users_of, items_of : BPRRecommender or ImplicitALSRecommender
        Fitted, of the same kind and dimension. Users whom the first does not know keep the vectors
        of the second.
    axes : ndarray, shape (dim, dim), optional
        By which the first training is turned before; see `turned_axes`.

    Raises
    ------
    InputError
        If the vectors of the two differ in length.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> one = ImplicitALSRecommender(dim=2).fit(log)
    >>> mixed_versions(one, one).recommend([3], 1)[0].tolist() == one.recommend([3], 1)[0].tolist()
    True
    """
    dim = items_of.user_vectors_.shape[1]
    if users_of.user_vectors_.shape[1] != dim:
        raise InputError(
            f"the trainings have {users_of.user_vectors_.shape[1]} and {dim} dimensions; give two "
            "of the same"
        )
    mixed = copy.deepcopy(items_of)
    vectors = users_of.user_vectors_ if axes is None else users_of.user_vectors_ @ axes
    place = np.searchsorted(users_of.user_ids_, items_of.user_ids_)
    place = np.minimum(place, len(users_of.user_ids_) - 1)
    both = users_of.user_ids_[place] == items_of.user_ids_
    mixed.user_vectors_ = np.where(both[:, None], vectors[place], items_of.user_vectors_)
    return mixed
