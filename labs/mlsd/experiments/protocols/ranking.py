"""Ladders of rankers: the rows of each group in order, judged group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments.costs import Stopwatch, cost_of_rows
from mlsd.experiments.prepared import PreparedLog, prepare_log, rung_inputs, select_columns
from mlsd.experiments.protocols.base import LadderProtocol
from mlsd.experiments.rungs import Rung, Settings
from mlsd.experiments.runs import FittedRung, ReplicateRuns, RungRun
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError


@dataclass(frozen=True)
class GroupedLabels:
    """The rows of a part by group.

    Attributes
    ----------
    group : ndarray of int, shape (rows,)
        Codes from 0 on.
    label : ndarray of 0/1, shape (rows,)
    """

    group: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        """Return the number of groups."""
        return int(self.group.max(initial=-1)) + 1

    def by_group(self, score: np.ndarray, k: int) -> dict[str, np.ndarray]:
        """Return ndcg and average precision at `k` of each group; NaN where it has no 1.

        Rows with equal scores stand in an order that is random but the same for every score, since
        a log may hold them in an order that gives the label away.
        """
        ties = np.random.default_rng(0).permutation(len(score))
        order = np.lexsort((ties, -score, self.group))
        sizes = np.bincount(self.group)
        rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        lists = np.full((len(sizes), k), -1)
        top = rank < k
        lists[self.group[order][top], rank[top]] = order[top]
        relevant: list[list[int]] = [[] for _ in sizes]
        for row in np.flatnonzero(self.label):
            relevant[self.group[row]].append(row)
        values = metrics.ranking_by_user(lists, relevant, k)
        return {f"ndcg@{k}": values["ndcg"], f"map@{k}": values["average_precision"]}


class RankingProtocol(LadderProtocol):
    """Rankers on a labelled log whose rows come in groups, tuned by ndcg.

    A model keeps the contract of `mlsd.models.base.Ranker`. A run predicts
    ``score``, shape (test rows,). Groups without a 1 have no metric. What is resampled is the
    user with all their groups where the log has users, else the group.

    Parameters
    ----------
    group : str
        Column that tells the groups apart, such as the request of a candidate.
    k : int
        Rank down to which a list is judged.

    Examples
    --------
    >>> RankingProtocol(group="request_id", k=10).metrics([])
    ('ndcg@10', 'map@10')
    """

    lower_is_better = False
    unit = "group"

    def __init__(self, *, group: str, k: int = 10) -> None:
        self.group = group
        self.k = k
        self.tune_by = f"ndcg@{k}"
        self.differences = (f"ndcg@{k}", f"map@{k}")

    def prepare(self, replicate: Replicate) -> PreparedLog:
        """Prepare the replicate's log, and check its groups.

        Raises
        ------
        InputError
            If the log has no such column, a row has no group, a group has rows in two parts, or a
            part has no 1.
        """
        log = replicate.log
        if self.group not in log.frame:
            raise InputError(f"{log.name}: the column {self.group!r} of the groups is missing")
        parts = np.full(len(log.frame), -1)
        for number, rows in enumerate(log.parts().values()):
            parts[rows] = number
        used = log.frame[self.group][parts >= 0]
        split = pd.Series(parts[parts >= 0]).groupby(used.to_numpy()).nunique() > 1
        if split.any():
            raise InputError(
                f"{log.name}: group {split.idxmax()} of column {self.group!r} has rows in two "
                "parts of the split; keep the rows of a group together"
            )
        if log.frame[self.group].iloc[np.flatnonzero(parts >= 0)].isna().any():
            raise InputError(
                f"{log.name}: a row has no group in column {self.group!r}; remove such rows"
            )
        for part, rows in log.parts().items():
            if not log.label[rows].any():
                raise InputError(
                    f"{log.name}: no row of the {part} part has label 1; "
                    "nothing can be measured: give more rows"
                )
        return prepare_log(replicate)

    def fit(self, rung: Rung, prepared: PreparedLog, settings: Settings) -> FittedRung:
        """Fit a ranker on the groups of the training part."""
        model = rung.build(rung_inputs(rung, prepared), settings)
        train, groups = select_columns(rung, prepared, "train"), self._labels(prepared, "train")
        watch = Stopwatch()
        with watch:
            model.fit(train, prepared.outcomes(rung, "train"), groups.group)
        score = np.asarray(model.score(select_columns(rung, prepared, "validation")))
        value = self._values(self._labels(prepared, "validation"), score, self.tune_by)
        return FittedRung(
            rung, settings, model, {self.validation_column: float(np.nanmean(value))}, watch
        )

    def predict(self, fitted: FittedRung, prepared: PreparedLog) -> RungRun:
        """Score each test row."""
        test = select_columns(fitted.rung, prepared, "test")
        train_rows = len(prepared.replicate.log.split.train)
        costs = cost_of_rows(fitted, fitted.model.score, test, train_rows)
        score = np.asarray(fitted.model.score(test), dtype=np.float64)
        return RungRun({"score": score}, fitted.validation, dict(fitted.settings), costs.as_row())

    def oracle(self, prepared: PreparedLog) -> RungRun:
        """Return the true value of each test row."""
        truth = prepared.replicate.truth[prepared.positions("test")]
        return RungRun({"score": truth}, {self.validation_column: float("nan")})

    def judged(self, prepared: PreparedLog, runs: dict[str, RungRun]) -> ReplicateRuns:
        """Put the runs beside the labels of each group of the test part."""
        log, labels = prepared.replicate.log, self._labels(prepared, "test")
        first = np.unique(labels.group, return_index=True)[1]
        users = None if log.users is None else log.users[log.split.test][first]
        return ReplicateRuns(prepared.replicate.seed, labels, users, runs)

    def metrics(self, replicates: Sequence[ReplicateRuns]) -> tuple[str, ...]:
        """Return the names of all metrics: every test part allows them."""
        return (f"ndcg@{self.k}", f"map@{self.k}")

    def draws(
        self, replicate: ReplicateRuns, rung: str, metric: str, **resampling: int
    ) -> tuple[float, np.ndarray]:
        """Return a metric, mean over groups, and its draws over resampled users or groups."""
        score = replicate.runs[rung].predictions["score"]
        values = self._values(replicate.outcome, score, metric)
        draws = metrics.mean_draws(values, clusters=replicate.clusters, **resampling)
        return float(np.nanmean(values)), draws

    def _labels(self, prepared: PreparedLog, part: str) -> GroupedLabels:
        groups = prepared.rows(part)[self.group]
        return GroupedLabels(pd.factorize(groups)[0], prepared.label(part))

    def _values(self, labels: GroupedLabels, score: np.ndarray, metric: str) -> np.ndarray:
        return labels.by_group(score, self.k)[metric]
