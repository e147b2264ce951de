"""From named columns to a trained network: what every deep scorer does around its layers."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mlsd.features.encoders import NumericEncoder, VocabularyEncoder
from mlsd.models.options import options_of
from mlsd.models.scorer import Arrays, ColumnScorer, take_rows
from mlsd.models.training import LOG_LOSS, Examples, Loss, predict_scores, seeded, train
from mlsd.runtime import InputError


class DeepScorer(ColumnScorer):
    """Base of the deep scorers: encoders, early stopping, prediction.

    A subclass stores `categorical`, `numeric`, `min_count`, `validation_share`, `random_state` and
    the fields of `TrainingOptions`, and writes `_network(sizes, numeric_width)`, a module that is
    called with codes of shape (rows, fields) and numbers of shape (rows, numeric_width), and with
    whatever else its own `_tensors` returns; `_loss`, a `Loss`, where it is not the log loss of one
    outcome.

    Without `valid`, the last `validation_share` of the rows, which stand in time order, are held
    out for early stopping; with a share of 0 the training runs to its end.
    """

    min_count: int
    validation_share: float
    random_state: int
    _loss: ClassVar[Loss] = LOG_LOSS

    @abstractmethod
    def _network(self, sizes: list[int], numeric_width: int) -> nn.Module:
        """Return the untrained network for so many codes in each field and so many numbers."""

    def _learn(self, columns, y, weights, valid) -> None:
        if not self._columns():
            raise InputError(
                f"{type(self).__name__} has no column; name categorical or numeric ones"
            )
        options = options_of(self)
        if valid is None:
            columns, y, weights, valid = self._hold_out(columns, y, weights)
        self.vocabulary_ = VocabularyEncoder(self.categorical, min_count=self.min_count)
        self.vocabulary_.fit(columns)
        self.scale_ = NumericEncoder(self.numeric).fit(columns) if self.numeric else None
        examples = self._examples(columns, y, weights)
        validation = None if valid is None else self._examples(*valid)
        with seeded(self.random_state):
            self.network_ = self._network(
                list(self.vocabulary_.sizes_), examples.inputs[1].shape[1]
            )
        self.history_ = train(
            self.network_,
            examples,
            options,
            validation=validation,
            seed=self.random_state,
            loss=self._loss,
        )

    def _hold_out(self, columns, y, weights):
        cut = len(y) - int(len(y) * self.validation_share)
        if cut == len(y):
            return columns, y, weights, None
        parts = [
            (take_rows(columns, rows), y[rows], weights if weights is None else weights[rows])
            for rows in (slice(cut), slice(cut, None))
        ]
        return *parts[0], parts[1]

    def _examples(self, columns: Arrays, y: np.ndarray, weights: np.ndarray | None) -> Examples:
        labels = torch.from_numpy(np.asarray(y, dtype=np.float32))
        given = None if weights is None else torch.from_numpy(weights.astype(np.float32))
        return Examples(self._tensors(columns, len(y)), labels, given)

    def _tensors(self, columns: Arrays, rows: int) -> tuple[Tensor, ...]:
        codes = numbers = None
        if self.categorical:
            codes = torch.from_numpy(self.vocabulary_.transform(columns))
        if self.scale_ is not None:
            numbers = torch.from_numpy(self.scale_.transform(columns))
        empty_codes = torch.empty((rows, 0), dtype=torch.int64)
        return (
            empty_codes if codes is None else codes,
            torch.empty((rows, 0)) if numbers is None else numbers,
        )

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        scores = predict_scores(self.network_, self._tensors(columns, rows))
        return torch.sigmoid(scores.double()).numpy()
