"""Deploy a scorer: have every request, or every candidate, scored; a case decides what follows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np

from mlsd.features.lookup import FeatureLookup
from mlsd.models.base import Scorer
from mlsd.worlds.base import Requests
from mlsd.worlds.logs import Tables, table_of

ActionsType = TypeVar("ActionsType")


class ModelPolicy(ABC, Generic[ActionsType]):
    """Asks a scorer about all that can be decided on; a subclass turns scores into actions.

    Requests with candidates are scored candidate by candidate, others as they are.

    Parameters
    ----------
    scorer : Scorer
        Already fitted; deployment does not refit it.
    counters, histories : FeatureLookup or None
        Looked up for each row before the scorer is asked, and updated from the events that the
        world hands back.
    table : str
        Event table of labelled rows that they are updated from.

    Examples
    --------
    >>> class Flag(ModelPolicy[np.ndarray]):
    ...     def decide(self, requests, probability):
    ...         return probability > 0.5
    >>> class Large:
    ...     def predict_proba(self, X):
    ...         return np.column_stack([X["amount"] <= 100, X["amount"] > 100])
    >>> payments = Requests(np.zeros(2), np.arange(2), {"amount": np.array([9.0, 950.0])})
    >>> Flag(Large(), table="transactions").act(payments)
    array([False,  True])
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        counters: FeatureLookup | None = None,
        histories: FeatureLookup | None = None,
        table: str = "impressions",
    ) -> None:
        self.scorer = scorer
        self.counters = counters
        self.histories = histories
        self.table = table

    @abstractmethod
    def decide(self, requests: Requests, probability: np.ndarray) -> ActionsType:
        """Return the actions that follow from probabilities, one per request or candidate."""

    def act(self, requests: Requests) -> ActionsType:
        """Score all that can be decided on, and decide.

        Position is an effect of the slot, not of the candidate, so every candidate is scored as if
        it stood in the top slot.
        """
        columns = requests.columns()
        shape = requests.shape
        now = np.repeat(requests.ts, shape[1] if len(shape) > 1 else 1)
        for features in self._lookups():
            columns = columns | features.lookup(columns, now)
        return self.decide(requests, self.scorer.predict_proba(columns)[:, 1].reshape(shape))

    def observe(self, events: Tables) -> None:
        """Update the features from newly known rows."""
        lookups = self._lookups()
        rows = table_of(events, self.table) if lookups else ()
        for features in lookups if len(rows) else ():
            features.update(rows)

    def _lookups(self) -> list[FeatureLookup]:
        return [each for each in (self.counters, self.histories) if each is not None]
