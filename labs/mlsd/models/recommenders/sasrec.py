"""SASRec: the next item from the order of the ones before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from mlsd.models.corpus import Corpus
from mlsd.models.layers import StackedEmbedding, distinct
from mlsd.models.options import TrainingArguments, options_of
from mlsd.models.recommenders.attention import AttentionBlock, causal_mask
from mlsd.models.recommenders.sampled_softmax import uniform_softmax
from mlsd.models.recommenders.sequences import ABSENT, LearningSequences, Sequences, items_before
from mlsd.models.recommenders.vectors import VectorRecommender
from mlsd.models.training import Examples, seeded, train
from mlsd.models.training.losses import evaluation
from mlsd.runtime import InputError


class SASRecNetwork(nn.Module):
    """Items and places as vectors, then blocks of attention.

    Parameters
    ----------
    items : int
    model : SASRecRecommender
        Its arguments say how large the layers are; it is read and not kept.

    Examples
    --------
    >>> network = SASRecNetwork(5, SASRecRecommender(embedding_dim=4, history_length=3))
    >>> network(torch.tensor([[-1, 2, 0]])).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, items: int, model: SASRecRecommender) -> None:
        super().__init__()
        width = model.embedding_dim
        self.embedding = StackedEmbedding([items + 1], width, scale=model.embedding_scale)
        self.places = nn.Parameter(0.02 * torch.randn(model.history_length, width))
        self.drop = nn.Dropout(model.dropout)
        self.blocks = nn.ModuleList(
            AttentionBlock(width, model.heads, dropout=model.dropout) for _ in range(model.blocks)
        )
        self.norm = nn.LayerNorm(width)

    def vectors(self, items: Tensor) -> Tensor:
        """Return the vectors of items, shape (n, width); -1 is the start of a sequence."""
        return self.embedding(items[:, None] + 1)[:, 0]

    def encode(self, vectors: Tensor, past: Tensor) -> Tensor:
        """Return what is expected after each place, shape (rows, length, width).

        Parameters
        ----------
        vectors : Tensor, shape (rows, length, width)
        past : Tensor of int, shape (rows, length)
            -1 where there is no item; the one before the first item is the start. Places count
            from the newest.
        """
        there = past != ABSENT
        present = there | functional.pad(there[:, 1:], (0, 1), value=True)
        mask = causal_mask(present)
        x = self.drop(vectors * vectors.shape[2] ** 0.5 + self.places[-past.shape[1] :])
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)

    def forward(self, past: Tensor) -> Tensor:
        """Return shape (rows, length, width) for items (rows, length), newest last."""
        return self.encode(self.vectors(past.flatten()).view(*past.shape, -1), past)


@dataclass(frozen=True)
class NextItemSoftmax:
    """Loss of the next item at every place, among all items or among some drawn uniformly.

    Parameters
    ----------
    items : int
    negatives : int
        Drawn for each batch; 0 for all items.
    """

    items: int
    negatives: int = 0

    def __call__(self, network: SASRecNetwork, batch: Examples) -> Tensor:
        """Return the mean over the weighted places of windows of shape (rows, length + 1)."""
        (windows,) = batch.inputs
        past, wanted = windows[:, :-1], batch.labels > 0
        drawn = self._drawn(windows)
        codes, inverse = distinct(torch.cat([past.flatten(), windows[:, 1:][wanted], drawn]))
        vectors = network.vectors(codes)
        before, own, others = inverse.split([past.numel(), int(wanted.sum()), len(drawn)])
        expected = network.encode(vectors[before].view(*past.shape, -1), past)[wanted]
        if self.negatives:
            scores = expected @ vectors[others].T
            scores = scores.masked_fill(own[:, None] == others, -torch.inf)
            loss = uniform_softmax((expected * vectors[own]).sum(1), scores, self.items)
        else:
            target = windows[:, 1:][wanted]
            loss = functional.cross_entropy(expected @ vectors[others].T, target, reduction="none")
        weights = batch.labels[wanted]
        return (weights * loss).sum() / weights.sum()

    def _drawn(self, windows: Tensor) -> Tensor:
        if not self.negatives:
            return torch.arange(self.items, device=windows.device)
        return torch.randint(self.items, (self.negatives,), device=windows.device)


@dataclass(kw_only=True, eq=False)
class SASRecRecommender(TrainingArguments, VectorRecommender):
    """Self-attentive sequential recommendation: the next item from the last ones, in their order.

    A user's vector is what attention makes of the last items; an item's vector is its embedding;
    the score is their inner product. In training every place of a history predicts the item after
    it, and the causal mask keeps that item, and later ones, out of sight.

    Parameters
    ----------
    embedding_dim : int
    embedding_scale : float
        Standard deviation of an item's vector before training.
    history_length : int
        Items looked back on.
    blocks, heads : int
    dropout : float
    negatives : int
        Items drawn uniformly for the softmax of a batch; 0 compares with all items, which is better
        where the corpus allows it.
    batch_size, epochs, patience, and how else to train
        See `TrainingArguments`; a row is a window of `history_length` items.

    Attributes
    ----------
    network_ : nn.Module
    history_ : TrainingHistory

    Notes
    -----
    The order is that of `ts`, and of the rows where it is missing or the same; a `weight` column
    weighs the item that is predicted. Before a user's first item stands a start, whose vector is
    learned, so that a user without a history gets what users begin with. An item unseen in training
    has the mean vector of all items. The paper trains with one negative for each item; the softmax
    is what later work found to matter (Klenitskiy and Vasilev, Turning Dross Into Gold Loss: is
    BERT4Rec really better than SASRec?, RecSys 2023).

    References
    ----------
    W.-C. Kang and J. McAuley, Self-Attentive Sequential Recommendation, ICDM 2018.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": np.arange(60) // 3, "item_id": np.arange(60) % 3})
    >>> model = SASRecRecommender(embedding_dim=8, history_length=4, learning_rate=0.01)
    >>> model.fit(log).recommend([0], 1, histories=[[-1, 0]], exclude_seen=False)[0]
    array([[1]])
    """

    embedding_dim: int = 64
    embedding_scale: float = 0.02
    history_length: int = 50
    blocks: int = 2
    heads: int = 1
    dropout: float = 0.3
    negatives: int = 0
    batch_size: int = 32
    epochs: float = 40.0
    patience: int = 3

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Learn from `interactions` (`user_id`, `item_id`, `ts` and `weight` where given).

        `users` and `items` are not used. `valid` stops the training: its rows are predicted from
        all that stands before them.

        Raises
        ------
        InputError
            If a column is missing, there is no row, or an argument is out of range.
        """
        if self.history_length < 1 or self.negatives < 0:
            raise InputError("history_length is at least 1, and negatives at least 0")
        self._corpus = Corpus(interactions)
        known = pd.Index(self._corpus.item_ids)
        learned = LearningSequences(interactions, None, known)
        self._sequences = learned.sequences
        with seeded(self.random_state):
            self.network_ = SASRecNetwork(len(known), self)
        self.history_ = train(
            self.network_,
            self._windows(learned.sequences, learned.weights),
            options_of(self),
            validation=self._validation(interactions, valid, known),
            seed=self.random_state,
            loss=NextItemSoftmax(len(known), self.negatives),
        )
        self.item_ids_ = self._corpus.item_ids
        with evaluation(self.network_):
            self.item_vectors_ = self.network_.vectors(torch.arange(len(known))).numpy()
        self._unknown_vector = self.item_vectors_.mean(axis=0)
        return self

    def _validation(
        self, interactions: pd.DataFrame, valid: pd.DataFrame | None, known: pd.Index
    ) -> Examples | None:
        both = LearningSequences(interactions, valid, known)
        if not both.held.any():
            return None
        windows = self._windows(both.sequences, both.weights * both.held)
        return windows.take(torch.nonzero(windows.labels.sum(dim=1))[:, 0])

    def _windows(self, sequences: Sequences, weights: Tensor) -> Examples:
        """Cut each sequence into windows, from its end; every item is predicted once."""
        lengths = sequences.stops - sequences.starts
        counts = (lengths + self.history_length - 1) // self.history_length
        user = torch.repeat_interleave(torch.arange(len(counts)), counts)
        number = torch.arange(len(user)) - (counts.cumsum(0) - counts)[user]
        ends = sequences.stops[user] - number * self.history_length
        places = torch.arange(len(sequences.items))
        places = items_before(places, ends, sequences.starts[user], self.history_length + 1)
        there = places != ABSENT
        windows = torch.where(there, sequences.items[places], ABSENT)
        weights = torch.where(there, weights[places], 0.0)
        # As wide as the longest one and its start: places count from the newest.
        width = min(int(there.sum(dim=1).max()) + 1, windows.shape[1])
        return Examples((windows[:, -width:],), weights[:, 1 - width :])

    def _encode(self, user_ids: np.ndarray, past: Tensor) -> np.ndarray:
        if not past.shape[1]:
            past = functional.pad(past, (1, 0), value=ABSENT)
        with evaluation(self.network_):
            return self.network_(past)[:, -1].numpy()
