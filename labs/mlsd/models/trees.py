"""Boosted trees: LightGBM behind the scorer's contract."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from mlsd.features.encoders import VocabularyEncoder
from mlsd.models.base import Columns
from mlsd.models.scorer import Arrays, ColumnScorer, row_count
from mlsd.runtime import InputError

# Beyond this, LightGBM fills its histograms column by column: the same trees in less time.
_MANY_COLUMNS = 500
# Beyond so many rows a tree takes a third of a second, and a split may list so many ids.
_MANY_ROWS = 2_000_000
_IDS_OF_MANY_ROWS = 32


class LightGBMScorer(ColumnScorer):
    """Gradient boosted trees with native categorical splits and early stopping.

    Ids are coded by a vocabulary and split as categories, with smoothing and minimum group sizes
    that keep rare ids from being memorised. A numeric NaN goes to the side of the split that suits
    it best. Results do not depend on the number of threads, which follows ``OMP_NUM_THREADS``.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read.
    num_leaves, learning_rate, min_child_samples, feature_fraction, bagging_fraction
        As in LightGBM.
    reg_lambda : float
        L2 penalty on leaf values.
    n_estimators : int
        Trees at most, and exactly, where there are no `valid` rows to stop early on.
    patience : int
        Stop after so many trees without a lower log loss on `valid`.
    min_count : int
        Ids with fewer training rows share the code of unknown ids.
    cat_smooth, cat_l2, max_cat_threshold, min_data_per_group
        LightGBM's guards for categorical splits. With more than two million rows a split may list
        32 ids at least: with 8, a column of 20,000 ids takes several times as many trees to the
        same loss, and each takes a third of a second.
    random_state : int

    Attributes
    ----------
    booster_ : lightgbm.Booster
    trees_ : int
        Used in prediction.

    Notes
    -----
    An id unseen in training is code 0, which LightGBM sends the way of all unlisted categories.

    Examples
    --------
    >>> X = {"ad_id": np.repeat([1, 2], 500), "hour": np.tile(np.arange(10), 100)}
    >>> model = LightGBMScorer(categorical=("ad_id",), numeric=("hour",), n_estimators=50)
    >>> p = model.fit(X, np.repeat([1, 0], 500)).predict_proba(X)[:, 1]
    >>> bool(p[0] > 0.9), bool(p[-1] < 0.1)
    (True, True)
    """

    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        num_leaves: int = 31,
        learning_rate: float = 0.05,
        n_estimators: int = 500,
        patience: int = 50,
        min_child_samples: int = 100,
        feature_fraction: float = 0.8,
        bagging_fraction: float = 0.8,
        reg_lambda: float = 1.0,
        min_count: int = 1,
        cat_smooth: float = 20.0,
        cat_l2: float = 50.0,
        max_cat_threshold: int = 8,
        min_data_per_group: int = 200,
        random_state: int = 0,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.patience = patience
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.reg_lambda = reg_lambda
        self.min_count = min_count
        self.cat_smooth = cat_smooth
        self.cat_l2 = cat_l2
        self.max_cat_threshold = max_cat_threshold
        self.min_data_per_group = min_data_per_group
        self.random_state = random_state

    def leaf_indices(self, X: Columns) -> np.ndarray:
        """Return the leaf that each row reaches in each tree, shape (n, trees_), int32.

        Raises
        ------
        InputError
            As `predict_proba`.
        """
        if not hasattr(self, "booster_"):
            raise InputError("LightGBMScorer is not fitted; call fit first")
        rows, columns = row_count(X), self._take(X)
        if rows == 0:
            return np.empty((0, self.trees_), dtype=np.int32)
        matrix = self._matrix(columns, rows)
        leaves = self.booster_.predict(matrix, pred_leaf=True)
        return leaves.reshape(rows, -1).astype(np.int32)

    def _learn(self, columns, y, weights, valid) -> None:
        if not self._columns():
            raise InputError("LightGBMScorer has no column; name categorical or numeric ones")
        self.vocabulary_ = VocabularyEncoder(self.categorical, min_count=self.min_count)
        self.vocabulary_.fit(columns)
        options = self._options(len(y))
        names = [f"field_{i}" for i in range(len(self.categorical))]
        data = lightgbm.Dataset(
            self._matrix(columns, len(y)),
            y,
            weight=weights,
            feature_name=names + [f"number_{i}" for i in range(len(self.numeric))],
            categorical_feature=names,
            params={"verbose": -1, **options},
        )
        held, callbacks = [], []
        if valid is not None:
            held = [data.create_valid(self._matrix(valid[0], len(valid[1])), *valid[1:])]
            callbacks = [lightgbm.early_stopping(self.patience, verbose=False)]
        self.booster_ = lightgbm.train(
            options, data, self.n_estimators, valid_sets=held, callbacks=callbacks
        )
        # A booster that stopped early comes back without the trees after its best one.
        self.trees_ = self.booster_.current_iteration()

    def _options(self, rows: int) -> dict[str, Any]:
        shared = {
            name: value
            for name, value in self.get_params().items()
            if name not in ("categorical", "numeric", "n_estimators", "patience", "min_count")
        }
        seed = shared.pop("random_state")
        if rows > _MANY_ROWS:
            shared["max_cat_threshold"] = max(self.max_cat_threshold, _IDS_OF_MANY_ROWS)
        fixed = {"objective": "binary", "bagging_freq": 1, "verbose": -1, "seed": seed}
        wide = len(self.categorical) + len(self.numeric) > _MANY_COLUMNS
        histograms = "force_col_wise" if wide else "force_row_wise"
        return {**shared, **fixed, "deterministic": True, histograms: True}

    def _matrix(self, columns: Arrays, rows: int) -> np.ndarray:
        return as_matrix(columns, rows, self.vocabulary_, self.numeric)

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        return self.booster_.predict(self._matrix(columns, rows))


def as_matrix(
    columns: Arrays, rows: int, vocabulary: VocabularyEncoder, numeric: tuple[str, ...]
) -> np.ndarray:
    """Return codes of a vocabulary's fields beside numbers, float32, as trees read them.

    Examples
    --------
    >>> vocabulary = VocabularyEncoder(("ad_id",)).fit({"ad_id": np.array([7, 9])})
    >>> as_matrix({"ad_id": [9, 8], "age": [3.0, 4.0]}, 2, vocabulary, ("age",)).tolist()
    [[2.0, 3.0], [0.0, 4.0]]
    """
    fields = len(vocabulary.names)
    matrix = np.empty((rows, fields + len(numeric)), dtype=np.float32)
    if fields:
        matrix[:, :fields] = vocabulary.transform(columns)
    for i, name in enumerate(numeric, start=fields):
        matrix[:, i] = columns[name]
    return matrix
