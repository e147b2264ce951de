import pickle

import numpy as np
import pandas as pd
import pytest

from mlsd.retrieval import (
    FlatIndex,
    HNSWIndex,
    IVFIndex,
    PQIndex,
    cheapest_within,
    found_share,
    index_recall,
)
from mlsd.runtime import InputError

ITEMS, WIDTH, K = 600, 16, 10
KINDS = {
    "flat": FlatIndex(),
    "ivf": IVFIndex(clusters=20, probes=20),
    "hnsw": HNSWIndex(links=16, search_breadth=ITEMS),
    "pq": PQIndex(subvectors=8, bits=8),
    "ivf_pq": PQIndex(subvectors=8, bits=6, clusters=8, probes=8),
}
EXACT = ("flat", "ivf", "hnsw")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    return vectors, rng.permutation(ITEMS) + 1000, rng.normal(size=(40, WIDTH))


@pytest.fixture(scope="module")
def built(data):
    vectors, ids, _ = data
    return {name: index.build(vectors, ids) for name, index in KINDS.items()}


def brute_force(data, allowed=None):
    vectors, ids, queries = data
    scores = queries.astype(np.float32) @ vectors.T
    if allowed is not None:
        scores[:, ~np.isin(ids, allowed)] = -np.inf
    return ids[np.argsort(-scores, axis=1)[:, :K]], -np.sort(-scores, axis=1)[:, :K]


@pytest.mark.parametrize("name", EXACT)
def test_what_looks_everywhere_equals_brute_force(name, data, built):
    ids, scores = built[name].search(data[2], K)
    wanted, best = brute_force(data)
    np.testing.assert_array_equal(ids, wanted)
    np.testing.assert_allclose(scores, best, rtol=1e-5)
    assert index_recall(built[name], built["flat"], data[2], K) == 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_filter_lets_nothing_else_through(name, when, data, built):
    allowed = data[1][:200]
    ids, scores = built[name].search(data[2], K, allowed=allowed, when=when, over_fetch=60)
    assert np.isin(ids, allowed).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    if name in EXACT:
        np.testing.assert_array_equal(ids, brute_force(data, allowed)[0])


@pytest.mark.parametrize("name", KINDS)
def test_both_filters_agree_where_enough_is_fetched(name, data, built):
    allowed = data[1][::3]
    before, after = (
        built[name].search(data[2], K, allowed=allowed, when=when, over_fetch=60)[0]
        for when in ("before", "after")
    )
    assert (before == after).mean() > 0.99


def test_filtering_afterwards_runs_short_where_little_is_allowed(data, built):
    flat, allowed = built["flat"], data[1][:12]
    ids, scores = flat.search(data[2], K, allowed=allowed, when="after", over_fetch=4)
    assert (ids == -1).any()
    np.testing.assert_array_equal(ids == -1, np.isneginf(scores))
    missing = ids == -1
    assert not (missing[:, :-1] & ~missing[:, 1:]).any()
    full, _ = flat.search(data[2], K, allowed=allowed)
    assert (full != -1).all()
    settings = {"allowed": allowed, "when": "after", "over_fetch": 4}
    assert index_recall(flat, flat, data[2], K, **settings) < 0.5


@pytest.mark.parametrize("name", KINDS)
def test_fewer_items_than_asked_for(name, data, built):
    ids, scores = built[name].search(data[2][:2], ITEMS + 5)
    assert ids.shape == (2, ITEMS + 5)
    assert (ids[:, -5:] == -1).all()
    assert np.isneginf(scores[:, -5:]).all()
    none, scores = built[name].search(data[2][:2], 3, allowed=np.array([5]))
    assert (none == -1).all()
    assert np.isneginf(scores).all()


def test_recall_rises_with_what_is_looked_at(data):
    vectors, ids, queries = data
    flat = FlatIndex().build(vectors, ids)
    few, some = (
        index_recall(IVFIndex(clusters=20, probes=p).build(vectors, ids), flat, queries, K)
        for p in (1, 5)
    )
    assert few < some < 1
    short, long = (
        index_recall(PQIndex(subvectors=8, bits=b).build(vectors, ids), flat, queries, K)
        for b in (3, 8)
    )
    assert short < long < 1
    narrow, broad = (
        index_recall(
            HNSWIndex(links=4, build_breadth=8, search_breadth=b).build(vectors, ids),
            flat,
            queries,
            K,
        )
        for b in (10, 100)
    )
    assert narrow < broad


def test_memory_is_what_the_vectors_take(built):
    size = {name: index.memory_bytes for name, index in built.items()}
    vectors, ids = ITEMS * WIDTH * 4, ITEMS * 8
    assert vectors + ids <= size["flat"] < vectors + ids + 200
    assert size["pq"] < size["flat"] < size["ivf"] < size["hnsw"]
    codebooks = 256 * WIDTH * 4
    # A code has eight bytes, and FAISS keeps a number of eight for each vector.
    assert size["pq"] == pytest.approx(ITEMS * (8 + 8) + codebooks + ids, rel=0.05)


@pytest.mark.parametrize("name", KINDS)
def test_the_same_vectors_give_the_same_index_before_and_after_pickling(name, data, built):
    vectors, ids, queries = data
    found = built[name].search(queries, K)[0]
    again = type(KINDS[name])(**vars_of(KINDS[name])).build(vectors, ids)
    for index in (again, pickle.loads(pickle.dumps(built[name]))):
        np.testing.assert_array_equal(index.search(queries, K)[0], found)


def vars_of(index):
    return {name: getattr(index, name) for name in getattr(index, "__dataclass_fields__", {})}


def test_text_ids(data):
    vectors, ids, queries = data
    names = np.array([f"video {i}" for i in ids])
    found, _ = FlatIndex().build(vectors, names).search(queries, 2, allowed=names[:1])
    assert (found[:, 0] == names[0]).all()
    assert all(each is None for each in found[:, 1])


def test_bad_input_is_one_clear_line(data):
    vectors, ids, queries = data
    flat = FlatIndex()
    with pytest.raises(InputError, match="call build first"):
        flat.search(queries, 1)
    flat.build(vectors, ids)
    with pytest.raises(InputError, match="the index holds vectors of 16"):
        flat.search(queries[:, :3], 1)
    with pytest.raises(InputError, match="give 1 or more"):
        flat.search(queries, 0)
    with pytest.raises(InputError, match="choose 'before' or 'after'"):
        flat.search(queries, 1, allowed=ids, when="never")
    with pytest.raises(InputError, match="twice"):
        flat.build(vectors[:2], [3, 3])
    with pytest.raises(InputError, match="there are 600 vectors"):
        flat.build(vectors, ids[:2])
    with pytest.raises(InputError, match="vector 1 is not finite"):
        flat.build(np.array([[1.0], [np.nan]]), [3, 4])
    with pytest.raises(InputError, match="probes <= clusters"):
        IVFIndex(clusters=4, probes=5).build(vectors, ids)
    with pytest.raises(InputError, match="a divisor"):
        PQIndex(subvectors=5).build(vectors, ids)
    with pytest.raises(InputError, match="256 centres of 100"):
        PQIndex().build(vectors[:100], ids[:100])


def test_cost_counts_what_is_compared_and_read(data, built):
    vectors, ids, queries = data
    flat = built["flat"].cost(queries, K)
    assert (flat.vectors, flat.bytes) == (ITEMS, ITEMS * WIDTH * 4)
    everywhere = built["ivf"].cost(queries, K)
    assert everywhere.vectors == ITEMS + 20
    few = IVFIndex(clusters=20, probes=3).build(vectors, ids).cost(queries, K)
    assert 20 < few.vectors < everywhere.vectors
    codes = built["pq"].cost(queries, K)
    # A centre, 256 rows of codebooks, and eight bytes per item.
    assert codes.bytes == (1 + 256) * WIDTH * 4 + ITEMS * 8
    narrow, broad = (
        HNSWIndex(links=8, search_breadth=breadth).build(vectors, ids).cost(queries, K)
        for breadth in (10, 100)
    )
    assert narrow.vectors < broad.vectors < ITEMS
    assert narrow.bytes > narrow.vectors * WIDTH * 4


def test_a_filter_saves_comparisons_everywhere_but_in_a_graph(data, built):
    _, ids, queries = data
    allowed = {"allowed": ids[:60]}
    assert built["flat"].cost(queries, K, **allowed).vectors == 60
    assert built["ivf"].cost(queries, K, **allowed).vectors == 60 + 20
    assert built["hnsw"].cost(queries, K, **allowed).vectors > 60 + 20


def test_a_query_of_a_centre_looks_into_its_list(data):
    vectors, ids, _ = data
    index = IVFIndex(clusters=20, probes=1).build(vectors, ids)
    found, _ = index.search(index.centres, 1)
    nearest = np.argmax(vectors @ index.centres.T, axis=1)
    wanted = [
        ids[nearest == c][np.argmax(vectors[nearest == c] @ centre)]
        for c, centre in enumerate(index.centres)
    ]
    np.testing.assert_array_equal(found[:, 0], wanted)


def test_agreeing_on_nothing_is_not_found():
    wanted = np.array([[5, -1], [8, 9]])
    assert found_share(np.array([[7, -1], [9, 8]]), wanted) == pytest.approx(2 / 3)
    assert np.isnan(found_share(wanted, np.full((2, 2), -1)))


def test_text_ids_have_a_recall_too(data):
    vectors, ids, queries = data
    names = np.array([f"video {i}" for i in ids])
    flat = FlatIndex().build(vectors, names)
    assert index_recall(flat, flat, queries, 3, allowed=names[:2]) == 1


def test_the_cheapest_keeps_every_limit():
    table = pd.DataFrame(
        {"recall": [1, 0.97, 0.96], "read": [100, 2, 3], "memory": [264, 412, 280]},
        index=["flat", "graph", "lists"],
    )
    assert cheapest_within(table, 0.95, 5, 300) == "lists"
    assert cheapest_within(table, 0.95, 5, 500) == "graph"
    assert cheapest_within(table, 0.99, 100, 300) == "flat"
    assert cheapest_within(table, 0.99, 5, 300) is None
    with pytest.raises(InputError, match="column 'read' is missing"):
        cheapest_within(table[["recall"]], 0.9, 1, 1)
