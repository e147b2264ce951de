"""Several scorers combined: their logits, weighed by what later rows say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax
from sklearn.base import clone

from mlsd.models.base import Columns, LabelledColumns, Scorer
from mlsd.models.scorer import Arrays, ColumnScorer, take_columns, take_rows
from mlsd.runtime import InputError

EDGE = 1e-7


class StackedEnsemble(ColumnScorer):
    """Weighted logits of base scorers, the weights fitted on rows later than the bases saw.

    The training rows are taken to stand in time order. The bases are fitted to the first ones, and
    predict the last `blend_share` of them, the block. There, weights w and an intercept b minimise
    the log loss of ``sigmoid(b + sum_k w_k logit_k)`` plus ``penalty / 2 sum_k (w_k - 1 / K)**2``:
    without evidence, the K logits are averaged. Weights are not negative, since bases agree so much
    that free weights would play them against each other. Then the bases are fitted once more, on
    all training rows.

    Parameters
    ----------
    scorers : mapping of str to Scorer
        Unfitted bases by name. They are cloned, never fitted themselves, and read their columns
        from `X`.
    combine : str
        ``"convex"``: weights sum to 1, and the intercept, which holds the block's own click rate,
        is dropped afterwards, so that the level is that of the bases. ``"logistic"``: free sum,
        intercept kept, which suits a log whose last rows are like those to come. ``"average"``:
        equal weights, no block, each base is fitted once.
    blend_share : float
        Share of the training rows, the latest, in the block; above 0, below 1.
    penalty : float
        Pull of the weights towards the average, beside the log loss summed over the block.
    refit : bool
        Whether the final bases learn from all training rows. That keeps the newest rows, the best
        ones in a market that moves; the weights remain those of bases that had fewer rows. False
        halves the time and keeps the bases that the weights were learned for.
    seeds : int
        Fits of each base that has a `random_state`; their logits are averaged.
    random_state : int or None
        Replaces the bases' own: fit i of a base gets ``random_state * seeds + i``. None leaves each
        base its own number, and fit i adds i.

    Attributes
    ----------
    fitted_ : dict of str to list of Scorer
        The final bases, one per seed.
    weights_ : dict of str to float
    intercept_ : float
        0 unless `combine` is ``"logistic"``.

    Notes
    -----
    Rows in `valid` go to the bases, which may stop on them; neither bases nor weights are fitted to
    them. If the block, or what comes before it, holds one class only, the logits are averaged. An
    unknown id is treated as each base treats it. Counters of block rows may know of clicks in the
    block, as every training row's counters know of the rows before it.

    References
    ----------
    Wolpert, Stacked Generalization, Neural Networks 1992; Breiman, Stacked Regressions, Machine
    Learning 1996 (weights that are not negative).

    Examples
    --------
    >>> from mlsd.models import GlobalRate, SmoothedRate
    >>> X, y = {"ad_id": np.arange(1000) % 2}, (np.arange(1000) % 2) * (np.arange(1000) % 3 > 0)
    >>> bases = {"global": GlobalRate(), "ad": SmoothedRate(strength=10.0)}
    >>> model = StackedEnsemble(scorers=bases).fit(X, y)
    >>> model.weights_["ad"] > model.weights_["global"]
    True
    """

    def __init__(
        self,
        *,
        scorers: Mapping[str, Scorer] | None = None,
        combine: str = "convex",
        blend_share: float = 0.2,
        penalty: float = 10.0,
        refit: bool = True,
        seeds: int = 1,
        random_state: int | None = None,
    ) -> None:
        self.scorers = scorers
        self.combine = combine
        self.blend_share = blend_share
        self.penalty = penalty
        self.refit = refit
        self.seeds = seeds
        self.random_state = random_state

    def _take(self, X: Columns) -> Arrays:
        return take_columns(X, tuple(X))

    def _learn(self, columns, y, weights, valid) -> None:
        self._check_parameters()
        cut = len(y) - int(len(y) * self.blend_share)
        parts = [slice(cut), slice(cut, None)]
        blended = self.combine != "average" and all(_both_classes(y[part]) for part in parts)
        if blended:
            earlier, block = parts
            early = self._fit_bases(*_rows(columns, y, weights, earlier), valid)
            self.intercept_, found = self._blend(early, *_rows(columns, y, weights, block))
        else:
            self.intercept_, found = 0.0, np.full(len(self.scorers), 1 / len(self.scorers))
        self.weights_ = dict(zip(self.scorers, found.tolist()))
        reuse = blended and not self.refit
        self.fitted_ = early if reuse else self._fit_bases(columns, y, weights, valid)

    def _check_parameters(self) -> None:
        if not isinstance(self.scorers, Mapping) or not self.scorers:
            raise InputError(f"scorers is {self.scorers!r}; give a mapping of names to scorers")
        if self.combine not in ("convex", "logistic", "average"):
            raise InputError(
                f"combine is {self.combine!r}; choose 'convex', 'logistic' or 'average'"
            )
        if not 0 < self.blend_share < 1:
            raise InputError(f"blend_share is {self.blend_share!r}; give a share between 0 and 1")
        if not self.penalty >= 0:
            raise InputError(f"penalty is {self.penalty!r}; give 0 or more")
        if not self.seeds >= 1:
            raise InputError(f"seeds is {self.seeds!r}; give 1 or more")

    def _fit_bases(
        self,
        columns: Arrays,
        y: np.ndarray,
        weights: np.ndarray | None,
        valid: LabelledColumns | None,
    ) -> dict[str, list[Scorer]]:
        return {
            name: [
                base.fit(columns, y, valid=valid, sample_weight=weights)
                for base in self._copies(scorer)
            ]
            for name, scorer in self.scorers.items()
        }

    def _copies(self, scorer: Scorer) -> list[Scorer]:
        """Return unfitted clones that differ in their random state, one if there is none."""
        if "random_state" not in scorer.get_params():
            return [clone(scorer)]
        copies = [clone(scorer) for _ in range(self.seeds)]
        start = scorer.get_params()["random_state"]
        if self.random_state is not None:
            start = self.random_state * self.seeds
        for index, copy in enumerate(copies):
            copy.random_state = start + index
        return copies

    def _blend(
        self,
        early: dict[str, list[Scorer]],
        columns: Arrays,
        y: np.ndarray,
        weights: np.ndarray | None,
    ) -> tuple[float, np.ndarray]:
        """Return intercept and weights that suit the block."""
        loss = _BlockLoss(_logits(early, columns), y, weights, self.penalty)
        return loss.best_convex() if self.combine == "convex" else loss.best_logistic()

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        weights = np.array(list(self.weights_.values()))
        return expit(self.intercept_ + _logits(self.fitted_, columns) @ weights)


class _BlockLoss:
    """Penalised log loss of the block, as a function of intercept and weights."""

    def __init__(self, logits, y, weights, penalty: float) -> None:
        self.inputs = np.column_stack([np.ones(len(y)), logits])
        self.y, self.penalty = y, penalty
        self.weights = np.ones(len(y)) if weights is None else weights
        self.bases = logits.shape[1]

    def __call__(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at intercept and weights `w`."""
        score, away = self.inputs @ w, np.r_[0.0, w[1:] - 1 / self.bases]
        loss = self.weights @ (np.logaddexp(0.0, score) - self.y * score)
        slope = self.inputs.T @ (self.weights * (expit(score) - self.y))
        return loss + self.penalty / 2 * (away @ away), slope + self.penalty * away

    def best_logistic(self) -> tuple[float, np.ndarray]:
        """Minimise over an intercept and weights from 0 on."""
        start = np.r_[0.0, np.full(self.bases, 1 / self.bases)]
        bounds = [(None, None)] + [(0.0, None)] * self.bases
        found = minimize(self, start, jac=True, method="L-BFGS-B", bounds=bounds).x
        return float(found[0]), found[1:]

    def best_convex(self) -> tuple[float, np.ndarray]:
        """Minimise over an intercept, dropped, and weights ``softmax(v)``."""

        def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
            w = np.r_[v[0], softmax(v[1:])]
            loss, slope = self(w)
            return loss, np.r_[slope[0], w[1:] * (slope[1:] - w[1:] @ slope[1:])]

        found = minimize(objective, np.zeros(1 + self.bases), jac=True, method="L-BFGS-B").x
        return 0.0, softmax(found[1:])


def _rows(columns: Arrays, y: np.ndarray, weights: np.ndarray | None, part: slice) -> tuple:
    return take_rows(columns, part), y[part], None if weights is None else weights[part]


def _both_classes(y: np.ndarray) -> bool:
    return len(y) > 0 and y.min() < y.max()


def _logits(fitted: dict[str, list[Scorer]], columns: Arrays) -> np.ndarray:
    """Return the mean logit of each base's fits, shape (rows, bases)."""
    return np.column_stack(
        [
            np.mean([_logit(scorer.predict_proba(columns)[:, 1]) for scorer in fits], axis=0)
            for fits in fitted.values()
        ]
    )


def _logit(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(probability.astype(np.float64), EDGE, 1 - EDGE))
