"""Corpora that nobody has seen, each with a budget: what a chosen index keeps of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mlsd.retrieval import FlatIndex, VectorIndex, index_recall

K, WIDTH, QUERIES = 20, 32, 200
# What two samples of 200 queries differ by, some three standard deviations of each.
RECALL_SLACK, READ_SLACK = 0.02, 1.05


@dataclass(frozen=True)
class Budget:
    """What an index has to reach, and what it may use.

    Attributes
    ----------
    recall : float
        Least index recall at 20.
    read : float
        Bytes read per query at most, as a share of those of brute force.
    memory : float
        Bytes per item at most, as a share of the raw vectors' (four bytes a number).
    """

    recall: float
    read: float
    memory: float


@dataclass(frozen=True, eq=False)
class Task:
    """A corpus with its budget; `queries` are a sample, and others decide.

    Attributes
    ----------
    vectors : array of float32, shape (items, 32)
    queries, fresh_queries : array of float32, shape (200, 32)
    budget : Budget
    """

    vectors: np.ndarray
    queries: np.ndarray
    fresh_queries: np.ndarray
    budget: Budget


ChooseIndex = Callable[[np.ndarray, np.ndarray, Budget], VectorIndex]


@dataclass(frozen=True)
class Kept:
    """What an index reached on a task: recall, and shares as in `Budget`."""

    recall: float
    read: float
    memory: float

    def fits(self, budget: Budget) -> bool:
        """Tell whether all three limits are kept, as far as other queries can tell."""
        affordable = self.read <= READ_SLACK * budget.read and self.memory <= budget.memory
        return affordable and self.recall >= budget.recall - RECALL_SLACK


def measured(index: VectorIndex, vectors: np.ndarray, queries: np.ndarray) -> Kept:
    """Return what a built index reaches on queries.

    Examples
    --------
    >>> task = tasks(5)[0]
    >>> flat = FlatIndex().build(task.vectors, np.arange(len(task.vectors)))
    >>> measured(flat, task.vectors, task.queries).recall
    1.0
    """
    exact = FlatIndex().build(vectors, np.arange(len(vectors)))
    return Kept(
        index_recall(index, exact, queries, K),
        index.cost(queries, K).bytes / vectors.nbytes,
        index.memory_bytes / vectors.nbytes,
    )


@lru_cache(maxsize=4)
def tasks(seed: int) -> tuple[Task, ...]:
    """Return the five tasks of a seed: of several sizes, norms and structures.

    Examples
    --------
    >>> [len(task.vectors) > 3_000 for task in tasks(5)]
    [False, True, True, True, True]
    """
    rng = np.random.default_rng([seed, 32])
    spare = Budget(recall=0.96, read=0.04, memory=3.5)
    # Of one size, so that nothing but the vectors tells the two corpora of this budget apart.
    items = int(rng.integers(7_000, 9_500))
    return (
        _task(rng, (1_000, 2_000), Budget(0.99, 1.1, 1.25), spread=0.5),
        _task(rng, (items, items + 1), spare, spread=0.4, norm_sd=1.7),
        _task(rng, (items, items + 1), spare, spread=0.4),
        _task(rng, (9_000, 14_000), Budget(0.6, 0.4, 0.45), spread=0.4),
        _task(rng, (4_000, 6_000), Budget(0.95, 1.1, 1.25), groups=1, spread=1.0),
    )


def budgets_kept(seed: int, choose_index: ChooseIndex) -> float:
    """Return how many of the five budgets the chosen indexes keep on queries of their own."""
    return float(sum(each.fits(task.budget) for task, each in results(seed, choose_index)))


@lru_cache(maxsize=32)
def results(seed: int, choose_index: ChooseIndex) -> tuple[tuple[Task, Kept], ...]:
    """Return each task of a seed with what the chosen index reached.

    Tasks are handed out in an order drawn by lot, so that a count of calls tells nothing.
    """
    kept: dict[int, Kept] = {}
    for place in np.random.default_rng([seed, 33]).permutation(len(tasks(seed))).tolist():
        task = tasks(seed)[place]
        index = choose_index(task.vectors.copy(), task.queries.copy(), task.budget)
        index.build(task.vectors, np.arange(len(task.vectors)))
        kept[place] = measured(index, task.vectors, task.fresh_queries)
    return tuple((task, kept[place]) for place, task in enumerate(tasks(seed)))


def always_flat(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return the baseline: brute force, whatever the budget."""
    return FlatIndex()


def _task(
    rng: np.random.Generator,
    sizes: tuple[int, int],
    budget: Budget,
    *,
    groups: int = 40,
    spread: float,
    norm_sd: float = 0.0,
) -> Task:
    """Return items around centres, in a few directions, with log-normal norms."""
    items = int(rng.integers(*sizes))
    centres = rng.normal(size=(groups, WIDTH)) if groups > 1 else np.zeros((1, WIDTH))
    drawn = np.concatenate(
        [
            centres[rng.integers(0, groups, n)] + spread * rng.normal(size=(n, WIDTH))
            for n in (items, 2 * QUERIES)
        ]
    ).astype(np.float32)
    vectors, queries = drawn[:items], drawn[items:]
    if norm_sd:
        vectors = vectors * rng.lognormal(0, norm_sd, (items, 1)).astype(np.float32)
    return Task(vectors, queries[:QUERIES], queries[QUERIES:], budget)
