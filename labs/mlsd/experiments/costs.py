"""What a fitted model costs: seconds to fit, latency of a prediction, size in memory."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from mlsd.models.base import Columns

BATCH_ROWS = 500
SINGLE_PREDICTIONS = 200
BATCH_PREDICTIONS = 20
FEWEST_PREDICTIONS = 5
MOST_SECONDS = 2.0
Call = Callable[[], object]


@dataclass(frozen=True)
class Costs:
    """Cost of one fitted model; times include the model's own encoding of ids.

    Latencies are CPU milliseconds, so that other work on the machine does not enter them; on one
    thread they are what a quiet machine's clock would show.

    Attributes
    ----------
    fit_seconds, fit_cpu_seconds : float
        Wall and CPU seconds of ``fit``.
    rows_per_second : float
        Training rows per CPU-second of ``fit``.
    predict_one_p50_ms, predict_one_p99_ms : float
        CPU milliseconds over `SINGLE_PREDICTIONS` calls with one row or user. Where those would
        take more than `MOST_SECONDS`, over as many as that allows, but `FEWEST_PREDICTIONS` at
        least; of fewer than a hundred calls the p99 is nearly the slowest.
    predict_batch_ms : float
        CPU milliseconds of the median of `BATCH_PREDICTIONS` calls with `BATCH_ROWS` rows or users,
        or of as many as `MOST_SECONDS` allow.
    memory_mb : float
        Size of the pickled model, 10**6 bytes.
    """

    fit_seconds: float
    fit_cpu_seconds: float
    rows_per_second: float
    predict_one_p50_ms: float
    predict_one_p99_ms: float
    predict_batch_ms: float
    memory_mb: float

    def as_row(self) -> dict[str, float]:
        """Return the fields as a dictionary, rounded to four significant digits."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


@dataclass
class Stopwatch:
    """Wall and CPU seconds spent inside a ``with`` block.

    Examples
    --------
    >>> with Stopwatch() as watch:
    ...     total = sum(range(1000))
    >>> watch.seconds >= 0 and watch.cpu_seconds >= 0
    True
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __enter__(self) -> Stopwatch:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = time.perf_counter() - self._start[0]
        self.cpu_seconds = time.process_time() - self._start[1]


class FittedModel(Protocol):
    """A model beside the stopwatch that ran around its ``fit``."""

    model: Any
    watch: Stopwatch


def _call_milliseconds(call: Call, repetitions: int) -> np.ndarray:
    call()
    elapsed: list[float] = []
    while len(elapsed) < repetitions:
        start = time.process_time()
        call()
        elapsed.append(1e3 * (time.process_time() - start))
        if len(elapsed) >= FEWEST_PREDICTIONS and sum(elapsed) > 1e3 * MOST_SECONDS:
            break
    return np.array(elapsed)


def measure_costs(fitted: FittedModel, train_rows: int, *, one: Call, batch: Call) -> Costs:
    """Measure what a fitted model costs.

    Parameters
    ----------
    fitted : FittedModel
        The model, and the stopwatch around its ``fit``.
    train_rows : int
        Rows that it was fitted on.
    one, batch : callable
        One prediction, and one of `BATCH_ROWS` rows or users.
    """
    single = _call_milliseconds(one, SINGLE_PREDICTIONS)
    grouped = _call_milliseconds(batch, BATCH_PREDICTIONS)
    return Costs(
        fit_seconds=fitted.watch.seconds,
        fit_cpu_seconds=fitted.watch.cpu_seconds,
        rows_per_second=train_rows / max(fitted.watch.cpu_seconds, 1e-9),
        predict_one_p50_ms=float(np.median(single)),
        predict_one_p99_ms=float(np.quantile(single, 0.99)),
        predict_batch_ms=float(np.median(grouped)),
        memory_mb=len(pickle.dumps(fitted.model)) / 1e6,
    )


def cost_of_rows(
    fitted: FittedModel, predict: Callable[[Columns], object], rows: Columns, train_rows: int
) -> Costs:
    """Measure a model that predicts rows, on the first of `rows`, of which there has to be one."""
    one = {name: np.asarray(rows[name])[:1] for name in rows}
    batch = {name: np.asarray(rows[name])[:BATCH_ROWS] for name in rows}
    return measure_costs(fitted, train_rows, one=lambda: predict(one), batch=lambda: predict(batch))


def cost_of_users(
    fitted: FittedModel,
    recommend: Callable[[np.ndarray], object],
    users: np.ndarray,
    train_rows: int,
) -> Costs:
    """Measure a model that recommends to users, on the first of `users`."""
    one, batch = users[:1], users[:BATCH_ROWS]
    return measure_costs(
        fitted, train_rows, one=lambda: recommend(one), batch=lambda: recommend(batch)
    )
