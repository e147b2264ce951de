"""Several recommenders as one: their scores on one scale, with weights chosen on validation."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse

from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.base import FoldingRecommender, MatrixRecommender, check_range
from mlsd.models.recommenders.ease import DenoisingEASERecommender
from mlsd.models.recommenders.graph_filter import GraphFilterRecommender
from mlsd.models.recommenders.ials import ImplicitALSRecommender
from mlsd.models.recommenders.lists import USERS_AT_ONCE, blocks
from mlsd.runtime import InputError

# A blended score is at most the largest of its parts, so the best few by that hold the best k.
CANDIDATES = 300
SHARES = np.linspace(0, 1, 21)
ROUNDS = 3


class BlendRecommender(FoldingRecommender):
    """Adds up the scores of named recommenders, each scaled to mean 0 and deviation 1 per user.

    Where `fit` is given validation interactions, the weights are those with the best NDCG at `k` on
    them, found by coordinate ascent: from the best member alone, each member in turn is given the
    share of the blend, in steps of 0.05, that is best. Members learn from the training alone.

    Parameters
    ----------
    members : mapping of str to MatrixRecommender, optional
        Not fitted; they are copied. Where absent: ``denoising_ease``, ``graph_filter``, ``ials``.
    weights : mapping of str to float, optional
        One for each member, fixed; where absent they are chosen, and all equal without validation
        or where none of its users is both known and has an item that is new to them.
    k : int
        Length of the lists that validation judges.

    Attributes
    ----------
    members_ : dict of str to MatrixRecommender
    weights_ : dict of str to float
        They add up to 1.

    Notes
    -----
    A history is scored by the members that fold it in, and by none where none does.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> BlendRecommender().fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(
        self,
        *,
        members: Mapping[str, MatrixRecommender] | None = None,
        weights: Mapping[str, float] | None = None,
        k: int = 20,
    ) -> None:
        self.members = members
        self.weights = weights
        self.k = k

    @property
    def folds_in(self) -> bool:
        """Whether any member scores a history that was not in the training."""
        return any(member.folds_in for member in self.members_.values())

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Fit each member on `interactions`, and choose the weights on `valid`.

        Raises
        ------
        InputError
            If a column is missing, there is no row, or `weights` names others than the members.
        """
        check_range("k", self.k, 1)
        members = self._default_members() if self.members is None else dict(self.members)
        if not members or (self.weights is not None and set(self.weights) != set(members)):
            raise InputError(f"weights: give one for each of the members, {', '.join(members)}")
        self.members_ = {name: copy.deepcopy(member) for name, member in members.items()}
        for member in self.members_.values():
            member.fit(interactions, users=users, items=items, valid=valid)
        return super().fit(interactions, users=users, items=items, valid=valid)

    @staticmethod
    def _default_members() -> dict[str, MatrixRecommender]:
        return {
            "denoising_ease": DenoisingEASERecommender(),
            "graph_filter": GraphFilterRecommender(),
            "ials": ImplicitALSRecommender(),
        }

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        if self.weights is not None:
            weights = np.array([self.weights[name] for name in self.members_], dtype=np.float64)
        else:
            judged = None if valid is None else _still_to_choose(self._corpus, valid)
            found = judged is not None and judged[0].size > 0
            weights = self._chosen(*judged) if found else np.ones(len(self.members_))
        if not (weights >= 0).all() or not weights.sum() > 0:
            raise InputError("weights: give numbers of at least 0, and one above it")
        self.weights_ = dict(zip(self.members_, (weights / weights.sum()).tolist()))

    def _chosen(
        self, rows: np.ndarray, relevant: sparse.csr_array, counts: np.ndarray
    ) -> np.ndarray:
        """Return the best weights for known users, given what they were still to choose."""
        scores, hits = [], []
        for part in blocks(len(rows), USERS_AT_ONCE):
            tables = np.stack([_scaled(m._of_users(rows[part])) for m in self.members_.values()])
            tables[:, *self._corpus.matrix[rows[part]].nonzero()] = -np.inf
            count = min(CANDIDATES, tables.shape[2])
            best = np.argpartition(-tables.max(axis=0), count - 1, axis=1)[:, :count]
            scores.append(np.take_along_axis(tables, best[None], axis=2))
            hits.append(np.take_along_axis(relevant[part].toarray() > 0, best, axis=1))
        tables, hits = np.concatenate(scores, axis=1), np.concatenate(hits)
        return best_weights(tables, hits, counts, k=self.k)

    def _blended(self, tables: Mapping[str, np.ndarray]) -> np.ndarray:
        return sum(np.float32(self.weights_[name]) * _scaled(t) for name, t in tables.items())

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        return self._blended({name: m._of_users(rows) for name, m in self.members_.items()})

    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        able = {name: m for name, m in self.members_.items() if m.folds_in}
        return self._blended({name: m._of_profiles(profiles) for name, m in able.items()})

    def _of_strangers(self, users: np.ndarray) -> np.ndarray:
        return self._blended({name: m._of_strangers(users) for name, m in self.members_.items()})


def best_weights(
    scores: np.ndarray, relevant: np.ndarray, counts: np.ndarray, *, k: int
) -> np.ndarray:
    """Return the weights of the blend with the best NDCG at `k`, shape (members,), sum 1.

    Parameters
    ----------
    scores : ndarray, shape (members, users, candidates)
    relevant : ndarray of bool, shape (users, candidates)
    counts : ndarray of int, shape (users,)
        Relevant items of each user, candidates or not; at least 1.
    k : int

    Examples
    --------
    >>> scores = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> best_weights(scores, np.array([[False, True]]), np.array([1]), k=1)
    array([0., 1.])
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(gains)[np.minimum(counts, k) - 1]

    def value(weights: np.ndarray) -> float:
        blend = np.einsum("m,muc->uc", weights.astype(scores.dtype), scores)
        return float(np.mean(_hits(blend, relevant, k) @ gains / ideal))

    weights = max(np.eye(len(scores)), key=value)
    best = value(weights)
    for _ in range(ROUNDS):
        before = best
        for alone in np.eye(len(scores)):
            rest = np.where(alone > 0, 0.0, weights)
            if not rest.any():
                continue
            trials = [s * alone + (1 - s) * rest / rest.sum() for s in SHARES]
            values = [value(trial) for trial in trials]
            if max(values) > best:
                best, weights = max(values), trials[int(np.argmax(values))]
        if best == before:
            break
    return weights


def _hits(table: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Return whether the item at each of the first k ranks is relevant, shape (users, k)."""
    count = min(k, table.shape[1])
    top = np.argpartition(-table, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(table, top, axis=1), axis=1)
    hits = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
    return np.pad(hits, ((0, 0), (0, k - count)))


def _scaled(table: np.ndarray) -> np.ndarray:
    """Return scores with mean 0 and deviation 1 in each row; a row of equal ones becomes 0."""
    centred = table - table.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return centred / np.where(deviation > 0, deviation, 1)


def _still_to_choose(
    corpus: Corpus, valid: pd.DataFrame
) -> tuple[np.ndarray, sparse.csr_array, np.ndarray]:
    """Return known users with a new item in `valid`, those items, and how many there are."""
    pairs = valid[["user_id", "item_id"]].drop_duplicates()
    row, column = corpus.rows(pairs["user_id"]), corpus.positions(pairs["item_id"])
    users, items = corpus.matrix.shape
    known = (row >= 0) & (column >= 0)
    chosen = sparse.coo_array((np.ones(known.sum()), (row[known], column[known])), (users, items))
    fresh = (chosen.tocsr() - chosen.tocsr() * (corpus.matrix > 0)).tocsr()
    fresh.eliminate_zeros()
    never_trained = np.bincount(row[(row >= 0) & (column < 0)], minlength=users)
    counts = np.diff(fresh.indptr) + never_trained
    rows = np.flatnonzero(counts)
    return rows, fresh[rows], counts[rows]
