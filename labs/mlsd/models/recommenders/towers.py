"""The two towers of a recommender: what they read, and the layers that make vectors of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from mlsd.features.encoders import NumericEncoder, VocabularyEncoder
from mlsd.models.layers import IdDropout, Perceptron, StackedEmbedding
from mlsd.models.recommenders.sequences import ABSENT
from mlsd.runtime import InputError


class TowerColumns:
    """What a tower reads of its users or items: the id, categories, numbers.

    Parameters
    ----------
    key : str
        ``"user_id"`` or ``"item_id"``.
    use_id : bool
    categorical, numeric : tuple of str
        Columns of the table of users or items.

    Attributes
    ----------
    sizes_ : list of int
        Codes of each field, the unknown 0 included; the id comes first where it is used.
    width_ : int
        Of the numbers.

    Notes
    -----
    Ids and categories that no row of the training has are unknown; who is missing in the table has
    missing attributes.

    Examples
    --------
    >>> table = pd.DataFrame({"item_id": [5, 6, 7], "topic": ["cats", "news", "cats"]})
    >>> columns = TowerColumns("item_id", use_id=True, categorical=("topic",), numeric=())
    >>> columns.fit(np.array([5, 6]), table).transform(np.array([6, 7]), table)[0]
    tensor([[2, 2],
            [0, 1]])
    """

    def __init__(
        self, key: str, *, use_id: bool, categorical: tuple[str, ...], numeric: tuple[str, ...]
    ) -> None:
        self.key = key
        self.use_id = use_id
        self.categorical = categorical
        self.numeric = numeric

    def fit(self, ids: np.ndarray, table: pd.DataFrame | None) -> Self:
        """Learn codes and scales from the ids of the training, each once.

        Raises
        ------
        InputError
            If a column is named and the table, or the column, is missing; or an id stands in the
            table twice.
        """
        columns = self._columns(ids, table)
        names = (*((self.key,) if self.use_id else ()), *self.categorical)
        self.vocabulary_ = VocabularyEncoder(names).fit(columns)
        self.scale_ = NumericEncoder(self.numeric).fit(columns)
        self.sizes_, self.width_ = list(self.vocabulary_.sizes_), self.scale_.size_
        return self

    def transform(self, ids: np.ndarray, table: pd.DataFrame | None) -> tuple[Tensor, Tensor]:
        """Return codes of shape (n, fields) and numbers of shape (n, width_)."""
        columns = self._columns(ids, table)
        codes = np.zeros((len(ids), len(self.sizes_)), dtype=np.int64)
        numbers = np.zeros((len(ids), self.width_), dtype=np.float32)
        if codes.size:
            codes = self.vocabulary_.transform(columns)
        if numbers.size:
            numbers = self.scale_.transform(columns)
        return torch.from_numpy(codes), torch.from_numpy(numbers)

    def _columns(self, ids: np.ndarray, table: pd.DataFrame | None) -> dict[str, np.ndarray]:
        names = [*self.categorical, *self.numeric]
        if not names:
            return {self.key: ids}
        kind = self.key.removesuffix("_id")
        missing = [n for n in (self.key, *names) if table is None or n not in table]
        if missing:
            raise InputError(f"{kind}s: column {missing[0]!r} is missing; give a table with it")
        known = pd.Index(table[self.key])
        if not known.is_unique:
            raise InputError(f"{kind}s: an id stands twice in the table; give each {kind} once")
        found = table.set_index(known)[names].reindex(ids)
        return {self.key: ids} | {name: found[name].to_numpy() for name in names}


@dataclass(kw_only=True, eq=False)
class TowerOptions:
    """How large two towers are.

    Attributes
    ----------
    dim : int
        Length of the two vectors.
    history_length : int
        Last items whose mean vector the user's tower reads; 0 for none.
    embedding_dim : int
        Length of the embedding of an id or a category.
    embedding_scale : float
        Its standard deviation before training.
    hidden : tuple of int
        Units of the perceptrons' layers.
    dropout, id_dropout : float
        Share of units dropped, and of ids forgotten by a tower that reads something else too.
    normalise : bool
        Whether vectors are scaled to length 1, so that a score is a cosine.
    """

    dim: int = 32
    history_length: int = 50
    embedding_dim: int = 32
    embedding_scale: float = 0.1
    hidden: tuple[int, ...] = (64,)
    dropout: float = 0.1
    id_dropout: float = 0.1
    normalise: bool = False


class Tower(nn.Module):
    """Embeddings of the ids beside the numbers, a perceptron, a vector.

    Parameters
    ----------
    columns : TowerColumns
        Fitted.
    extra : int
        Width of what else comes in.
    options : TowerOptions

    Examples
    --------
    >>> columns = TowerColumns("user_id", use_id=True, categorical=(), numeric=())
    >>> tower = Tower(columns.fit(np.arange(3), None), 2, TowerOptions(dim=4))
    >>> tower(torch.tensor([[1], [0]]), torch.ones(2, 2)).shape
    torch.Size([2, 4])
    """

    def __init__(self, columns: TowerColumns, extra: int, options: TowerOptions) -> None:
        super().__init__()
        self.normalise = options.normalise
        # Who is nothing but an id has nothing to be told by without it.
        others = len(columns.sizes_) + columns.width_ + extra - columns.use_id
        self.forget = IdDropout(options.id_dropout if columns.use_id and others else 0.0)
        self.embedding = None
        if columns.sizes_:
            scale = options.embedding_scale
            self.embedding = StackedEmbedding(columns.sizes_, options.embedding_dim, scale=scale)
        width = len(columns.sizes_) * options.embedding_dim + columns.width_ + extra
        self.body = Perceptron(width, options.hidden, dropout=options.dropout)
        self.output = nn.Linear(self.body.out_width, options.dim)

    def forward(self, codes: Tensor, *numbers: Tensor) -> Tensor:
        """Return shape (rows, dim) for codes (rows, fields) and numbers (rows, ...)."""
        parts = list(numbers)
        if self.embedding is not None:
            codes = torch.cat([self.forget(codes[:, :1]), codes[:, 1:]], dim=1)
            parts.append(self.embedding(codes).flatten(1))
        vectors = self.output(self.body(torch.cat(parts, dim=1)))
        return functional.normalize(vectors, dim=1) if self.normalise else vectors


def mean_of_history(vectors: Tensor, past: Tensor) -> Tensor:
    """Return the mean vector of each row's past items, 0 for a row without any.

    Parameters
    ----------
    vectors : Tensor, shape (items, dim)
    past : Tensor of int, shape (rows, length)
        Rows of `vectors`, -1 where there is no item.

    Examples
    --------
    >>> mean_of_history(torch.eye(2), torch.tensor([[-1, 0, 1], [-1, -1, -1]]))
    tensor([[0.5000, 0.5000],
            [0.0000, 0.0000]])
    """
    blank = len(vectors)
    padded = functional.pad(vectors, (0, 0, 0, 1))
    places = torch.where(past == ABSENT, blank, past)
    return functional.embedding_bag(places, padded, mode="mean", padding_idx=blank)


class TwoTowerNetwork(nn.Module):
    """A tower for users, whose history comes in as the mean of item vectors, and one for items.

    Parameters
    ----------
    users, items : TowerColumns
        Fitted.
    options : TowerOptions
    """

    def __init__(self, users: TowerColumns, items: TowerColumns, options: TowerOptions) -> None:
        super().__init__()
        self.item_tower = Tower(items, 0, options)
        self.user_tower = Tower(users, options.dim if options.history_length else 0, options)

    def items(self, features: Sequence[Tensor]) -> Tensor:
        """Return shape (items, dim) for codes and numbers."""
        return self.item_tower(*features)

    def users(self, features: Sequence[Tensor], item_vectors: Tensor, past: Tensor) -> Tensor:
        """Return shape (users, dim) for codes, numbers and past items, rows of `item_vectors`."""
        if not past.shape[1]:
            return self.user_tower(*features)
        return self.user_tower(*features, mean_of_history(item_vectors, past))
