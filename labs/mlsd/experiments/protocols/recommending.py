"""Ladders of recommenders: lists drawn from the full corpus, judged user by user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.data.log import LabelledLog
from mlsd.experiments.costs import Stopwatch, cost_of_users
from mlsd.experiments.interactions import PreparedInteractions, prepare_interactions
from mlsd.experiments.protocols.base import LadderProtocol
from mlsd.experiments.rungs import Rung, RungInputs, Settings
from mlsd.experiments.runs import FittedRung, ReplicateRuns, RungRun
from mlsd.experiments.sources import Replicate
from mlsd.metrics.ranking import FILLER
from mlsd.models.base import Recommender
from mlsd.runtime import InputError

MEANS = ("recall", "ndcg", "map", "mrr", "novelty")
BLOCK_USERS = 2048


class RecommendingProtocol(LadderProtocol):
    """Recommenders on the interactions of a log, tuned by ndcg.

    Interactions are the rows of the log with label 1, or all where it has no label. Those of the
    training part are learned from; an item is relevant to a user of another part who chose it
    there. Lists are drawn from all items that the recommender knows, never from a sample. A run
    predicts ``items``, shape (users, k): positions in the corpus, -1 where a list is too short.
    Each user counts once, and users are what is resampled.

    Recall divides by all relevant items of a user, ndcg by its value for ``min(relevant, k)``
    leading hits, as LightGCN, UltraGCN and SimpleX report them. Beside them stand coverage of the
    corpus, which has no interval (a resample of users covers less), novelty in bits, and slices by
    the age of users and items, see `ListTruth`.

    Rungs with features ``"histories"`` are given what each user chose before the moment: in
    training, and for the test part in validation where that is excluded.

    Parameters
    ----------
    k : int
        Length of a list; a log that says how it is judged (`LabelledLog.lists`) overrules it.
    exclude_seen : bool
        Whether what a user chose in training is neither recommended nor relevant.
    exclude_validation : bool
        Whether the same holds, for the test part, of what they chose in validation.

    Examples
    --------
    >>> RecommendingProtocol(k=20).tune_by
    'ndcg@20'
    """

    lower_is_better = False
    unit = "user"

    def __init__(
        self, *, k: int = 20, exclude_seen: bool = True, exclude_validation: bool = False
    ) -> None:
        self.k = k
        self.exclude_seen = exclude_seen
        self.exclude_validation = exclude_validation
        self.tune_by = f"ndcg@{k}"
        self.differences = (f"recall@{k}", f"ndcg@{k}")
        self.without_interval = (f"coverage@{k}",)

    def for_log(self, log: LabelledLog) -> RecommendingProtocol:
        """Return the protocol with the length of lists, and what they exclude, of a log."""
        if log.lists is None:
            return self
        return RecommendingProtocol(
            k=log.lists.k,
            exclude_seen=self.exclude_seen,
            exclude_validation=log.lists.exclude_validation,
        )

    def prepare(self, replicate: Replicate) -> PreparedInteractions:
        """Part the interactions, and look up what each user of a part was still to choose.

        Raises
        ------
        InputError
            If the log has no user or no item, an interaction lacks one of them, or a part has no
            user with a relevant item.
        """
        return prepare_interactions(
            replicate,
            exclude_seen=self.exclude_seen,
            exclude_validation=self.exclude_validation,
        )

    def rows(self, prepared: PreparedInteractions) -> dict[str, int]:
        """Return the interactions learned from, and the relevant ones of the other parts."""
        relevant = {part: sum(map(len, found)) for part, found in prepared.relevant.items()}
        return {"train": len(prepared.interactions["train"])} | relevant

    def reason_to_skip(self, rung: Rung, replicate: Replicate) -> str | None:
        """Return why a rung cannot be fitted; one that reads histories needs a time."""
        if rung.uses_histories and replicate.log.roles.time is None:
            return "the log lacks a time, without which there are no histories"
        return super().reason_to_skip(rung, replicate)

    def fit(self, rung: Rung, prepared: PreparedInteractions, settings: Settings) -> FittedRung:
        """Fit a recommender; validation interactions only stop it.

        Raises
        ------
        InputError
            For a rung with outcomes or as-of counters: recommenders are given neither.
        """
        if rung.outcomes or rung.features == "counters":
            raise InputError(
                f"{rung.name}: recommenders learn from interactions alone; leave out `outcomes` "
                "and say features 'none', 'ids' or 'histories'"
            )
        replicate = prepared.replicate
        inputs = RungInputs(
            replicate.log.roles, (), replicate.seed, item_columns=_item_columns(replicate)
        )
        model = rung.build(inputs, settings)
        tables = {name: replicate.tables.get(name) for name in ("users", "items")}
        watch = Stopwatch()
        with watch:
            model.fit(
                prepared.interactions["train"], valid=prepared.interactions["validation"], **tables
            )
        items = self._recommend(model, prepared, "validation", histories=rung.uses_histories)
        ndcg = metrics.ranking_by_user(items, prepared.relevant["validation"], self.k)["ndcg"]
        return FittedRung(
            rung, settings, model, {self.validation_column: float(ndcg.mean())}, watch
        )

    def predict(self, fitted: FittedRung, prepared: PreparedInteractions) -> RungRun:
        """Recommend to each user of the test part."""
        reads = fitted.rung.uses_histories
        past = prepared.histories("test") if reads else None

        def recommend(users: np.ndarray) -> object:
            given = {} if past is None else {"histories": past[: len(users)]}
            return fitted.model.recommend(users, self.k, exclude_seen=self.exclude_seen, **given)

        train_rows = len(prepared.interactions["train"])
        costs = cost_of_users(fitted, recommend, prepared.users["test"], train_rows)
        items = self._recommend(fitted.model, prepared, "test", histories=reads)
        return RungRun({"items": items}, fitted.validation, dict(fitted.settings), costs.as_row())

    def oracle(self, prepared: PreparedInteractions) -> RungRun:
        """Return the lists of the true recommender."""
        items = self._recommend(prepared.replicate.truth, prepared, "test")
        return RungRun({"items": items}, {self.validation_column: float("nan")})

    def judged(self, prepared: PreparedInteractions, runs: dict[str, RungRun]) -> ReplicateRuns:
        """Put the lists beside the relevant items of each user of the test part."""
        return ReplicateRuns(prepared.replicate.seed, prepared.truth("test"), None, runs)

    def metrics(self, replicates: Sequence[ReplicateRuns]) -> tuple[str, ...]:
        """Return the names of all metrics; of the slices those that every test part has."""
        present = [set(replicate.outcome.slices) for replicate in replicates]
        slices = replicates[0].outcome.slices if replicates else ()
        common = [name for name in slices if all(name in each for each in present)]
        names = [*MEANS, "coverage", *common]
        return tuple(self._named(name) for name in names)

    def draws(
        self, replicate: ReplicateRuns, rung: str, metric: str, **resampling: int
    ) -> tuple[float, np.ndarray]:
        """Return a metric, mean over users, and its draws over resampled users.

        The draws of coverage, which is not a mean over users, are NaN.
        """
        items, truth = replicate.runs[rung].predictions["items"], replicate.outcome
        if metric in self.without_interval:
            coverage = metrics.catalogue_coverage(items, len(truth.chosen_by), self.k)
            return coverage, np.full(resampling.get("repetitions", 200), np.nan)
        named = {self._named(name): values for name, values in truth.by_user(items, self.k).items()}
        values = named[metric]
        if np.isnan(values).all():
            return float("nan"), np.full(resampling.get("repetitions", 200), np.nan)
        return float(np.nanmean(values)), metrics.mean_draws(values, **resampling)

    def _named(self, name: str) -> str:
        """Return a metric's name in ledgers: its first word has the rank behind it."""
        first, *others = name.split()
        return "_".join([f"{first}@{self.k}", *others])

    def _recommend(
        self,
        model: Recommender,
        prepared: PreparedInteractions,
        part: str,
        *,
        histories: bool = False,
    ) -> np.ndarray:
        """Return lists for the users of a part, in blocks, so that memory is bounded."""
        users, past = prepared.users[part], prepared.histories(part) if histories else None
        gone = prepared.also_known(part) if self.exclude_seen else [()] * len(users)
        lists = []
        for start in range(0, len(users), BLOCK_USERS):
            block = slice(start, start + BLOCK_USERS)
            more = max(map(len, gone[block]))
            items, scores = model.recommend(
                users[block],
                self.k + more,
                exclude_seen=self.exclude_seen,
                **({} if past is None else {"histories": past[block]}),
            )
            places = _places(prepared, items, scores)
            lists.append(_without(places, gone[block])[:, : self.k])
        return np.concatenate(lists)


def _item_columns(replicate: Replicate) -> dict[str, tuple[str, ...]]:
    """Return the columns of the table of items by kind: floats are numbers, all else categories."""
    items = replicate.tables.get("items", pd.DataFrame()).drop(columns="item_id", errors="ignore")
    numeric = tuple(items.select_dtypes("floating"))
    return {
        "item_categorical": tuple(name for name in items if name not in numeric),
        "item_numeric": numeric,
    }


def _places(prepared: PreparedInteractions, items: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return recommended items as positions in the corpus, -1 where a list is too short."""
    places = prepared.corpus.get_indexer(np.ravel(items)).reshape(items.shape)
    # What fills a list that is too short may also be the id of an item.
    short = np.isneginf(scores)
    unknown = (places < 0) & ~short
    if unknown.any():
        name, item = prepared.replicate.log.name, items[unknown].tolist()[0]
        raise InputError(
            f"{name}: item {item!r} is recommended, which is neither in the log nor in its table "
            "of items"
        )
    return np.where(short, FILLER, places)


def _without(lists: np.ndarray, gone: Sequence[Sequence[int]]) -> np.ndarray:
    """Return lists without the items that are gone, closed up, fillers at the end."""
    sizes = [len(each) for each in gone]
    if not any(sizes):
        return lists
    size = 1 + max(int(lists.max()), max(max(each, default=0) for each in gone))
    pairs = np.repeat(np.arange(len(lists)), sizes) * size + np.concatenate(gone)
    own = np.arange(len(lists))[:, None] * size + lists
    lists = np.where((lists != FILLER) & np.isin(own, pairs), FILLER, lists)
    order = np.argsort(lists == FILLER, axis=1, kind="stable")
    return np.take_along_axis(lists, order, axis=1)
