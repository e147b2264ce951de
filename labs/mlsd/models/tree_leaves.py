"""Boosted trees as features: the leaves a row reaches, weighed by a logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlsd.models.linear import HashedLogisticRegression
from mlsd.models.scorer import Arrays, ColumnScorer, take_rows
from mlsd.models.trees import LightGBMScorer
from mlsd.runtime import InputError


class TreeLeavesLogisticRegression(ColumnScorer):
    """Logistic regression on the leaves of boosted trees (He et al. 2014).

    Each tree is one categorical field, whose value is the leaf that the row reaches: a conjunction
    of splits. The rows are cut in two, in their order, which is that of time: trees are grown on
    the first part, the regression is fitted on the second. On their own rows leaves have already
    seen the labels, and the regression would trust them too much.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns that the trees read.
    keep_ids : bool
        Whether the regression reads the categorical columns too, hashed, beside the leaves.
    tree_share : float
        Share of the rows, the earliest, that grow the trees; above 0, below 1.
    num_leaves, learning_rate, n_estimators, patience
        As in `LightGBMScorer`. Rows in `valid` stop the trees early; the regression ignores them.
    tree_settings : mapping of str to value, optional
        Further arguments of `LightGBMScorer`, by name.
    C : float
        Inverse strength of the regression's penalty.
    random_state : int
        Of the trees.

    Attributes
    ----------
    trees_ : LightGBMScorer
    linear_ : HashedLogisticRegression

    Notes
    -----
    An id unseen in training takes the way of `LightGBMScorer` through the trees; beside the leaves
    it has weight 0. A leaf that no row of the second part reached has weight 0.

    References
    ----------
    He et al., Practical Lessons from Predicting Clicks on Ads at Facebook, ADKDD 2014.

    Examples
    --------
    >>> X = {"a": np.arange(4000) % 2, "b": np.arange(4000) // 2 % 2}
    >>> model = TreeLeavesLogisticRegression(numeric=("a", "b")).fit(X, X["a"] ^ X["b"])
    >>> model.predict_proba({"a": np.array([0, 0, 1]), "b": np.array([0, 1, 1])})[:, 1].round()
    array([0., 1., 0.])
    """

    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        keep_ids: bool = False,
        tree_share: float = 0.5,
        num_leaves: int = 15,
        learning_rate: float = 0.1,
        n_estimators: int = 60,
        patience: int = 20,
        tree_settings: Mapping[str, Any] | None = None,
        C: float = 0.01,
        random_state: int = 0,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.keep_ids = keep_ids
        self.tree_share = tree_share
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.patience = patience
        self.tree_settings = tree_settings
        self.C = C
        self.random_state = random_state

    def _learn(self, columns, y, weights, valid) -> None:
        if not 0 < self.tree_share < 1:
            raise InputError(f"tree_share is {self.tree_share!r}; give a share between 0 and 1")
        cut = int(len(y) * self.tree_share)
        self.trees_ = self._unfitted_trees().fit(
            take_rows(columns, slice(cut)),
            y[:cut],
            valid=valid,
            sample_weight=None if weights is None else weights[:cut],
        )
        later = take_rows(columns, slice(cut, None))
        fields = self._fields(later)
        self.linear_ = HashedLogisticRegression(categorical=tuple(fields), C=self.C).fit(
            fields, y[cut:], sample_weight=None if weights is None else weights[cut:]
        )

    def _unfitted_trees(self) -> LightGBMScorer:
        settings = {
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "n_estimators": self.n_estimators,
            "patience": self.patience,
            "random_state": self.random_state,
            **(self.tree_settings or {}),
        }
        try:
            return LightGBMScorer(categorical=self.categorical, numeric=self.numeric, **settings)
        except TypeError as error:
            raise InputError(f"tree_settings: {error}; name arguments of LightGBMScorer") from None

    def _fields(self, columns: Arrays) -> Arrays:
        leaves = self.trees_.leaf_indices(columns)
        fields = {f"tree {index}": leaf for index, leaf in enumerate(leaves.T)}
        return {**fields, **(take_ids(columns, self.categorical) if self.keep_ids else {})}

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        return self.linear_.predict_proba(self._fields(columns))[:, 1]


def take_ids(columns: Arrays, names: tuple[str, ...]) -> Arrays:
    """Return the named columns, each under a name that no tree has.

    Examples
    --------
    >>> take_ids({"ad_id": np.array([7]), "age": np.array([30])}, ("ad_id",))
    {'id ad_id': array([7])}
    """
    return {f"id {name}": columns[name] for name in names}
