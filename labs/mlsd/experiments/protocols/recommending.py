"""Ladders of recommenders: lists drawn from the full corpus, judged user by user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments.costs import Stopwatch, cost_of_users
from mlsd.experiments.protocols.base import LadderProtocol
from mlsd.experiments.rungs import Rung, RungInputs, Settings
from mlsd.experiments.runs import FittedRung, ReplicateRuns, RungRun
from mlsd.experiments.sources import Replicate
from mlsd.metrics.ranking import FILLER
from mlsd.models.base import Recommender
from mlsd.runtime import InputError


@dataclass(frozen=True)
class PreparedInteractions:
    """The interactions of a log by part, and what each user of a part was still to choose.

    Attributes
    ----------
    replicate : Replicate
    interactions : dict of str to DataFrame
        By part: `user_id`, `item_id`, where the log has a time `ts`, and its other columns, such as
        watch seconds or propensities.
    users : dict of str to ndarray
        Of validation and test: the users with a relevant item.
    relevant : dict of str to list of ndarray
        Of each of those users, as positions in `corpus`.
    corpus : Index
        Every item of the log.
    """

    replicate: Replicate
    interactions: dict[str, pd.DataFrame]
    users: dict[str, np.ndarray]
    relevant: dict[str, list[np.ndarray]]
    corpus: pd.Index


class RecommendingProtocol(LadderProtocol):
    """Recommenders on the interactions of a log, tuned by ndcg.

    Interactions are the rows of the log with label 1. Those of the training part are learned from;
    an item is relevant to a user of another part who chose it there. Lists are drawn from all items
    that the recommender knows, never from a sample. A run predicts ``items``, shape (users, k):
    positions in the corpus, -1 where a list is too short. Each user counts once, and users are what
    is resampled.

    Parameters
    ----------
    k : int
        Length of a list.
    exclude_seen : bool
        Whether what a user chose in training is neither recommended nor relevant.

    Examples
    --------
    >>> RecommendingProtocol(k=20).tune_by
    'ndcg@20'
    """

    lower_is_better = False
    unit = "user"

    def __init__(self, *, k: int = 20, exclude_seen: bool = True) -> None:
        self.k = k
        self.exclude_seen = exclude_seen
        self.tune_by = f"ndcg@{k}"
        self.differences = (f"recall@{k}", f"ndcg@{k}")

    def prepare(self, replicate: Replicate) -> PreparedInteractions:
        """Part the interactions, and look up what each user of a part was still to choose.

        Raises
        ------
        InputError
            If the log has no user or no item, an interaction lacks one of them, or a part has no
            user with a relevant item.
        """
        log = replicate.log
        if not (log.roles.user and log.roles.item):
            raise InputError(f"{log.name}: recommending needs a user and an item column; name both")
        corpus = pd.Index(log.frame[log.roles.item].unique())
        interactions = {part: _interactions(replicate, rows) for part, rows in log.parts().items()}
        for part, chosen in interactions.items():
            if chosen[["user_id", "item_id"]].isna().any(axis=None):
                raise InputError(
                    f"{log.name}: a row of the {part} part lacks its user or its item; "
                    "remove such rows"
                )
        seen = interactions["train"] if self.exclude_seen else interactions["train"][:0]
        users, relevant = {}, {}
        for part in ("validation", "test"):
            users[part], relevant[part] = _still_to_choose(interactions[part], seen, corpus)
            if not len(users[part]):
                raise InputError(
                    f"{log.name}: no user of the {part} part chose an item that is new to them; "
                    "nothing can be measured: give more rows"
                )
        return PreparedInteractions(replicate, interactions, users, relevant, corpus)

    def rows(self, prepared: PreparedInteractions) -> dict[str, int]:
        """Return the interactions learned from, and the relevant ones of the other parts."""
        relevant = {part: sum(map(len, found)) for part, found in prepared.relevant.items()}
        return {"train": len(prepared.interactions["train"])} | relevant

    def fit(self, rung: Rung, prepared: PreparedInteractions, settings: Settings) -> FittedRung:
        """Fit a recommender; validation interactions only stop it.

        Raises
        ------
        InputError
            For a rung with outcomes or as-of features: recommenders are given neither.
        """
        if rung.outcomes or rung.uses_counters:
            raise InputError(
                f"{rung.name}: recommenders learn from interactions alone; leave out `outcomes` "
                "and say features 'none' or 'ids'"
            )
        replicate = prepared.replicate
        model = rung.build(RungInputs(replicate.log.roles, (), replicate.seed), settings)
        tables = {name: replicate.tables.get(name) for name in ("users", "items")}
        watch = Stopwatch()
        with watch:
            model.fit(
                prepared.interactions["train"], valid=prepared.interactions["validation"], **tables
            )
        items = self._recommend(model, prepared, "validation")
        values = self._by_user(items, prepared.relevant["validation"])[self.tune_by]
        return FittedRung(
            rung, settings, model, {self.validation_column: float(values.mean())}, watch
        )

    def predict(self, fitted: FittedRung, prepared: PreparedInteractions) -> RungRun:
        """Recommend to each user of the test part."""
        costs = cost_of_users(
            fitted,
            lambda users: fitted.model.recommend(users, self.k, exclude_seen=self.exclude_seen),
            prepared.users["test"],
            len(prepared.interactions["train"]),
        )
        items = self._recommend(fitted.model, prepared, "test")
        return RungRun({"items": items}, fitted.validation, dict(fitted.settings), costs.as_row())

    def oracle(self, prepared: PreparedInteractions) -> RungRun:
        """Return the lists of the true recommender."""
        items = self._recommend(prepared.replicate.truth, prepared, "test")
        return RungRun({"items": items}, {self.validation_column: float("nan")})

    def judged(self, prepared: PreparedInteractions, runs: dict[str, RungRun]) -> ReplicateRuns:
        """Put the lists beside the relevant items of each user of the test part."""
        return ReplicateRuns(prepared.replicate.seed, prepared.relevant["test"], None, runs)

    def metrics(self, replicates: Sequence[ReplicateRuns]) -> tuple[str, ...]:
        """Return the names of all metrics: every test part allows them."""
        return tuple(f"{name}@{self.k}" for name in ("recall", "ndcg", "map", "mrr"))

    def draws(
        self, replicate: ReplicateRuns, rung: str, metric: str, **resampling: int
    ) -> tuple[float, np.ndarray]:
        """Return a metric, mean over users, and its draws over resampled users."""
        items = replicate.runs[rung].predictions["items"]
        values = self._by_user(items, replicate.outcome)[metric]
        return float(values.mean()), metrics.mean_draws(values, **resampling)

    def _recommend(
        self, model: Recommender, prepared: PreparedInteractions, part: str
    ) -> np.ndarray:
        items, scores = model.recommend(
            prepared.users[part], self.k, exclude_seen=self.exclude_seen
        )
        places = prepared.corpus.get_indexer(np.ravel(items)).reshape(items.shape)
        # What fills a list that is too short may also be the id of an item.
        return np.where(np.isneginf(scores), FILLER, places)

    def _by_user(self, items: np.ndarray, relevant: list[np.ndarray]) -> dict[str, np.ndarray]:
        values = metrics.ranking_by_user(items, relevant, self.k)
        names = {"recall": "recall", "ndcg": "ndcg", "average_precision": "map"}
        names |= {"reciprocal_rank": "mrr"}
        return {f"{names[name]}@{self.k}": values[name] for name in names}


def _interactions(replicate: Replicate, rows: np.ndarray) -> pd.DataFrame:
    log, roles = replicate.log, replicate.log.roles
    names = {roles.user: "user_id", roles.item: "item_id"} | (
        {roles.time: "ts"} if roles.time else {}
    )
    chosen = rows[log.label[rows] == 1]
    return log.frame.iloc[chosen].rename(columns=names).reset_index(drop=True)


def _still_to_choose(
    interactions: pd.DataFrame, seen: pd.DataFrame, corpus: pd.Index
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the users of a part with an item that is new to them, and those items."""
    pairs = interactions[["user_id", "item_id"]].drop_duplicates()
    known = pd.MultiIndex.from_frame(seen[["user_id", "item_id"]])
    new = pairs[~pd.MultiIndex.from_frame(pairs).isin(known)]
    groups = new.groupby("user_id", sort=True, observed=True)["item_id"]
    users = np.array([user for user, _ in groups])
    return users, [corpus.get_indexer(items) for _, items in groups]
