"""Deep interest network: what a user clicked before, weighed by the candidate at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mlsd.models.base import Columns
from mlsd.models.embedding_scorer import PerceptronScorer
from mlsd.models.layers import IdDropout, Perceptron, StackedEmbedding
from mlsd.models.scorer import Arrays
from mlsd.runtime import InputError

ABSENT = -1


class ActivationUnit(nn.Module):
    """Says how much a past item matters for a candidate: one weight for each pair.

    A perceptron on the candidate, the past item, their difference and their element-wise product.

    Parameters
    ----------
    width : int
        Length of either vector.
    hidden : sequence of int

    Examples
    --------
    >>> ActivationUnit(3, (8,))(torch.ones(5, 3), torch.zeros(5, 3)).shape
    torch.Size([5])
    """

    def __init__(self, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.body = Perceptron(4 * width, hidden)
        self.score = nn.Linear(self.body.out_width, 1)

    def forward(self, candidate: Tensor, past: Tensor) -> Tensor:
        """Return shape (pairs,) for two tensors of shape (pairs, width)."""
        x = torch.cat([candidate, past, candidate - past, candidate * past], dim=1)
        return self.score(self.body(x)).squeeze(1)


class InterestPooling(nn.Module):
    """Sum of a user's past items, each times its weight for the candidate.

    Only items that are there are touched: a pad costs nothing and enters nothing.

    Parameters
    ----------
    width : int
        Length of an item's vector.
    hidden : sequence of int
        Of the activation unit.
    normalise : bool
        Whether the weights of a history pass a softmax.

    Examples
    --------
    >>> pool = InterestPooling(2, (4,))
    >>> pool(torch.ones(3, 2), torch.ones(1, 2), torch.tensor([[False] * 2, [True, False],
    ...      [False] * 2]))[0]
    tensor([0., 0.], grad_fn=<SelectBackward0>)
    """

    def __init__(self, width: int, hidden: Sequence[int], *, normalise: bool = False) -> None:
        super().__init__()
        self.activation = ActivationUnit(width, hidden)
        self.normalise = normalise

    def forward(self, candidate: Tensor, items: Tensor, present: Tensor) -> Tensor:
        """Return shape (rows, width).

        Parameters
        ----------
        candidate : Tensor, shape (rows, width)
        items : Tensor, shape (number of true places, width)
            Row by row.
        present : Tensor of bool, shape (rows, length)
        """
        rows = present.nonzero()[:, 0]
        weight = self.activation(candidate.index_select(0, rows), items)
        if self.normalise:
            lowest = torch.finfo(weight.dtype).min
            scores = torch.full(present.shape, lowest, device=weight.device)
            weight = scores.masked_scatter(present, weight).softmax(dim=1)[present]
        return torch.zeros_like(candidate).index_add(0, rows, weight[:, None] * items)


class DINNetwork(nn.Module):
    """The layers of DIN and its forward pass.

    Built as `EmbeddingNetwork` is; ids that have a history share a table with it, the others have
    their own.

    Examples
    --------
    >>> scorer = DIN(categorical=("user", "ad"), histories=(("past_ad", "ad"),))
    >>> network = DINNetwork([10, 5], 3, scorer)
    >>> past = torch.tensor([[[4], [-1]], [[-1], [-1]]])
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3), past).shape
    torch.Size([2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: DIN) -> None:
        super().__init__()
        self.attended = scorer.attended
        self.others = [field for field in range(len(sizes)) if field not in self.attended]
        self.forget = IdDropout(scorer.id_dropout)
        dim, scale = scorer.embedding_dim, scorer.embedding_scale
        pooled = len(self.attended) * dim
        if self.others:
            self.embedding = StackedEmbedding([sizes[f] for f in self.others], dim, scale=scale)
        if self.attended:
            self.items = StackedEmbedding([sizes[f] for f in self.attended], dim, scale=scale)
            self.interest = InterestPooling(
                pooled, scorer.attention_hidden, normalise=scorer.normalise
            )
        width = len(sizes) * dim + pooled + numeric_width
        self.deep = Perceptron(width, scorer.hidden, dropout=scorer.dropout)
        self.output = nn.Linear(self.deep.out_width, 1)

    def forward(self, codes: Tensor, numbers: Tensor, past: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid.

        Parameters
        ----------
        codes : Tensor of int, shape (rows, fields)
        numbers : Tensor, shape (rows, numeric_width)
        past : Tensor of int, shape (rows, length, histories)
            Codes of the same fields; -1 throughout where there is no item.
        """
        parts = [numbers]
        if self.others:
            parts.append(self.embedding(self.forget(codes[:, self.others])).flatten(1))
        if self.attended:
            candidate = self.items(self.forget(codes[:, self.attended])).flatten(1)
            present = past[:, :, 0] != ABSENT
            items = self.items(self.forget(past[present])).flatten(1)
            parts += [candidate, self.interest(candidate, items, present)]
        return self.output(self.deep(torch.cat(parts, dim=1))).squeeze(1)


@dataclass(kw_only=True, eq=False, repr=False)
class DIN(PerceptronScorer):
    """Deep Interest Network: an embedding model that attends to what the user clicked before.

    The user's interest in a candidate a is ``sum over past items j of w(e_j, e_a) e_j``; the
    weight w comes from a small perceptron, the activation unit, and is not normalised, so that a
    long history of the same kind speaks louder than one click. Interest, candidate, other ids and
    numbers then go through a perceptron.

    Parameters
    ----------
    histories : tuple of (str, str)
        A history column, of shape (n, length), beside the column of `categorical` whose values it
        holds: ``(("clicked_ad_id", "ad_id"), ("clicked_category", "category"))``. The two share
        one vocabulary and one embedding table. All histories have one length, and speak of the
        same click at the same place. Without any, this is the perceptron on embeddings alone.
    pad : int
        Marks places without a click in integer histories; elsewhere a missing value does.
    attention_hidden : tuple of int
        Units of the activation unit's layers.
    normalise : bool
        Weights pass a softmax over the history, and sum to one.
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`; `id_dropout` forgets past ids too.

    Notes
    -----
    The paper feeds the activation unit the two vectors and their outer product; the authors' code
    takes difference and element-wise product, as here, and a scaled softmax. The paper's adaptive
    activation function (Dice) is plain ReLU here. An id unseen in training takes the embedding of
    its field's unknown id, as a candidate and in a history; without `id_dropout` that is zero, and
    such a past item adds nothing.

    References
    ----------
    G. Zhou et al., Deep Interest Network for Click-Through Rate Prediction, KDD 2018.

    Examples
    --------
    >>> ad, past = np.arange(2000) % 2, np.arange(2000)[:, None] // 2 % 2
    >>> X = {"ad": ad, "past": past}
    >>> model = DIN(categorical=("ad",), histories=(("past", "ad"),), epochs=20, batch_size=100)
    >>> model.fit(X, ad == past[:, 0]).predict_proba(X)[:4, 1].round()
    array([1., 0., 0., 1.])
    """

    network_class: ClassVar = DINNetwork
    histories: tuple[tuple[str, str], ...] = ()
    pad: int = ABSENT
    attention_hidden: tuple[int, ...] = (36,)
    normalise: bool = False

    def _columns(self) -> tuple[str, ...]:
        return (*super()._columns(), *(name for name, _ in self.histories))

    def _take(self, X: Columns) -> Arrays:
        columns = super()._take(X)
        shapes = {name: columns[name].shape for name, _ in self.histories}
        for name, shape in shapes.items():
            if len(shape) != 2:
                raise InputError(f"X: history {name!r} has shape {shape}; give (rows, length)")
        if len(set(shapes.values())) > 1:
            raise InputError(f"X: histories differ in length ({shapes}); give one length")
        return columns

    def _learn(self, columns, y, weights, valid) -> None:
        for name, field in self.histories:
            if field not in self.categorical:
                raise InputError(
                    f"history {name!r} is of {field!r}, which is not categorical; name it there"
                )
        super()._learn(columns, y, weights, valid)

    @property
    def attended(self) -> list[int]:
        """Places in `categorical` of the fields that have a history, in the histories' order."""
        return [self.categorical.index(field) for _, field in self.histories]

    def _tensors(self, columns: Arrays, rows: int) -> tuple[Tensor, ...]:
        return (*super()._tensors(columns, rows), torch.from_numpy(self._past(columns, rows)))

    def _past(self, columns: Arrays, rows: int) -> np.ndarray:
        """Return codes of past items, shape (rows, length, histories), -1 where there is none."""
        tables = [columns[name] for name, _ in self.histories]
        absent = [_is_absent(table, self.pad) for table in tables]
        length = tables[0].shape[1] if tables else 0
        past = np.full((rows, length, len(tables)), ABSENT, dtype=np.int32)
        present = ~np.logical_and.reduce(absent) if tables else np.zeros((rows, 0), dtype=bool)
        for place, (table, field) in enumerate(zip(tables, self.attended)):
            vocabulary = self.vocabulary_.vocabularies_[field]
            past[present, place] = vocabulary.encode(table[present])
        return past


def _is_absent(values: np.ndarray, pad: int) -> np.ndarray:
    return values == pad if values.dtype.kind in "biu" else pd.isna(values)
