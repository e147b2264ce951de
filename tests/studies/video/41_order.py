"""What the order of a history is worth: SASRec with and without it, in small worlds and on films.

One network is fitted on histories in the order of time and one on histories that were shuffled
user by user; all else is equal. Each is then asked with four versions of what a user had: in the
order of time, with the last ten shuffled among themselves, with all of it shuffled, and with the
last ten left out. Metrics are those of the ladder: full corpus, the worlds split by time (three for
each seed), MovieLens 100K with each user's last film left out. Intervals are of the
difference from the first network in the order of time, users resampled. EASE, which knows no order,
stands beside them with the best of four settings on the validation part. Run by hand with MLSD_DATA
set; about three CPU minutes:

    OMP_NUM_THREADS=1 python tests/studies/video/41_order.py
"""

import numpy as np

from mlsd import metrics
from mlsd.cases import find_case
from mlsd.data import load_dataset
from mlsd.experiments import run_study
from mlsd.experiments.sources import LogSource
from mlsd.lab_support.video.sequence_trials import shuffled_in_time
from mlsd.models import EASERecommender, SASRecRecommender

SEEDS = (1,)
WORLDS_PER_SEED = 3
SIZE = {"embedding_dim": 32, "blocks": 1, "history_length": 50, "learning_rate": 2e-3}
NEWEST = 10


def shuffled(past, random):
    """Return histories (users, length), padded in front with -1, each in an order by chance."""
    keys = np.where(past < 0, -1.0, random.random(past.shape))
    return np.take_along_axis(past, np.argsort(keys, axis=1, kind="stable"), axis=1)


def versions(past, random):
    """Return the versions of histories that a network is asked with, by name."""
    older, newest = past[:, :-NEWEST], past[:, -NEWEST:]
    return {
        "in order": past,
        "last ten shuffled": np.hstack([older, shuffled(newest, random)]),
        "all shuffled": shuffled(past, random),
        "last ten left out": np.where(np.arange(past.shape[1]) < older.shape[1], past, -1),
    }


def ndcg(protocol, prepared, part, model, past, whole):
    """Return NDCG of each user; whatever a user had is never recommended."""
    items, _ = model.recommend(
        prepared.users[part], protocol.k + NEWEST + whole.shape[1], histories=past
    )
    gone = (items[:, :, None] == whole[:, None, :]).any(axis=2)
    first = np.argsort(gone, axis=1, kind="stable")[:, : protocol.k]
    lists = prepared.corpus.get_indexer(np.take_along_axis(items, first, axis=1).ravel())
    lists = lists.reshape(len(items), -1)
    return metrics.ranking_by_user(lists, prepared.relevant[part], protocol.k)["ndcg"]


def sources(seed):
    """Yield name, replicate and protocol of small worlds and of the films."""
    protocol = find_case("video").ladder.protocol
    worlds = [200 + WORLDS_PER_SEED * seed + number for number in range(WORLDS_PER_SEED)]
    for world in find_case("video").source(size="small").replicates(worlds):
        yield f"small world {world.seed}", world, protocol
    (films,) = LogSource(load_dataset("movielens-100k")).replicates((seed,))
    yield "MovieLens 100K", films, protocol.for_log(films.log)


def best_ease(protocol, prepared, train, past):
    """Return EASE with the best of the ladder's four settings on validation."""
    fitted = [EASERecommender(l2=l2).fit(train) for l2 in (30.0, 100.0, 300.0, 1_000.0)]
    return max(
        fitted,
        key=lambda model: ndcg(protocol, prepared, "validation", model, past, past).mean(),
    )


def measure(seed):
    """Return NDCG of each network with each version of the histories."""
    rows = []
    for source, replicate, protocol in sources(seed):
        prepared, random = protocol.prepare(replicate), np.random.default_rng(seed)
        train, valid = (prepared.interactions[part] for part in ("train", "validation"))
        before, past = prepared.histories("validation"), prepared.histories("test")
        networks = {}
        for order, learned in {
            "in order": train,
            "shuffled": shuffled_in_time(train, random),
        }.items():
            tried = [
                SASRecRecommender(**SIZE, dropout=dropout, random_state=seed).fit(
                    learned, valid=valid
                )
                for dropout in (0.2, 0.5)
            ]
            networks[order] = max(
                tried,
                key=lambda model: ndcg(
                    protocol, prepared, "validation", model, before, before
                ).mean(),
            )
        asked = versions(past, random)
        found = {
            (order, name): ndcg(protocol, prepared, "test", network, version, past)
            for order, network in networks.items()
            for name, version in asked.items()
        }
        ease = best_ease(protocol, prepared, train, before)
        found["EASE", "in order"] = ndcg(protocol, prepared, "test", ease, past, past)
        reference = found["in order", "in order"]
        for (trained, version), values in found.items():
            change = metrics.mean_interval(values - reference, seed=0)
            row = {"source": source, "trained": trained, "asked": version, "users": len(values)}
            row |= {"ndcg": values.mean(), "change": change.estimate}
            rows.append(row | {"low": change.low, "high": change.high})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/41_order")
