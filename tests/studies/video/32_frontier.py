"""Recall, cost and memory of indexes over corpora of three sizes, grown or structureless.

For each world: a week of history, implicit ALS with its defaults, and corpora grown from its item
vectors (`grown_corpus`), searched with 300 of its user vectors for the 100 largest inner products.
Beside them, for the first seed, normal vectors of the same width. `compared` and `bytes` are per
query and the same on every machine; `cpu` is the CPU time of one query at a time over that of brute
force in the same minute, which is not. `recall_reranked` is that of codes if four times as many are
fetched and ordered by their whole vectors. About five CPU minutes:

    OMP_NUM_THREADS=1 python tests/studies/video/32_frontier.py
"""

import time

import numpy as np

from mlsd.experiments import run_study
from mlsd.lab_support.video.vector_corpora import grown_corpus, structureless_corpus
from mlsd.models import ImplicitALSRecommender
from mlsd.retrieval import EqualNormsIndex, FlatIndex, HNSWIndex, IVFIndex, PQIndex
from mlsd.worlds import VideoWorld

SEEDS = (321, 322, 323)
SIZES = (3_000, 20_000, 200_000)
K, QUERIES, CLOCKED = 100, 300, 60
PROBES, BREADTHS = (1, 2, 4, 8, 16, 32, 64, 128), (100, 200, 400, 800)
RERANKED = 4


def measure(seed):
    """Return one row per corpus, index and setting."""
    log = VideoWorld(seed=seed).history(days=7).labelled().frame
    model = ImplicitALSRecommender().fit(log[log["watched"] == 1])
    rng = np.random.default_rng(seed)
    users = model.user_vectors_[rng.choice(len(model.user_vectors_), QUERIES, replace=False)]
    width = users.shape[1]
    real = model.item_vectors_[np.linalg.norm(model.item_vectors_, axis=1) > 1e-6]
    yield from tried("real", real, users)
    for items in SIZES:
        yield from tried("grown", grown_corpus(real, items, seed)[0], users)
        if seed == SEEDS[0]:  # they know nothing of the world
            normal = structureless_corpus(QUERIES, width, seed + 1)
            yield from tried("structureless", structureless_corpus(items, width, seed), normal)


def tried(corpus, vectors, queries):
    """Yield one row per index and setting on a corpus."""
    ids = np.arange(len(vectors))
    flat = FlatIndex().build(vectors, ids)
    best, _ = flat.search(queries, K)
    second = clocked(flat, queries)
    for index, setting, searched in settings(vectors, ids):
        cost = searched.cost(queries, K)
        found, _ = searched.search(queries, K)
        # A graph would search more broadly for more; codes look at all items anyway.
        more = searched.search(queries, RERANKED * K)[0] if index == "pq" else found
        yield {
            "corpus": corpus,
            "items": len(vectors),
            "index": index,
            "setting": setting,
            "recall": overlap(found, best),
            "recall_reranked": overlap(more, best),
            "compared": cost.vectors,
            "bytes": cost.bytes,
            "memory": searched.memory_bytes / len(vectors),
            "cpu": clocked(searched, queries) / second,
        }


def settings(vectors, ids):
    """Yield kinds of index, built, under each of their settings."""
    items = len(vectors)
    yield "flat", 0, FlatIndex().build(vectors, ids)
    longest = np.argsort(-np.linalg.norm(vectors, axis=1))[: items // 20]
    yield "flat, longest 5 %", 0, FlatIndex().build(vectors[longest], longest)
    clusters = round(2 * items**0.5)
    for name, wrapped in (("", plain), (", equal norms", equal_norms)):
        inverted = IVFIndex(clusters=clusters)
        searched = wrapped(inverted).build(vectors, ids)
        for probes in (each for each in PROBES if each <= clusters):
            inverted.probes = probes
            yield f"ivf{name}", probes, searched
        graph = HNSWIndex(links=16)
        searched = wrapped(graph).build(vectors, ids)
        for breadth in BREADTHS:
            graph.search_breadth = breadth
            yield f"hnsw{name}", breadth, searched
    yield "pq", 8, PQIndex(subvectors=8).build(vectors, ids)


def plain(index):
    """Return the index as it is."""
    return index


def equal_norms(index):
    """Return the index over vectors of equal norms."""
    return EqualNormsIndex(index=index)


def overlap(found, best):
    """Return the share of the best that was found, mean over queries."""
    return np.mean([np.isin(*pair).mean() for pair in zip(best, found)])


def clocked(index, queries):
    """Return CPU seconds of a query, one at a time, the best of three rounds."""
    rounds = []
    for _ in range(3):
        start = time.process_time()
        for query in queries[:CLOCKED]:
            index.search(query[None], K)
        rounds.append((time.process_time() - start) / CLOCKED)
    return min(rounds)


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/32_frontier")
