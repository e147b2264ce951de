"""Click rates that move: Gaussian states on the log-odds, their evidence discounted with time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy.special import expit

from mlsd.features.crosses import combination_ids
from mlsd.models.base import Columns
from mlsd.models.scorer import Arrays, ColumnScorer, as_weights, row_count, take_rows
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR

_VAGUE = 25.0
_SWEEPS = 200
_CLOSE = 1e-5
_LONGEST_STEP = 1.0


class KalmanRate(ColumnScorer):
    """Click rate by key that is tracked through time, each level around the level before it.

    The log-odds of a row are ``b + o_1[key_1] + ... + o_L[key_L]``: a base rate, then level by
    level the offset of the row's key. Each is a Gaussian state of mean m and variance C, which
    takes two steps a bucket of time:

    - forecast: ``R = min(C / discount**dt, prior_variance)`` after `dt` units of time, mean kept;
    - update: all means move to the joint posterior mode given the bucket's clicks, and
      ``1 / C = 1 / R + sum of p (1 - p)`` over the key's rows (Laplace's approximation).

    So evidence lasts about ``1 / (1 - discount)`` units of time, and a key that has not been shown
    for a while moves fast again when it returns.

    Parameters
    ----------
    levels : tuple of tuples of str
        Keys, coarse to fine, each one column or a combination.
    time : str or None
        Column with the time of a row, in seconds. None puts all rows of a call into one bucket,
        and nothing is forgotten.
    discount : float
        In (0, 1]: the share of its information that a state keeps per unit of time. 1 never
        forgets.
    unit : float
        Unit of time, in seconds.
    step : float
        Width of a bucket of time, in seconds; its rows are learned at once.
    prior_variance : float
        Of an offset before its first row. At 0.25 one standard deviation multiplies the odds by
        1.6.

    Attributes
    ----------
    states_ : list
        State of the base rate, then of each level: keys, means, variances, times of last change.
    now_ : float
        Time up to which the states have learned, in units.

    Notes
    -----
    A key never learned has offset 0: the row rests on the levels before. A row that is earlier than
    `now_` is learned, or predicted, as of `now_`. Half-life of the evidence:
    ``log(1/2) / log(discount)`` units.

    The probability is the logistic function of the summed means. Averaging it over the variance
    would predict too many clicks, as the base rate is itself learned at the mode.

    The state is Gaussian on the log-odds, not a discounted beta (whose mean is a decayed counter),
    because offsets add there: levels need not be nested, and a key that is not shown moves with the
    levels before it. The price is an approximate update, and independence: as in adPredictor, no
    covariance is kept between states, so levels that share most of their rows share a change, and
    their sum moves faster than it should.

    References
    ----------
    West, Harrison and Migon, Dynamic Generalized Linear Models and Bayesian Forecasting, JASA 1985;
    West and Harrison, Bayesian Forecasting and Dynamic Models, 2nd ed., Springer 1997 (discount
    factors); Graepel et al., Web-Scale Bayesian Click-Through Rate Prediction for Sponsored Search
    Advertising in Microsoft's Bing Search Engine, ICML 2010 (independent Gaussian beliefs).

    Examples
    --------
    Of two ads, one gains and one loses after ten days of twenty:

    >>> X = {"ad_id": np.arange(2000) % 2, "ts": np.arange(2000) * 864.0}
    >>> y = (np.arange(2000) // 2 % 10) < np.where((X["ad_id"] == 0) == (X["ts"] < 864_000), 2, 5)
    >>> still, moving = (KalmanRate(discount=d).fit(X, y) for d in (1.0, 0.6))
    >>> now = {"ad_id": [0, 1], "ts": [1_728_000.0] * 2}
    >>> [model.predict_proba(now)[:, 1].round(1).tolist() for model in (still, moving)]
    [[0.4, 0.3], [0.5, 0.2]]
    """

    def __init__(
        self,
        *,
        levels: tuple[tuple[str, ...], ...] = (("ad_id",),),
        time: str | None = "ts",
        discount: float = 0.95,
        unit: float = float(DAY),
        step: float = float(HOUR),
        prior_variance: float = 0.25,
    ) -> None:
        self.levels = levels
        self.time = time
        self.discount = discount
        self.unit = unit
        self.step = step
        self.prior_variance = prior_variance

    @property
    def numeric(self) -> tuple[str, ...]:
        """The time column, where there is one."""
        return (self.time,) if self.time else ()

    def partial_fit(
        self, X: Columns, y: np.ndarray, *, sample_weight: np.ndarray | None = None
    ) -> Self:
        """Learn from rows that follow those learned before; new keys start at their prior."""
        columns, labels = self._checked(X, y)
        weights = as_weights(sample_weight, len(labels))
        if not hasattr(self, "states_"):
            self._start()
        if len(labels):
            self._filter(columns, labels, weights)
        return self

    def log_odds(self, X: Columns) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each row's log-odds at its time, shape (n,) each.

        Raises
        ------
        InputError
            As `predict_proba`.
        """
        if not hasattr(self, "states_"):
            raise InputError("KalmanRate is not fitted; call fit first")
        columns, rows = self._take(X), row_count(X)
        times = np.maximum(self._times(columns, rows), self.now_)
        mean, variance = np.zeros(rows), np.zeros(rows)
        for state, key in zip(self.states_, self._keys(columns, rows)):
            offset, spread = state.look_up(key, times, self.discount)
            mean, variance = mean + offset, variance + spread
        return mean, np.sqrt(variance)

    def _columns(self) -> tuple[str, ...]:
        return (*(name for level in self.levels for name in level), *self.numeric)

    def _learn(self, columns, y, weights, valid) -> None:
        self._start()
        self._filter(columns, y, weights)

    def _start(self) -> None:
        if not 0 < self.discount <= 1:
            raise InputError(f"discount is {self.discount!r}; give a number above 0, at most 1")
        for name in ("unit", "step", "prior_variance"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)!r}; give a number above 0")
        self.now_ = -np.inf
        self.states_ = [_States(_VAGUE), *(_States(self.prior_variance) for _ in self.levels)]

    def _filter(self, columns: Arrays, y: np.ndarray, weights: np.ndarray | None) -> None:
        times = self._times(columns, len(y))
        order = np.argsort(times, kind="stable")
        weights = np.ones(len(y)) if weights is None else weights[order]
        columns, y = take_rows(columns, order), y[order]
        bucket = np.floor(times[order] * (self.unit / self.step))
        keys = self._keys(columns, len(y))
        positions = [state.enter(key) for state, key in zip(self.states_, keys)]
        ends = np.r_[np.flatnonzero(np.diff(bucket)) + 1, len(y)]
        for start, end in zip(np.r_[0, ends[:-1]], ends):
            rows = slice(start, end)
            self.now_ = max(self.now_, bucket[start] * (self.step / self.unit))
            self._update([position[rows] for position in positions], y[rows], weights[rows])

    def _update(self, positions: list[np.ndarray], y: np.ndarray, weights: np.ndarray) -> None:
        """Move the states of one bucket to their joint posterior mode, level after level."""
        blocks = [
            _Block(*state.forecast(position, self.now_, self.discount))
            for state, position in zip(self.states_, positions)
        ]
        score = sum(block.mean[block.row] for block in blocks)
        for _ in range(_SWEEPS):
            largest = 0.0
            for block in blocks:
                change = block.newton_step(score, y, weights)
                score = score + change[block.row]
                largest = max(largest, float(np.abs(change).max()))
            if largest < _CLOSE:
                break
        for state, block in zip(self.states_, blocks):
            state.settle(block.touched, block.mean, block.variance(score, weights), self.now_)

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        return expit(self.log_odds(columns)[0])

    def _times(self, columns: Arrays, rows: int) -> np.ndarray:
        if self.time is None:
            return np.zeros(rows)
        times = columns[self.time].astype(np.float64) / self.unit
        if not np.isfinite(times).all():
            row = int(np.argmin(np.isfinite(times)))
            raise InputError(f"X: {self.time!r} is {times[row]} in row {row}; give each row a time")
        return times

    def _keys(self, columns: Arrays, rows: int) -> list[np.ndarray]:
        """Return one integer per row for the base rate (0 throughout) and for each level."""
        of_levels = (combination_ids(columns, level) for level in self.levels)
        return [np.zeros(rows, dtype=np.int64), *of_levels]


@dataclass
class _States:
    """Mean, variance and time of last change by key of one level, keys ascending."""

    prior_variance: float
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    variance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    changed: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def enter(self, key: np.ndarray) -> np.ndarray:
        """Add the keys that are new, at their prior, and return each row's position."""
        new = np.setdiff1d(key, self.keys)
        at = np.searchsorted(self.keys, new)
        self.keys = np.insert(self.keys, at, new)
        self.mean = np.insert(self.mean, at, 0.0)
        self.variance = np.insert(self.variance, at, self.prior_variance)
        self.changed = np.insert(self.changed, at, 0.0)
        return np.searchsorted(self.keys, key)

    def forecast(
        self, position: np.ndarray, now: float, discount: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the touched positions, each row's place among them, mean, forecast variance."""
        touched, row = np.unique(position, return_inverse=True)
        return touched, row, self.mean[touched], self._widened(touched, now, discount)

    def settle(
        self, touched: np.ndarray, mean: np.ndarray, variance: np.ndarray, now: float
    ) -> None:
        """Keep what a bucket taught."""
        self.mean[touched], self.variance[touched], self.changed[touched] = mean, variance, now

    def look_up(
        self, key: np.ndarray, times: np.ndarray, discount: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each row's key at the row's time; the prior if unknown."""
        position = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        known = self.keys[position] == key
        variance = self._widened(position, times, discount)
        mean = np.where(known, self.mean[position], 0.0)
        return mean, np.where(known, variance, self.prior_variance)

    def _widened(
        self, position: np.ndarray, times: np.ndarray | float, discount: float
    ) -> np.ndarray:
        kept = discount ** (times - self.changed[position])
        return 1 / np.maximum(kept / self.variance[position], 1 / self.prior_variance)


class _Block:
    """The states of one level that a bucket touches, on their way to the posterior mode."""

    def __init__(self, touched, row, mean, forecast_variance) -> None:
        self.touched, self.row, self.mean = touched, row, mean
        self.prior_mean, self.prior_precision = mean, 1 / forecast_variance

    def newton_step(self, score: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Move the means by one bounded Newton step, the other levels held; return the change."""
        rate = expit(score)
        slope = self._sum(weights * (y - rate))
        slope -= self.prior_precision * (self.mean - self.prior_mean)
        curvature = self.prior_precision + self._sum(weights * rate * (1 - rate))
        # Far from the mode, the curvature of a rare outcome promises too long a step.
        change = np.clip(slope / curvature, -_LONGEST_STEP, _LONGEST_STEP)
        self.mean = self.mean + change
        return change

    def variance(self, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the posterior variance, the inverse curvature at the mode."""
        rate = expit(score)
        return 1 / (self.prior_precision + self._sum(weights * rate * (1 - rate)))

    def _sum(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.row, values, minlength=len(self.touched))
