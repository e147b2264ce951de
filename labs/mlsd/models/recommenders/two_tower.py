"""Two towers: a vector of the user, a vector of the item, trained by a softmax over the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mlsd.models.corpus import Corpus
from mlsd.models.options import TrainingArguments, options_of
from mlsd.models.recommenders.in_batch_loss import LOSS_ARGUMENTS, InBatchLoss
from mlsd.models.recommenders.sampled_softmax import CORRECTIONS
from mlsd.models.recommenders.sequences import LearningSequences
from mlsd.models.recommenders.towers import TowerColumns, TowerOptions, TwoTowerNetwork
from mlsd.models.recommenders.vectors import VectorRecommender
from mlsd.models.training import Examples, seeded, train, training_device
from mlsd.models.training.losses import evaluation
from mlsd.runtime import InputError


@dataclass(kw_only=True, eq=False)
class TwoTowerRecommender(TowerOptions, TrainingArguments, VectorRecommender):
    """A tower for the user and one for the item; the score is the inner product of their vectors.

    Each tower is a perceptron on embeddings of ids and categories and on numbers; the user's also
    reads the mean of the vectors of the last items. In training the items of a batch are negatives
    of each other, beside `uniform_negatives` drawn from all items of the training.

    Parameters
    ----------
    user_id, item_id : bool
        Whether a tower knows the id. An item tower without it tells items by their columns alone,
        and so knows new ones as well as old ones.
    user_categorical, user_numeric, item_categorical, item_numeric : tuple of str
        Columns of the tables of users and items.
    dim, history_length, embedding_dim, embedding_scale, hidden, dropout, id_dropout, normalise
        See `TowerOptions`.
    temperature : float
        Scores are divided by it in training.
    correction : str
        ``"logq"``, ``"none"`` or ``"wrong_sign"``: see `in_batch_softmax`. Training only.
    uniform_negatives : int
        A batch.
    learning_rate, batch_size, epochs, and how else to train
        See `TrainingArguments`.

    Attributes
    ----------
    network_ : nn.Module
    history_ : TrainingHistory

    Notes
    -----
    A training row sees the items before it, in the order of `ts` and then of the rows. A `weight`
    column weighs the loss of a row. Q is counted: an item's share of the training rows. Where items
    come and go in a stream, Yi et al. estimate it from the gaps between an item's batches.

    Without item columns an item unseen in training has the vector of the unknown id. With them,
    `item_ids_` are all items of the table, and `add_items` brings later ones.

    References
    ----------
    X. Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations,
    RecSys 2019.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": np.arange(200) // 5, "item_id": np.arange(200) % 5 * 2})
    >>> log["item_id"] += log["user_id"] % 2
    >>> model = TwoTowerRecommender(epochs=20, batch_size=50, learning_rate=0.01, random_state=1)
    >>> model.fit(log).recommend([4, 7], 3, exclude_seen=False)[0] % 2
    array([[0, 0, 0],
           [1, 1, 1]])
    """

    user_id: bool = True
    item_id: bool = True
    user_categorical: tuple[str, ...] = ()
    user_numeric: tuple[str, ...] = ()
    item_categorical: tuple[str, ...] = ()
    item_numeric: tuple[str, ...] = ()
    temperature: float = 1.0
    correction: str = "logq"
    uniform_negatives: int = 0

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Learn from `interactions` (`user_id`, `item_id`, `ts` and `weight` where given).

        Parameters
        ----------
        users, items : DataFrame, optional
            One row a user and an item: `user_id` or `item_id`, and the columns that are named.
        valid : DataFrame, optional
            Later interactions, which stop the training.

        Raises
        ------
        InputError
            If a column is missing, there is no row, or an argument is out of range.
        """
        self._check()
        self._corpus = Corpus(interactions)
        self.item_ids_ = self._known_items(items)
        known = pd.Index(self.item_ids_)
        self._sequences = LearningSequences(interactions, None, known).sequences
        self._users_table = users
        self._read(users, items)
        both = LearningSequences(interactions, valid, known)
        with seeded(self.random_state):
            self.network_ = TwoTowerNetwork(self._user_columns, self._item_columns, self)
        self.history_ = train(
            self.network_,
            self._examples(both, torch.nonzero(~both.held)[:, 0]),
            options_of(self),
            validation=self._validation(both),
            seed=self.random_state,
            loss=self._loss(both, items),
        )
        self.item_vectors_ = self._item_vectors(self.item_ids_, items)
        unknown = torch.zeros((1, len(self._item_columns.sizes_)), dtype=torch.int64)
        with evaluation(self.network_):
            numbers = torch.zeros(1, self._item_columns.width_)
            self._unknown_vector = self.network_.items([unknown, numbers])[0].numpy()
        return self

    @property
    def takes_items(self) -> bool:
        """Whether the item tower reads columns, by which `add_items` tells new items apart."""
        return bool(self.item_categorical + self.item_numeric)

    def add_items(self, items: pd.DataFrame) -> Self:
        """Give vectors to items that were not there at `fit`; those known keep theirs.

        Parameters
        ----------
        items : DataFrame
            `item_id`, each once, and the item columns.

        Raises
        ------
        InputError
            If the item tower reads no column: it cannot tell new items from each other.
        """
        self._fitted()
        if not self.takes_items:
            raise InputError("the item tower reads ids alone; name item columns to add new items")
        new = items[~items["item_id"].isin(self.item_ids_)]
        ids = np.concatenate([self.item_ids_, new["item_id"].to_numpy()])
        vectors = self._item_vectors(new["item_id"].to_numpy(), new)
        order = np.argsort(ids, kind="stable")
        places = np.argsort(order, kind="stable")
        self._sequences.items = torch.from_numpy(places)[self._sequences.items]
        self.item_vectors_ = np.concatenate([self.item_vectors_, vectors])[order]
        self.item_ids_ = ids[order]
        return self

    def _check(self) -> None:
        if self.correction not in CORRECTIONS:
            raise InputError(
                f"correction is {self.correction!r}; choose from {sorted(CORRECTIONS)}"
            )
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature!r}; give a number above 0")
        if not (self.item_id or self.item_categorical or self.item_numeric):
            raise InputError("the item tower reads nothing; let it know the id, or name columns")

    def _known_items(self, items: pd.DataFrame | None) -> np.ndarray:
        if items is None or not self.takes_items:
            return self._corpus.item_ids
        return np.union1d(self._corpus.item_ids, items["item_id"].to_numpy())

    def _read(self, users: pd.DataFrame | None, items: pd.DataFrame | None) -> None:
        self._user_columns, self._item_columns = (
            TowerColumns(
                f"{side}_id",
                use_id=getattr(self, f"{side}_id"),
                categorical=getattr(self, f"{side}_categorical"),
                numeric=getattr(self, f"{side}_numeric"),
            ).fit(ids, table)
            for side, ids, table in (
                ("user", self._corpus.user_ids, users),
                ("item", self._corpus.item_ids, items),
            )
        )

    def _examples(self, both: LearningSequences, places: Tensor) -> Examples:
        starts = both.sequences.start_of_place[places]
        users = torch.from_numpy(both.sequences.users)[places]
        weights = both.weights[places]
        inputs = (users, both.sequences.items[places], places, starts)
        return Examples(inputs, None, None if (weights == 1).all() else weights)

    def _validation(self, both: LearningSequences) -> Examples | None:
        """Return the held-out rows in an order of chance, as batches of the training have it."""
        places = np.random.default_rng(self.random_state).permutation(np.flatnonzero(both.held))
        return self._examples(both, torch.from_numpy(places)) if len(places) else None

    def _loss(self, both: LearningSequences, items: pd.DataFrame | None) -> InBatchLoss:
        trained = both.sequences.items[~both.held]
        counts = torch.bincount(trained, minlength=len(self.item_ids_))
        return InBatchLoss(
            users=self._user_columns.transform(both.user_ids, self._users_table),
            items=self._item_columns.transform(self.item_ids_, items),
            sequence=both.sequences.items,
            shares=counts / len(trained),
            **{name: getattr(self, name) for name in LOSS_ARGUMENTS},
        ).to(training_device())

    def _item_vectors(self, ids: np.ndarray, items: pd.DataFrame | None) -> np.ndarray:
        features = self._item_columns.transform(ids, items)
        with evaluation(self.network_):
            return self.network_.items(features).numpy()

    def _encode(self, user_ids: np.ndarray, past: Tensor) -> np.ndarray:
        features = self._user_columns.transform(user_ids, self._users_table)
        with evaluation(self.network_):
            vectors = torch.from_numpy(self.item_vectors_)
            return self.network_.users(features, vectors, past).numpy()
