"""EASE, factors and a kernel over users against implicit's ALS on MovieLens 100K.

Run by hand; the data are found under ``$MLSD_DATA``:

    OMP_NUM_THREADS=1 python tests/benchmarks/last_item.py [--json]

The last film of each user is the test, the one before it the validation, as in the ladder of the
data set. Rungs of the video ladder and the peer climb as one ladder: fitted on the training part
alone, settings chosen by NDCG@10 on the validation part with the first seed, the test part scored
once. The peer chooses among the `PEER_SETTINGS`, three times as many as a rung of ours. For each
rung stand NDCG@10 and Recall@10, and its difference to the peer in NDCG@10 with a 95 % interval,
paired by user.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import replace

import pandas as pd
from one_json import one_json_object
from scipy import sparse

from mlsd.cases import find_case
from mlsd.data import load_dataset
from mlsd.experiments import run_ladder
from mlsd.experiments.evidence import percentile_interval
from mlsd.experiments.rungs import Rung, select_rungs
from mlsd.experiments.sources import LogSource
from mlsd.experiments.summary import metric_draws
from mlsd.models import ImplicitALSRecommender

print_object = one_json_object("--json" in sys.argv)

OURS, PEER, SEEDS = ("ease", "user_kernel", "ials"), "implicit_als", (0, 1, 2)
PEER_SETTINGS = tuple(
    {"dim": factors, "regularization": regularization, "alpha": alpha}
    for factors, regularization, alpha in itertools.product((64, 128, 192), (1.0, 10.0), (2.0, 8.0))
)


class PeerALS(ImplicitALSRecommender):
    """implicit's vectors, from which lists are made as from ours."""

    def __init__(self, *, dim: int, regularization: float, alpha: float, random_state: int) -> None:
        super().__init__(dim=dim, random_state=random_state)
        self.regularization = regularization
        self.alpha = alpha

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        from implicit.als import AlternatingLeastSquares

        peer = AlternatingLeastSquares(
            factors=self.dim,
            regularization=self.regularization,
            alpha=self.alpha,
            num_threads=1,
            random_state=self.random_state,
        )
        peer.fit(sparse.csr_matrix(self._corpus.matrix), show_progress=False)
        self.user_vectors_, self._outward = peer.user_factors, peer.item_factors.T


def measure() -> dict[str, dict[str, object]]:
    """Climb the rungs and the peer; return figures by rung."""
    ladder = find_case("video").ladder
    peer = Rung(
        PEER,
        "PeerALS",
        "ids",
        lambda inputs, settings: PeerALS(**settings, random_state=inputs.random_state),
        lambda roles: PEER_SETTINGS,
    )
    ladder = replace(ladder, rungs=(*select_rungs(ladder.rungs, OURS), peer))
    runs = run_ladder(LogSource(load_dataset("movielens-100k")), ladder, seeds=SEEDS)
    found, (peer_ndcg, of_peer) = {}, metric_draws(runs, PEER, "ndcg@10")
    for name in (*OURS, PEER):
        (ndcg, draws), (recall, _) = (metric_draws(runs, name, m) for m in ("ndcg@10", "recall@10"))
        low, high = percentile_interval(draws - of_peer, runs.replicates[0].units)
        first = runs.replicates[0].runs[name]
        found[name] = {
            "settings": dict(first.settings),
            "validation_ndcg@10": first.validation["validation_ndcg@10"],
            "ndcg@10": ndcg,
            "recall@10": recall,
            "ndcg@10_minus_peer": [ndcg - peer_ndcg, low, high],
        }
    return found


def main() -> None:
    """Print a line for each rung, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments, found = parser.parse_args(), measure()
    if arguments.json:
        print_object(found)
        return
    for name, row in found.items():
        difference, low, high = row["ndcg@10_minus_peer"]
        print(
            f"{name:14}NDCG@10 {row['ndcg@10']:.4f}  Recall@10 {row['recall@10']:.4f}  "
            f"minus peer {difference:+.4f} [{low:+.4f}, {high:+.4f}]  {row['settings']}"
        )


if __name__ == "__main__":
    main()
