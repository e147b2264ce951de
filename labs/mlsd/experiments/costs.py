"""What a fitted scorer costs: seconds to fit, latency of a prediction, size in memory."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from mlsd.models.base import Columns, Scorer

BATCH_ROWS = 500
SINGLE_PREDICTIONS = 200


@dataclass(frozen=True)
class Costs:
    """Cost of one fitted scorer; times include the scorer's own encoding of ids.

    Latencies are CPU milliseconds, so that other work on the machine does not enter them; on one
    thread they are what a quiet machine's clock would show.

    Attributes
    ----------
    fit_seconds, fit_cpu_seconds : float
        Wall and CPU seconds of ``fit``.
    rows_per_second : float
        Training rows per CPU-second of ``fit``.
    predict_one_p50_ms, predict_one_p99_ms : float
        CPU milliseconds over `SINGLE_PREDICTIONS` calls with one row.
    predict_batch_ms : float
        CPU milliseconds of the median call with `BATCH_ROWS` rows.
    memory_mb : float
        Size of the pickled scorer, 10**6 bytes.
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


def _call_milliseconds(call: Callable[[], object], repetitions: int) -> np.ndarray:
    call()
    elapsed = np.empty(repetitions)
    for i in range(repetitions):
        start = time.process_time()
        call()
        elapsed[i] = 1e3 * (time.process_time() - start)
    return elapsed


def measure_costs(scorer: Scorer, frame: Columns, fit: Stopwatch, train_rows: int) -> Costs:
    """Measure a fitted scorer on rows of `frame`.

    Parameters
    ----------
    scorer : Scorer
        Already fitted.
    frame : DataFrame or mapping of arrays, n rows
        Rows to predict, n >= 1; the first ones are used.
    fit : Stopwatch
        Around the call of ``fit``.
    train_rows : int
        Rows that the scorer was fitted on.
    """
    one = {name: np.asarray(frame[name])[:1] for name in frame}
    batch = {name: np.asarray(frame[name])[:BATCH_ROWS] for name in frame}
    single = _call_milliseconds(lambda: scorer.predict_proba(one), SINGLE_PREDICTIONS)
    grouped = _call_milliseconds(lambda: scorer.predict_proba(batch), 20)
    return Costs(
        fit_seconds=fit.seconds,
        fit_cpu_seconds=fit.cpu_seconds,
        rows_per_second=train_rows / max(fit.cpu_seconds, 1e-9),
        predict_one_p50_ms=float(np.median(single)),
        predict_one_p99_ms=float(np.quantile(single, 0.99)),
        predict_batch_ms=float(np.median(grouped)),
        memory_mb=len(pickle.dumps(scorer)) / 1e6,
    )
