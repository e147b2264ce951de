"""ESMM: clicks and the conversions after them, learned together over all impressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mlsd.models.base import Columns, LabelledColumns
from mlsd.models.embedding_scorer import EmbeddingNetwork, PerceptronScorer
from mlsd.models.layers import Perceptron
from mlsd.models.multi_task import MultiTaskPerceptronScorer, as_task_labels
from mlsd.models.training import Loss, Pointwise
from mlsd.runtime import InputError

CLICK, CONVERSION = 0, 1


def entire_space_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the log loss of clicks plus that of clicks that converted, mean over all rows.

    With a and b the scores of click and of conversion given click, a click that converts has
    probability ``sigmoid(a) sigmoid(b)``. The logarithm of the opposite is taken without
    cancellation, as ``log(e**-a + e**-b + e**-(a + b)) + log sigmoid(a) + log sigmoid(b)``.

    Parameters
    ----------
    scores : Tensor, shape (rows, 2)
        Before the sigmoid.
    labels : Tensor, shape (rows, 2)
        Clicked; clicked and converted.
    weights : Tensor, shape (rows,), or None

    Examples
    --------
    >>> entire_space_loss(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]]), None).exp().round()
    tensor(8.)
    """
    click, given = scores.unbind(1)
    both = functional.logsigmoid(click) + functional.logsigmoid(given)
    neither = torch.logsumexp(torch.stack([-click, -given, -click - given]), dim=0) + both
    clicked, converted = labels.unbind(1)
    loss = functional.binary_cross_entropy_with_logits(click, clicked, reduction="none")
    loss = loss - converted * both - (1 - converted) * neither
    return loss.mean() if weights is None else (weights * loss).mean()


class ESMMNetwork(EmbeddingNetwork):
    """Two towers on shared embeddings.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> network = ESMMNetwork([10, 5], 3, ESMM(embedding_dim=4))
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2, 2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: PerceptronScorer) -> None:
        super().__init__(sizes, numeric_width, scorer)
        self.towers = nn.ModuleList(
            Perceptron(self.width, scorer.hidden, dropout=scorer.dropout) for _ in range(2)
        )
        self.outputs = nn.ModuleList(nn.Linear(tower.out_width, 1) for tower in self.towers)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of click, and of conversion given click, shape (rows, 2)."""
        x = self.side_by_side(codes, numbers)
        scores = [output(tower(x)) for tower, output in zip(self.towers, self.outputs)]
        return torch.cat(scores, dim=1)


@dataclass(kw_only=True, eq=False, repr=False)
class ESMM(MultiTaskPerceptronScorer):
    """Entire Space Multi-task Model: p(click), and p(click and conversion), over all impressions.

    One tower predicts the click, the other the conversion given a click; the loss never looks at
    the second alone, but at the product of both on every impression. The towers share their
    embeddings, so that ids with hardly a click have vectors that clicks and their absence have
    trained.

    Parameters
    ----------
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`; `hidden` and `dropout` are about each tower.

    Attributes
    ----------
    tasks : tuple of str
        What the columns of ``y`` and of ``predict_proba`` are about; the second is never likelier
        than the first.
    history_ : TrainingHistory
        Validation losses are those of both tasks together.

    Notes
    -----
    A conversion that has not become known yet counts as none: labels are as of a time
    (`mlsd.data.conversion_labels`), and the estimate is of conversions known by then.

    Shared embeddings carry over what clicks and conversions have in common. Where each has causes
    of its own there is nothing to carry over, and the conversion tower has as few conversions to
    learn from as a model of the clicked impressions alone.

    Given what it reads, ESMM estimates p(conversion | click), no more: whatever moves clicks and
    conversions alike and is not among the columns still misleads it on what was never clicked.
    Wang et al. (2022) show that its estimate lies too high as a rule.

    References
    ----------
    X. Ma et al., Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click
    Conversion Rate, SIGIR 2018.

    H. Wang et al., ESCM2: Entire Space Counterfactual Multi-Task Model for Post-Click Conversion
    Rate Estimation, SIGIR 2022.

    Examples
    --------
    >>> ad = np.arange(4000) % 2
    >>> click = np.arange(4000) // 2 % 2
    >>> model = ESMM(categorical=("ad",), epochs=40, batch_size=200)
    >>> model = model.fit({"ad": ad}, np.column_stack([click, click * ad]))
    >>> model.predict_proba({"ad": [0, 1]}).round(1).tolist()
    [[0.5, 0.0], [0.5, 0.5]]
    >>> model.conversion_given_click({"ad": [0, 1]}).round(1)
    array([0., 1.])
    """

    tasks: ClassVar[tuple[str, ...]] = ("click", "click_and_conversion")
    network_class: ClassVar = ESMMNetwork
    _loss: ClassVar[Loss] = Pointwise(entire_space_loss)

    def fit(
        self,
        X: Columns,
        y: np.ndarray,
        *,
        valid: LabelledColumns | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> Self:
        """Learn from impressions `X` with outcomes `y`, forgetting any earlier fit.

        Parameters
        ----------
        X : DataFrame or mapping of arrays, n rows
            All impressions, clicked or not.
        y : array of 0 and 1, shape (n, 2)
            Clicked; clicked and converted. Nothing converts without a click.
        valid : (X, y) or (X, y, sample_weight), optional
            Decides when to stop. Nothing is fitted to it.
        sample_weight : array, shape (n,), optional
            Non-negative; 1 each where absent.
        """
        return super().fit(X, y, valid=valid, sample_weight=sample_weight)

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return p(click) and p(click and conversion) of each row, shape (n, 2)."""
        click, given = super().predict_proba(X).T
        return np.column_stack([click, click * given])

    def conversion_given_click(self, X: Columns) -> np.ndarray:
        """Return p(conversion | click) of each row, clicked or not, shape (n,)."""
        return super().predict_proba(X)[:, CONVERSION]

    def _labels(self, y: np.ndarray, rows: int) -> np.ndarray:
        return as_funnel(y, rows)


def as_funnel(y: np.ndarray, rows: int) -> np.ndarray:
    """Return clicks and conversions as float64 of shape (rows, 2).

    Raises
    ------
    InputError
        If the shape is another, a value is neither 0 nor 1, or a row converts without a click.

    Examples
    --------
    >>> as_funnel([[1, 0], [1, 1]], 2)
    array([[1., 0.],
           [1., 1.]])
    """
    array = as_task_labels(y, rows, 2)
    alone = np.flatnonzero(array[:, CONVERSION] > array[:, CLICK])
    if alone.size:
        raise InputError(f"y: row {alone[0]} converts without a click; check the join")
    return array
