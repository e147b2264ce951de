"""LambdaMART: boosted trees whose gradients come from swaps within a group."""

from __future__ import annotations

from typing import Any, Self

import lightgbm
import numpy as np
import pandas as pd

from mlsd.features.encoders import VocabularyEncoder
from mlsd.models.base import Columns
from mlsd.models.rankers import as_relevance, require_groups
from mlsd.models.scorer import Arrays, row_count, take_columns, take_rows
from mlsd.models.trees import as_matrix
from mlsd.runtime import InputError


class LambdaMART:
    """Ranks by boosted trees that are trained on pairs of rows of the same group.

    A pair of rows of different relevance pulls their scores apart, by as much as swapping the two
    would change the group's NDCG. Groups whose rows are all alike teach nothing.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read. An id unseen in training goes the way of all unlisted ones.
    num_leaves, learning_rate, min_child_samples, feature_fraction, bagging_fraction, reg_lambda
        As in LightGBM.
    n_estimators : int
        Trees at most.
    truncation : int
        Only pairs with a row among so many at the top of their group count.
    validation_share : float
        Last groups, in the order in which they first come, held out to stop on; 0 for none.
    patience : int
        Stop after so many trees without a higher NDCG on them.
    random_state : int

    Attributes
    ----------
    booster_ : lightgbm.Booster
    trees_ : int
        Used in prediction.

    References
    ----------
    C. Burges, From RankNet to LambdaRank to LambdaMART: An Overview, Microsoft Research
    MSR-TR-2010-82, 2010.

    Examples
    --------
    >>> X = {"age": np.tile([1.0, 2.0, 3.0], 200)}
    >>> ranker = LambdaMART(numeric=("age",), n_estimators=20)
    >>> ranker = ranker.fit(X, np.tile([0, 1, 2], 200), np.repeat(np.arange(200), 3))
    >>> ranker.score({"age": [3.0, 1.0]}).argmax()
    np.int64(0)
    """

    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        num_leaves: int = 31,
        learning_rate: float = 0.05,
        n_estimators: int = 300,
        min_child_samples: int = 100,
        feature_fraction: float = 0.8,
        bagging_fraction: float = 0.8,
        reg_lambda: float = 1.0,
        truncation: int = 6,
        validation_share: float = 0.1,
        patience: int = 30,
        random_state: int = 0,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.reg_lambda = reg_lambda
        self.truncation = truncation
        self.validation_share = validation_share
        self.patience = patience
        self.random_state = random_state

    def fit(self, X: Columns, y: np.ndarray, groups: np.ndarray) -> Self:
        """Learn from rows `X` with relevance `y`, whole numbers from 0 to 30, and their groups.

        Raises
        ------
        InputError
            If a column is missing, relevance is no such number, or no group has two relevances.
        """
        columns, (rows, relevance) = self._take(X), _checked(y, groups, row_count(X))
        self.vocabulary_ = VocabularyEncoder(self.categorical).fit(columns)
        columns, relevance = take_rows(columns, rows), relevance[rows]
        group = pd.factorize(np.asarray(groups)[rows])[0]
        learned = group < max(round((group[-1] + 1) * (1 - self.validation_share)), 1)
        data = self._dataset(take_rows(columns, learned), relevance[learned], group[learned])
        held, callbacks = [], []
        if not learned.all():
            rest = ~learned
            held = [self._dataset(take_rows(columns, rest), relevance[rest], group[rest], data)]
            callbacks = [lightgbm.early_stopping(self.patience, verbose=False)]
        self.booster_ = lightgbm.train(
            self._options(), data, self.n_estimators, valid_sets=held, callbacks=callbacks
        )
        self.trees_ = self.booster_.current_iteration()
        return self

    def score(self, X: Columns) -> np.ndarray:
        """Return one score per row, shape (n,)."""
        if not hasattr(self, "booster_"):
            raise InputError("LambdaMART is not fitted; call fit first")
        rows = row_count(X)
        if rows == 0:
            return np.zeros(0)
        return self.booster_.predict(self._matrix(self._take(X), rows))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {n: v for n, v in vars(self).items() if not n.endswith("_")}

    def _take(self, X: Columns) -> Arrays:
        if not self.categorical + self.numeric:
            raise InputError("LambdaMART has no column; name categorical or numeric ones")
        return take_columns(X, self.categorical + self.numeric)

    def _matrix(self, columns: Arrays, rows: int) -> np.ndarray:
        return as_matrix(columns, rows, self.vocabulary_, self.numeric)

    def _dataset(
        self,
        columns: Arrays,
        relevance: np.ndarray,
        group: np.ndarray,
        reference: lightgbm.Dataset | None = None,
    ) -> lightgbm.Dataset:
        return lightgbm.Dataset(
            self._matrix(columns, len(relevance)),
            relevance,
            group=np.unique(group, return_counts=True)[1],
            categorical_feature=list(range(len(self.categorical))),
            reference=reference,
            params={"verbose": -1, **self._options()},
        )

    def _options(self) -> dict[str, Any]:
        names = ("num_leaves", "learning_rate", "min_child_samples", "feature_fraction")
        names += ("bagging_fraction", "reg_lambda")
        return {
            **{name: getattr(self, name) for name in names},
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [self.truncation],
            "lambdarank_truncation_level": self.truncation,
            "bagging_freq": 1,
            "seed": self.random_state,
            "verbose": -1,
            "deterministic": True,
            "force_row_wise": True,
        }


def _checked(y: np.ndarray, groups: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows sorted by group, in the order in which groups first come, and relevance."""
    relevance = as_relevance(y, rows)
    require_groups(groups, rows)
    wrong = np.flatnonzero((relevance != np.round(relevance)) | (relevance > _MOST_RELEVANT))
    if wrong.size:
        raise InputError(
            f"y: row {wrong[0]} is {relevance[wrong[0]]}; give whole numbers up to {_MOST_RELEVANT}"
        )
    code = pd.factorize(np.asarray(groups))[0]
    spread = pd.Series(relevance).groupby(code).nunique()
    if not (spread > 1).any():
        raise InputError("y: no group has two different relevances; there is nothing to order")
    return np.argsort(code, kind="stable"), relevance


# LightGBM's gain of a relevance is a power of two.
_MOST_RELEVANT = 30
