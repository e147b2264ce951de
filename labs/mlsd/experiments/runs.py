"""What a ladder leaves behind before any metric is taken: fitted rungs, runs, replicates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlsd.experiments.costs import Stopwatch
from mlsd.experiments.rungs import Rung, Settings


@dataclass(frozen=True)
class FittedRung:
    """A rung fitted on one replicate.

    Attributes
    ----------
    rung : Rung
    settings : mapping
        With which it was fitted.
    model : object
        The fitted scorer, ranker or recommender.
    validation : dict of str to float
        What was measured on the validation part, which enters no fit, by column of the ledger.
    watch : Stopwatch
        Around the fit.
    """

    rung: Rung
    settings: Settings
    model: Any
    validation: dict[str, float]
    watch: Stopwatch


@dataclass(frozen=True)
class RungRun:
    """What a rung predicted for the test part of one replicate, and what that cost.

    Attributes
    ----------
    predictions : dict of str to ndarray
        The protocol says which, and of what shape.
    validation : dict of str to float
        What was measured on the validation part, by column of the ledger; NaN where nothing was.
    settings : mapping
        With which it was fitted.
    costs : dict of str to float
        See `Costs`; empty for the oracle.
    online : dict of str to float
        True value of each measure in the world; empty where nothing was deployed.
    """

    predictions: dict[str, np.ndarray]
    validation: dict[str, float] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    online: dict[str, float] = field(default_factory=dict)


@dataclass
class ReplicateRuns:
    """Every rung's run on one replicate, beside what really came of the same test part.

    Attributes
    ----------
    seed : int
    outcome : object
        Of the test part: one label per row, or the relevant items of each user; see the protocol.
    clusters : ndarray or None
        What is resampled as one, of each row of the outcome; None for the rows themselves.
    runs : dict of str to RungRun
    weights : ndarray or None
        Of each row of the outcome; None where all weigh the same.
    """

    seed: int
    outcome: Any
    clusters: np.ndarray | None
    runs: dict[str, RungRun]
    weights: np.ndarray | None = None

    @property
    def units(self) -> int:
        """How many there are of what is resampled: clusters, or rows of the outcome."""
        return len(self.outcome if self.clusters is None else np.unique(self.clusters))
