"""What an index that misses a part of the best videos costs in the world, in three worlds.

For each world: a week of history and implicit ALS with its defaults, deployed for three days behind
an exact index and, in a twin world each, behind others: inverted files over vectors of equal norms
that look into the number of clusters whose recall is nearest to 0.3, 0.6 and 0.9; one over the raw
vectors with the package's defaults; the package's graph over raw vectors; and an exact search that
loses 40 % of what it finds by chance. `recall_100` and `recall_20` are over all users with a
vector; changes are in percent of the exact index, with their 95 % interval. About two CPU
minutes:

    OMP_NUM_THREADS=1 python tests/studies/video/32_online.py
"""

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import ImplicitALSRecommender
from mlsd.policies.video import RecommenderPolicy
from mlsd.retrieval import (
    EqualNormsIndex,
    FlatIndex,
    HNSWIndex,
    IndexedRecommender,
    IVFIndex,
    index_recall,
)
from mlsd.worlds import VideoWorld

SEEDS = (331, 332, 333)
DAYS, HISTORY_DAYS = 3, 7
MEASURES = ("watch_hours", "clicks", "return_1")


class LosesByChance(FlatIndex):
    """An exact search that loses two fifths of what it finds, each time others."""

    def search(self, queries, k, **asked):
        """Search for more, and keep three fifths."""
        ids, scores = super().search(queries, round(k / 0.6) + 20, **asked)
        lost = np.random.default_rng(len(ids) * k).random(ids.shape) < 0.4
        order = np.argsort(lost, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)


def measure(seed):
    """Return one row per index."""
    world = VideoWorld(seed=seed)
    log = world.history(days=HISTORY_DAYS).labelled().frame
    watched = log[log["watched"] == 1]
    model = ImplicitALSRecommender().fit(watched)
    vectors, ids, users = model.item_vectors_, model.item_ids_, model.user_vectors_

    def policy(index):
        who = np.unique(watched["user_id"])
        return RecommenderPolicy(IndexedRecommender(index, who, users, watched, model))

    exact = FlatIndex().build(vectors, ids)
    for name, index in indexes(vectors, ids, users, exact).items():
        found = {f"recall_{k}": index_recall(index, exact, users, k) for k in (100, 20)}
        twins = world.compare(policy(exact), policy(index), days=DAYS, history_days=HISTORY_DAYS)
        for measured, change in twins.changes(*MEASURES).iterrows():
            yield {"index": name, **found, "measure": measured, **change}


def indexes(vectors, ids, users, exact):
    """Return the indexes by name, built."""
    found = {
        "ivf, raw": IVFIndex().build(vectors, ids),
        "hnsw, raw": HNSWIndex().build(vectors, ids),
        "lost by chance": LosesByChance().build(vectors, ids),
    }
    sample = users[:: max(len(users) // 500, 1)]
    clusters = round(2 * len(ids) ** 0.5)
    recalls = {}
    for probes in range(1, 25):
        inverted = EqualNormsIndex(index=IVFIndex(clusters=clusters, probes=probes))
        recalls[probes] = inverted.build(vectors, ids)
    reached = {p: index_recall(index, exact, sample, 100) for p, index in recalls.items()}
    for wanted in (0.3, 0.6, 0.9):
        nearest = min(reached, key=lambda p: abs(reached[p] - wanted))
        found[f"ivf, equal norms, {wanted}"] = recalls[nearest]
    return found


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/32_online")
