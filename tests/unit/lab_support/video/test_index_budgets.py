import numpy as np
import pytest

from mlsd.lab_support.video.index_budgets import (
    Budget,
    Kept,
    always_flat,
    budgets_kept,
    measured,
    results,
    tasks,
)
from mlsd.lab_support.video.index_traces import code_ranks, exact_answers, list_depths
from mlsd.retrieval import (
    EqualNormsIndex,
    FlatIndex,
    HNSWIndex,
    IVFIndex,
    PQIndex,
    index_recall,
)


def test_two_corpora_share_a_budget_that_different_indexes_keep():
    skewed, clustered = tasks(9)[1:3]
    assert skewed.budget == clustered.budget
    assert skewed.vectors.shape == clustered.vectors.shape
    kept = {}
    for name, task in {"skewed": skewed, "clustered": clustered}.items():
        lists = IVFIndex(clusters=round(2 * len(task.vectors) ** 0.5), probes=16)
        graph = HNSWIndex(links=16, search_breadth=30)
        for kind, index in {"lists": lists, "graph": graph}.items():
            found = _reached(EqualNormsIndex(index=index), task)
            kept[name, kind] = found.fits(task.budget)
    assert kept["skewed", "lists"] > kept["skewed", "graph"]
    assert kept["clustered", "graph"] > kept["clustered", "lists"]


def _reached(index, task):
    built = index.build(task.vectors, np.arange(len(task.vectors)))
    return measured(built, task.vectors, task.fresh_queries)


def test_limits_forgive_what_two_samples_differ_by():
    budget = Budget(recall=0.96, read=0.04, memory=3.5)
    assert Kept(recall=0.945, read=0.0415, memory=3.5).fits(budget)
    assert not Kept(recall=0.935, read=0.0415, memory=3.5).fits(budget)
    assert not Kept(recall=0.945, read=0.0425, memory=3.5).fits(budget)
    assert not Kept(recall=0.945, read=0.0415, memory=3.51).fits(budget)


def test_brute_force_keeps_the_two_budgets_that_allow_it():
    assert budgets_kept(9, always_flat) == 2
    assert [found.recall for _, found in results(9, always_flat)] == [1] * 5
    assert not np.array_equal(tasks(9)[0].queries, tasks(9)[0].fresh_queries)


def test_a_count_of_calls_does_not_tell_which_corpus_is_asked_about():
    asked = {seed: [] for seed in range(3)}
    for seed, sizes in asked.items():

        def listens(vectors, queries, budget, sizes=sizes):
            sizes.append(len(vectors))
            return FlatIndex()

        found = results(seed, listens)
        assert sorted(sizes) == sorted(len(task.vectors) for task, _ in found)
        assert [task for task, _ in found] == list(tasks(seed))
    orders = {tuple(np.argsort(sizes, kind="stable")) for sizes in asked.values()}
    assert len(orders) > 1


@pytest.mark.parametrize("probes", [1, 5])
def test_depths_tell_the_recall_of_every_number_of_probes(probes):
    task = tasks(9)[0]
    ids = np.arange(len(task.vectors))
    index = IVFIndex(clusters=30, probes=probes).build(task.vectors, ids)
    exact = exact_answers(task.vectors, task.queries, 10)
    depth = list_depths(task.vectors, task.queries, exact, index.centres)
    flat = FlatIndex().build(task.vectors, ids)
    assert (depth < probes).mean() == pytest.approx(index_recall(index, flat, task.queries, 10))


def test_ranks_by_code_tell_the_recall_of_every_number_fetched():
    task = tasks(9)[0]
    ids = np.arange(len(task.vectors))
    index = PQIndex(subvectors=8, bits=4).build(task.vectors, ids)
    exact = exact_answers(task.vectors, task.queries, 10)
    ranks = code_ranks(task.vectors, task.queries, exact, index)
    flat = FlatIndex().build(task.vectors, ids)
    assert (ranks < 10).mean() == pytest.approx(
        index_recall(index, flat, task.queries, 10), abs=0.01
    )
