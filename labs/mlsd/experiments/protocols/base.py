"""What differs between kinds of ladders: how a rung is prepared, fitted, predicted and judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.experiments.rungs import Rung, Settings
from mlsd.experiments.runs import FittedRung, ReplicateRuns, RungRun
from mlsd.experiments.sources import Replicate


class Prepared(Protocol):
    """A replicate with whatever the rungs of a protocol share, made once for all of them."""

    replicate: Replicate


class LadderProtocol(ABC):
    """How the rungs of one ladder are prepared, fitted, predicted, judged and costed.

    Attributes
    ----------
    tune_by : str
        Metric that chooses settings, and the rung, on the validation part.
    lower_is_better : bool
        Of `tune_by`.
    differences : tuple of str
        Metrics of which rungs are held against one another by a paired difference.
    unit : str
        What is resampled where the log has no users: ``"row"``.
    without_interval : tuple of str
        Metrics of which no interval is taken, so that its absence needs no reason.
    """

    tune_by: str
    lower_is_better: bool
    differences: tuple[str, ...]
    unit: str = "row"
    without_interval: tuple[str, ...] = ()

    @property
    def validation_column(self) -> str:
        """Column of the ledger with `tune_by` on the validation part."""
        return f"validation_{self.tune_by}"

    def for_log(self, log: LabelledLog) -> LadderProtocol:
        """Return the protocol by which a log of its own is judged; most logs have no say in it."""
        return self

    def loss(self, value: float) -> float:
        """Return a value of `tune_by` as something to be minimised."""
        return value if self.lower_is_better else -value

    def reason_to_skip(self, rung: Rung, replicate: Replicate) -> str | None:
        """Return why a rung cannot be fitted on a replicate, or None where it can."""
        if rung.is_oracle:
            works = replicate.truth is not None
        elif rung.outcomes:
            works = rung.outcomes.table in replicate.tables
        else:
            works = bool(rung.settings(replicate.log.roles))
        works = works and set(rung.tables) <= set(replicate.tables)
        return None if works else f"the log lacks {rung.needs}"

    def rows(self, prepared: Any) -> dict[str, int]:
        """Return how many rows of each part are learned from or judged by."""
        return {name: len(rows) for name, rows in prepared.replicate.log.parts().items()}

    def holds(self, replicates: Sequence[ReplicateRuns]) -> str:
        """Return in words what the smallest test part holds of what its metrics rest on."""
        return f"the test part has {min(each.units for each in replicates):,} {self.unit}s"

    @abstractmethod
    def prepare(self, replicate: Replicate) -> Prepared:
        """Compute what all rungs share, once per replicate."""

    @abstractmethod
    def fit(self, rung: Rung, prepared: Any, settings: Settings) -> FittedRung:
        """Fit one rung with one setting on the training part, and measure it on validation."""

    @abstractmethod
    def predict(self, fitted: FittedRung, prepared: Any) -> RungRun:
        """Predict the test part and measure what the fitted rung costs."""

    @abstractmethod
    def oracle(self, prepared: Any) -> RungRun:
        """Return the run of the world's own truth, where `Replicate.truth` is there."""

    @abstractmethod
    def judged(self, prepared: Any, runs: dict[str, RungRun]) -> ReplicateRuns:
        """Put the runs beside what really came of the test part."""

    @abstractmethod
    def metrics(self, replicates: Sequence[ReplicateRuns]) -> tuple[str, ...]:
        """Return the names of the metrics that the test parts allow, in the ledger's order."""

    @abstractmethod
    def draws(
        self, replicate: ReplicateRuns, rung: str, metric: str, **resampling: int
    ) -> tuple[float, np.ndarray]:
        """Return a metric of a rung and its bootstrap draws, paired over the rungs.

        Parameters
        ----------
        replicate : ReplicateRuns
        rung, metric : str
            Names.
        **resampling
            `repetitions` and `seed`, as for `mlsd.metrics.bootstrap_draws`.

        Returns
        -------
        estimate : float
        draws : ndarray, shape (repetitions,)
        """


def users_of_test(log: LabelledLog) -> np.ndarray | None:
    """Return the user of each test row, or None where the log has no users."""
    return log.users[log.split.test] if log.users is not None else None


def weights_of(log: LabelledLog, part: str) -> np.ndarray | None:
    """Return the weight of each row of a part, or None where all rows weigh the same."""
    return None if log.weights is None else log.weights[log.parts()[part]]
