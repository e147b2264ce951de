"""The compression lab's market: a teacher, much traffic, few labels, and a runtime of few bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.features import CounterFeatures
from mlsd.features.lookup import FeatureLookup
from mlsd.lab_support.deployed import market_seeds, revenue_lift
from mlsd.models import LightGBMScorer, SmoothedRate, StudentPerceptron
from mlsd.models.base import Columns, Scorer
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld

BYTE_BUDGET = 10_000
# The gate: normalized entropy above that of the uncompressed student, mean of the markets.
ENTROPY_ALLOWANCE = 0.01
TRAINING_DAYS, HISTORY_DAYS, DEPLOYED_DAYS, MARKETS = 4, 5, 2, 3
LABELLED_SHARE = 0.005
# Tastes differ widely, candidates are many and budgets do not bind: predictions are worth much.
CONFIG = AdClickConfig(
    users=4_000,
    requests_per_day=10_000,
    candidates=20,
    cluster_taste_sd=1.5,
    user_taste_sd=1.0,
    publisher_category_sd=1.0,
    budget_per_impression=1.0,
    base_logit=-5.7,
)
_COUNTERS = CounterFeatures(
    [("user_id",), ("user_id", "category"), ("publisher_id", "category"), ("ad_id",)],
    half_lives=(3 * 86_400.0,),
    refresh="nightly",
)
_IDS = ("category", "format", "publisher_id", "position", "age_band", "region", "campaign_id")
COLUMNS = {"categorical": _IDS, "numeric": _COUNTERS.names}
RECIPE = {"epochs": 2, "batch_size": 1024, "decay": "cosine", "random_state": 0}


class Packed(NamedTuple):
    """A matrix of whole numbers, of `bits` bits each, with one float32 scale per row."""

    codes: np.ndarray
    scale: np.ndarray
    bits: int


Weights = Mapping[str, np.ndarray | Packed]
MakeStudent = Callable[[Scorer, pd.DataFrame, pd.DataFrame], tuple[StudentPerceptron, Weights]]


@dataclass(frozen=True)
class Market:
    """What one world offers.

    Attributes
    ----------
    world : AdClickWorld
    teacher : LightGBMScorer
        Fitted to all clicks of four days, which are deleted since.
    traffic, labelled, test : DataFrame
        Impressions of these days without clicks; a share of them with `click`; the day after.
    counters : callable
        Makes the counters that a policy looks up.
    """

    world: AdClickWorld
    teacher: LightGBMScorer
    traffic: pd.DataFrame
    labelled: pd.DataFrame
    test: pd.DataFrame
    fallback: SmoothedRate
    counters: Callable[[], FeatureLookup]

    def entropy(self, scorer: Scorer) -> float:
        """Return a scorer's normalized entropy on the day after."""
        predicted = scorer.predict_proba(self.test)[:, 1]
        return metrics.normalized_entropy(self.test["click"].to_numpy(), predicted)

    def losses(self, scorer: Scorer) -> np.ndarray:
        """Return a scorer's log loss on each impression of the day after, shape (n,)."""
        chances, clicked = scorer.predict_proba(self.test), self.test["click"].to_numpy()
        return -np.log(chances[np.arange(len(clicked)), clicked.astype(int)])


@lru_cache(maxsize=4)
def market(seed: int, size: str = "default") -> Market:
    """Return the market of a seed.

    Examples
    --------
    >>> small = market(3, "small")
    >>> round(len(small.labelled) / len(small.traffic), 3), "click" in small.traffic
    (0.005, False)
    """
    world = AdClickWorld(seed=seed, size=size, config=CONFIG)
    log = world.history(days=HISTORY_DAYS).labelled_log()
    table = log.frame.join(_COUNTERS.compute(log))
    past = table["ts"] < TRAINING_DAYS * 86_400
    train, columns = table[past], [*_IDS, *_COUNTERS.names]
    teacher = LightGBMScorer(**COLUMNS, n_estimators=80, num_leaves=15)
    rows = np.random.default_rng(seed).choice(
        len(train), int(LABELLED_SHARE * len(train)), replace=False
    )
    return Market(
        world=world,
        teacher=teacher.fit(train, train["click"]),
        traffic=train[columns],
        labelled=train[[*columns, "click"]].iloc[np.sort(rows)],
        test=table[~past],
        fallback=SmoothedRate(levels=(("ad_id",),), strength=100.0).fit(train, train["click"]),
        counters=lambda: _COUNTERS.serving(log),
    )


def weights_of(student: StudentPerceptron) -> dict[str, np.ndarray]:
    """Return a fitted student's embedding table, weight matrices and biases by name, float32.

    Examples
    --------
    >>> X = {"a": np.arange(200) % 2}
    >>> student = StudentPerceptron(categorical=("a",), hidden=(4,), epochs=1).fit(X, X["a"])
    >>> {name: value.shape for name, value in weights_of(student).items()}["embedding.table"]
    (3, 8)
    """
    state = student.network_.state_dict()
    return {name: value.numpy().copy() for name, value in state.items()}


def artifact_bytes(weights: Weights) -> int:
    """Return the bytes of an artifact: codes packed within each row, scales, and plain arrays.

    Raises
    ------
    InputError
        If a code is no whole number or does not fit into its bits, or there are not as many scales
        as rows.

    Examples
    --------
    >>> artifact_bytes({"out.weight": np.zeros((1, 3), np.float32)})
    12
    """
    return sum(_bytes(name, value) for name, value in weights.items())


class PackedStudent:
    """Serves an artifact: a student's encoders, and a perceptron in numpy on unpacked weights.

    Hidden layers may be of any size, as long as they fit to one another.

    Parameters
    ----------
    student : StudentPerceptron
        Fitted.
    weights : mapping
        Under the names of `weights_of`.

    Examples
    --------
    >>> X = {"a": np.arange(200) % 2}
    >>> student = StudentPerceptron(categorical=("a",), epochs=1).fit(X, X["a"])
    >>> PackedStudent(student, weights_of(student)).milliseconds(runs=3).shape
    (3,)
    """

    def __init__(self, student: StudentPerceptron, weights: Weights) -> None:
        self.student = student
        self.weights = {name: _unpacked(value) for name, value in weights.items()}
        self._offsets = student.network_.embedding.offsets.numpy()

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        # Those of the class: an artifact cannot bring inputs of its own, whose bytes nobody counts.
        codes, numbers = StudentPerceptron.inputs(self.student, X)
        embedded = self.weights["embedding.table"][codes + self._offsets]
        x = np.hstack([embedded.reshape(len(codes), -1), numbers])
        probability = 1 / (1 + np.exp(-self.scores(x).astype(np.float64)))
        return np.column_stack([1 - probability, probability])

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Return scores before the sigmoid, shape (n,), for inputs of the first layer."""
        layers = [name[:-7] for name in self.weights if name.endswith(".weight")]
        for layer in sorted(layers, key=lambda name: (name == "out", name)):
            x = x @ self.weights[f"{layer}.weight"].T + self.weights[f"{layer}.bias"]
            x = x if layer == "out" else np.maximum(x, 0)
        return x[:, 0]

    def milliseconds(self, runs: int = 30) -> np.ndarray:
        """Return the time of each run on 100 rows, encoders left out, shape (runs,)."""
        x = np.ones((100, self.weights["perceptron.0.weight"].shape[1]), np.float32)
        marks = [time.perf_counter()]
        for _ in range(runs):
            self.scores(x)
            marks.append(time.perf_counter())
        return 1e3 * np.diff(marks)


def fallback_alone(
    teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame
) -> tuple[StudentPerceptron, Weights]:
    """Stand for the baseline, which has no student: the smoothed rate by ad answers everybody."""
    raise InputError("the fallback has no student")


@lru_cache(maxsize=4)
def artifact(seed: int, make_student: MakeStudent) -> tuple[StudentPerceptron, Weights]:
    """Return what `make_student` makes in the market of a seed."""
    found = market(seed)
    return make_student(found.teacher, found.traffic.copy(), found.labelled.copy())


@lru_cache(maxsize=4)
def uncompressed(seed: int) -> StudentPerceptron:
    """Return the student that an artifact is measured against: distilled, float32, any size."""
    found = market(seed)
    return StudentPerceptron(**COLUMNS, **RECIPE).distil(found.traffic, found.teacher)


def deployed_value(seed: int, make_student: MakeStudent) -> float:
    """Return how much of the uncompressed student's worth an artifact keeps, in percent.

    The worth is what two days in each of three markets bring beyond the fallback's revenue; the
    fallback alone keeps 0, and so does an artifact that is not deployed, because it is beyond the
    byte budget or its probabilities do not pass the gate. In a single market the worth may be
    small, and noise may favour a bad student.

    Examples
    --------
    >>> deployed_value(3, fallback_alone)
    0.0
    """
    gains = gains_by_market(seed, make_student)
    return 100 * sum(kept for kept, _ in gains) / sum(worth for _, worth in gains)


def entropy_excess(seed: int, make_student: MakeStudent) -> float:
    """Return the normalized entropy above the uncompressed student's, mean of the markets."""
    excess = []
    for own in market_seeds(seed, MARKETS):
        found, scorer = market(own), PackedStudent(*artifact(own, make_student))
        excess.append(found.entropy(scorer) - found.entropy(uncompressed(own)))
    return float(np.mean(excess))


@lru_cache(maxsize=4)
def gains_by_market(seed: int, make_student: MakeStudent) -> tuple[tuple[float, float], ...]:
    """Return what an artifact gains in each market over the fallback, and what could be gained."""
    nothing = ((0.0, 1.0),) * MARKETS
    if make_student is fallback_alone:
        return nothing
    markets = market_seeds(seed, MARKETS)
    if any(artifact_bytes(artifact(own, make_student)[1]) > BYTE_BUDGET for own in markets):
        return nothing
    if not entropy_excess(seed, make_student) <= ENTROPY_ALLOWANCE:
        return nothing
    scorers = {own: PackedStudent(*artifact(own, make_student)) for own in markets}
    return tuple((_gain(own, scorer), _reference_gain(own)) for own, scorer in scorers.items())


@lru_cache(maxsize=4)
def _reference_gain(seed: int) -> float:
    return _gain(seed, uncompressed(seed))


def _gain(seed: int, scorer: Scorer) -> float:
    found = market(seed)
    pair = ScorerPolicy(found.fallback), ScorerPolicy(scorer, counters=found.counters())
    return revenue_lift(found.world, *pair, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)


def _unpacked(value: np.ndarray | Packed) -> np.ndarray:
    if not isinstance(value, Packed):
        return np.asarray(value, np.float32)
    return (value.codes * np.asarray(value.scale)[:, None]).astype(np.float32)


def _bytes(name: str, value: np.ndarray | Packed) -> int:
    if not isinstance(value, Packed):
        return np.asarray(value).nbytes
    codes = np.asarray(value.codes)
    if not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"{name}: codes are whole numbers, not {codes.dtype}; round them")
    if value.bits not in range(2, 9):
        raise InputError(f"{name}: {value.bits} bits per code; use 2 to 8")
    if np.abs(codes.astype(int)).max() >= 2 ** (value.bits - 1):
        raise InputError(f"{name}: a code does not fit into {value.bits} bits")
    if np.shape(value.scale) != (len(codes),):
        raise InputError(f"{name}: {np.shape(value.scale)} scales for {len(codes)} rows")
    return len(codes) * (-(-codes.shape[1] * value.bits // 8) + 4)
