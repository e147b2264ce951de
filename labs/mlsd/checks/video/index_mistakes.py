"""Mistakes that the checks of the index lab are known to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlsd.checks import WrongAnswer
from mlsd.lab_support.video.index_budgets import Budget, always_flat, measured
from mlsd.retrieval import EqualNormsIndex, FlatIndex, HNSWIndex, IVFIndex, PQIndex, VectorIndex


def _blamed(wanted, found, indexed, *, mistake):
    counted = wanted >= 0 if mistake != "-1 counts as an id" else np.ones(wanted.shape, bool)
    hit = (wanted[:, :, None] == found[:, None, :]).any(axis=2)
    if mistake == "place by place":
        hit = wanted == found
    known = np.isin(wanted, indexed)
    if mistake == "of what was returned":
        known = np.isin(wanted, found)
    share = {
        "found": (hit & counted).sum(),
        "not indexed": (~known & counted).sum(),
        "search missed": (known & ~hit & counted).sum(),
    }
    whole = wanted.size if mistake == "-1 counts as an id" else counted.sum()
    return {name: count / whole for name, count in share.items()}


def _probes(depth, recall, worst, *, mistake):
    for probes in range(1, depth.max() + 2):
        each = (depth < probes).mean(axis=1)
        if mistake == "one probe too few":
            each = (depth <= probes).mean(axis=1)
        low = each.min() if mistake == "no query at all" else np.mean(each < worst) <= 0.1
        low = low >= worst if mistake == "no query at all" else low
        if mistake == "mean alone":
            low = True
        enough = each.mean() >= recall or mistake == "worst alone"
        if enough and low:
            return probes
    return int(depth.max() + 1)


def _code(ranks, memory, most_fetched, recall, *, mistake):
    for size in sorted(ranks, reverse=mistake == "the longest code"):
        if size > memory and mistake != "memory ignored":
            continue
        for fetched in range(ranks[size].shape[1], most_fetched + 1):
            share = (ranks[size] < fetched).mean()
            if mistake == "rank counted from one":
                share = (ranks[size] + 1 < fetched).mean()
            if mistake == "every query":
                share = (ranks[size] < fetched).mean(axis=1).min()
            if share >= recall:
                return size, most_fetched if mistake == "fetches all it may" else fetched
    return None


def _plan(items, allowed, among_best, k, limit, *, mistake):
    share = allowed / items if mistake == "selectivity, not overlap" else among_best
    fetched = int(np.ceil(1.25 * k / share)) if share > 0 else np.inf
    options = [(allowed, ("pre", allowed))]
    if fetched <= 1_000 or mistake == "more than was looked at":
        options.append((4 * fetched, ("post", fetched)))
    if mistake == "always post":
        options = options[1:]
    if mistake == "always pre":
        options = options[:1]
    fitting = [each for each in options if each[0] <= limit or mistake == "limit ignored"]
    return min(fitting)[1] if fitting else ("none", 0)


def _mistaken(function: Callable[..., Any], mistake: str) -> Callable[..., Any]:
    return lambda *given: function(*given, mistake=mistake)


def graph_by_default(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return the package's graph as it comes."""
    return HNSWIndex()


def constant_probes(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return lists by the size of the corpus, with eight probes, whatever is asked."""
    return EqualNormsIndex(index=IVFIndex(clusters=round(2 * len(vectors) ** 0.5), probes=8))


def codes_by_default(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return the package's codes as they come."""
    return PQIndex()


def best_recall(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return what finds most on the sample, and never ask what it takes."""
    graph = HNSWIndex(links=16, search_breadth=400)
    kept = {index: _tried(index, vectors, queries).recall for index in (FlatIndex(), graph)}
    return max(kept, key=kept.__getitem__)


def graph_where_memory_allows(
    vectors: np.ndarray, queries: np.ndarray, budget: Budget
) -> VectorIndex:
    """Return an index by the budget alone, the graph where memory is spare."""
    if budget.memory > 2.5:
        return EqualNormsIndex(index=HNSWIndex(links=16, search_breadth=35))
    return _by_memory(budget)


def lists_where_memory_allows(
    vectors: np.ndarray, queries: np.ndarray, budget: Budget
) -> VectorIndex:
    """Return an index by the budget alone, lists of equal norms where memory is spare."""
    if budget.memory > 2.5:
        return EqualNormsIndex(index=IVFIndex(clusters=round(2 * len(vectors) ** 0.5), probes=16))
    return _by_memory(budget)


def by_size(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return an index by budget and size, lists where the corpus is large."""
    chosen = lists_where_memory_allows if len(vectors) > 8_250 else graph_where_memory_allows
    return chosen(vectors, queries, budget)


def raw_vectors(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Measure, but never give vectors equal norms."""
    if budget.memory <= 2.5:
        return _by_memory(budget)
    lists = round(2 * len(vectors) ** 0.5)
    tried = [IVFIndex(clusters=lists, probes=each) for each in (4, 8, 16)]
    tried += [HNSWIndex(links=16, search_breadth=each) for each in (20, 30, 40)]
    return _best_that_fits(tried, vectors, queries, budget)


def cheapest(vectors: np.ndarray, queries: np.ndarray, budget: Budget) -> VectorIndex:
    """Return what keeps memory and reads, whatever it finds."""
    if budget.memory < 1:
        return PQIndex(subvectors=8, bits=4)
    return IVFIndex(clusters=round(2 * len(vectors) ** 0.5), probes=1)


def _by_memory(budget: Budget) -> VectorIndex:
    return PQIndex(subvectors=32, bits=4) if budget.memory < 1 else FlatIndex()


def _tried(index: VectorIndex, vectors: np.ndarray, queries: np.ndarray):
    return measured(index.build(vectors, np.arange(len(vectors))), vectors, queries)


def _best_that_fits(tried, vectors, queries, budget):
    best, top = FlatIndex(), -1.0
    for index in tried:
        kept = _tried(index, vectors, queries)
        if kept.read <= budget.read and kept.memory <= budget.memory and kept.recall > top:
            best, top = index, kept.recall
    return best


WRONG_ANSWERS = (
    *(
        WrongAnswer("blame", mistake, _mistaken(_blamed, mistake))
        for mistake in ("-1 counts as an id", "place by place", "of what was returned")
    ),
    *(
        WrongAnswer("choose_probes", mistake, _mistaken(_probes, mistake))
        for mistake in ("mean alone", "worst alone", "one probe too few", "no query at all")
    ),
    *(
        WrongAnswer("choose_code", mistake, _mistaken(_code, mistake))
        for mistake in (
            "the longest code",
            "memory ignored",
            "rank counted from one",
            "every query",
            "fetches all it may",
        )
    ),
    *(
        WrongAnswer("filter_plan", mistake, _mistaken(_plan, mistake))
        for mistake in (
            "selectivity, not overlap",
            "more than was looked at",
            "always post",
            "always pre",
            "limit ignored",
        )
    ),
    WrongAnswer("choose_index", "always brute force", always_flat),
    WrongAnswer("choose_index", "the default graph", graph_by_default),
    WrongAnswer("choose_index", "the default codes", codes_by_default),
    WrongAnswer("choose_index", "constant probes", constant_probes),
    WrongAnswer("choose_index", "budget ignored", best_recall),
    WrongAnswer("choose_index", "data ignored, graph", graph_where_memory_allows),
    WrongAnswer("choose_index", "data ignored, lists", lists_where_memory_allows),
    WrongAnswer("choose_index", "size, not vectors", by_size),
    WrongAnswer("choose_index", "never equal norms", raw_vectors),
    WrongAnswer("choose_index", "recall ignored", cheapest),
)
