"""Four ways to find the largest inner products: all of them, clusters, a graph, short codes."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from mlsd.retrieval.base import FLOAT_BYTES, SearchCost, VectorIndex
from mlsd.runtime import InputError

_METRIC = faiss.METRIC_INNER_PRODUCT
_LINK_BYTES = 4


@dataclass(kw_only=True, eq=False)
class FlatIndex(VectorIndex):
    """Compares the query with every vector: exact, and for small corpora the fastest.

    Examples
    --------
    >>> import numpy as np
    >>> index = FlatIndex().build(np.eye(3), np.array([7, 8, 9]))
    >>> index.search(np.array([[0.1, 0.9, 0.5]]), 2)[0]
    array([[8, 9]])
    """

    def _empty(self, width: int, items: int) -> faiss.Index:
        return faiss.IndexFlatIP(width)

    def _parameters(self, selector: faiss.IDSelector | None, k: int) -> faiss.SearchParameters:
        return faiss.SearchParameters(sel=selector)

    def _cost(self, queries: np.ndarray, k: int, kept: np.ndarray | None) -> SearchCost:
        compared = len(self) if kept is None else kept.sum()
        return SearchCost(float(compared), float(compared * FLOAT_BYTES * self.width_))


@dataclass(kw_only=True, eq=False)
class IVFIndex(VectorIndex):
    """Inverted file: looks into the few clusters whose centres are nearest to the query.

    Parameters
    ----------
    clusters : int
        Number of k-means centres; about the root of the number of items is usual.
    probes : int
        Clusters that are looked into; with all of them the search is exact.
    random_state : int
        Of k-means.

    References
    ----------
    J. Sivic and A. Zisserman, Video Google: A Text Retrieval Approach to Object Matching in
    Videos, ICCV 2003.

    Examples
    --------
    >>> import numpy as np
    >>> index = IVFIndex(clusters=2, probes=1).build(np.eye(3), np.array([7, 8, 9]))
    >>> index.search(np.array([[0.1, 0.9, 0.5]]), 1)[0]
    array([[8]])
    """

    clusters: int = 64
    probes: int = 8
    random_state: int = 0

    @property
    def centres(self) -> np.ndarray:
        """Centres of the clusters, shape (clusters, width)."""
        return self._index.quantizer.reconstruct_n(0, self.clusters)

    def _empty(self, width: int, items: int) -> faiss.Index:
        _check_clusters(self.clusters, self.probes, items)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, self.clusters, _METRIC)
        _seed(index.cp, self.random_state)
        return index

    def _parameters(self, selector: faiss.IDSelector | None, k: int) -> faiss.SearchParameters:
        return faiss.SearchParametersIVF(sel=selector, nprobe=self.probes)

    def _cost(self, queries: np.ndarray, k: int, kept: np.ndarray | None) -> SearchCost:
        compared = self.clusters + _probed(self._index, queries, self.probes, kept)
        return SearchCost(compared, compared * FLOAT_BYTES * self.width_)


@dataclass(kw_only=True, eq=False)
class HNSWIndex(VectorIndex):
    """Hierarchical navigable small world: walks a graph of neighbours towards the query.

    Parameters
    ----------
    links : int
        Neighbours kept for each vector, twice as many in the lowest layer.
    build_breadth, search_breadth : int
        Candidates kept open while a vector is added, and while a query is answered (the paper's
        efConstruction and ef; the latter is at least k).

    Notes
    -----
    An inner product is not a metric: the vectors with the longest norms become neighbours of all
    others, and recall may be lower than on vectors of one length. What a filter forbids is still
    walked through.

    References
    ----------
    Y. Malkov and D. Yashunin, Efficient and Robust Approximate Nearest Neighbor Search Using
    Hierarchical Navigable Small World Graphs, IEEE TPAMI 2020.

    Examples
    --------
    >>> import numpy as np
    >>> index = HNSWIndex(links=4).build(np.eye(3), np.array([7, 8, 9]))
    >>> index.search(np.array([[0.1, 0.9, 0.5]]), 1)[0]
    array([[8]])
    """

    links: int = 32
    build_breadth: int = 80
    search_breadth: int = 64

    def _empty(self, width: int, items: int) -> faiss.Index:
        index = faiss.IndexHNSWFlat(width, self.links, _METRIC)
        index.hnsw.efConstruction = self.build_breadth
        return index

    def _parameters(self, selector: faiss.IDSelector | None, k: int) -> faiss.SearchParameters:
        return faiss.SearchParametersHNSW(sel=selector, efSearch=max(self.search_breadth, k))

    def _cost(self, queries: np.ndarray, k: int, kept: np.ndarray | None) -> SearchCost:
        walked = faiss.cvar.hnsw_stats
        walked.reset()
        self._find(queries, k, kept)
        compared, steps = walked.ndis / len(queries), walked.nhops / len(queries)
        read = compared * FLOAT_BYTES * self.width_ + steps * 2 * self.links * _LINK_BYTES
        return SearchCost(compared, read)


@dataclass(kw_only=True, eq=False)
class PQIndex(VectorIndex):
    """Product quantisation: a vector becomes one byte or less for each of its parts.

    A vector is cut into `subvectors` parts, and each part is replaced by the nearest of
    ``2 ** bits`` centres. Scores are those of the replaced vectors.

    Parameters
    ----------
    subvectors : int
        Parts of a vector; they divide its width.
    bits : int
        Of a part's code, 1 to 8.
    clusters, probes : int
        With more than one cluster the codes are of what is left after subtracting the centre, and
        `probes` clusters are looked into (IVF-PQ).
    random_state : int
        Of k-means.

    References
    ----------
    H. Jégou, M. Douze and C. Schmid, Product Quantization for Nearest Neighbor Search, IEEE TPAMI
    2011.

    Examples
    --------
    >>> import numpy as np
    >>> index = PQIndex(subvectors=2, bits=2).build(np.eye(4), np.arange(4))
    >>> index.search(np.array([[0, 1, 0, 0.1]]), 1)[0]
    array([[1]])
    """

    subvectors: int = 8
    bits: int = 8
    clusters: int = 1
    probes: int = 1
    random_state: int = 0

    def _empty(self, width: int, items: int) -> faiss.Index:
        _check_clusters(self.clusters, self.probes, items)
        if width % self.subvectors or not 1 <= self.bits <= 8:
            raise InputError(
                f"subvectors is {self.subvectors}, bits is {self.bits}; vectors are {width} wide: "
                "give a divisor of it, and 1 to 8 bits"
            )
        if 2**self.bits > items:
            raise InputError(f"bits is {self.bits}, for {2**self.bits} centres of {items} vectors")
        # FAISS's plain PQ index takes no filter; the one with an inverted file does.
        centres = faiss.IndexFlatIP(width)
        index = faiss.IndexIVFPQ(centres, width, self.clusters, self.subvectors, self.bits, _METRIC)
        index.by_residual = self.clusters > 1
        _seed(index.cp, self.random_state)
        _seed(index.pq.cp, self.random_state)
        return index

    def _parameters(self, selector: faiss.IDSelector | None, k: int) -> faiss.SearchParameters:
        return faiss.SearchParametersIVF(sel=selector, nprobe=self.probes)

    def _cost(self, queries: np.ndarray, k: int, kept: np.ndarray | None) -> SearchCost:
        codes = _probed(self._index, queries, self.probes, kept)
        # The products of a query with all centres are tabled once; a score is a sum of entries.
        read_whole = (self.clusters + 2**self.bits) * FLOAT_BYTES * self.width_
        return SearchCost(self.clusters + codes, read_whole + codes * self._index.code_size)


def _check_clusters(clusters: int, probes: int, items: int) -> None:
    if not 1 <= probes <= clusters <= items:
        raise InputError(
            f"probes is {probes}, clusters is {clusters}, with {items} vectors; "
            "give 1 <= probes <= clusters <= vectors"
        )


def _probed(
    index: faiss.IndexIVF, queries: np.ndarray, probes: int, kept: np.ndarray | None
) -> float:
    """Return how many items lie in the clusters that a query looks into, mean over queries."""
    held = np.zeros(index.nlist)
    for cluster in range(index.nlist):
        size = index.invlists.list_size(cluster)
        held[cluster] = size
        if kept is not None and size:
            held[cluster] = kept[faiss.rev_swig_ptr(index.invlists.get_ids(cluster), size)].sum()
    _, nearest = index.quantizer.search(queries, probes)
    return float(held[nearest].sum(axis=1).mean())


def _seed(clustering: faiss.ClusteringParameters, seed: int) -> None:
    clustering.seed = seed
    clustering.min_points_per_centroid = 1
