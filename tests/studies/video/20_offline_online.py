"""The first rungs of the video ladder by three yardsticks: full corpus, sampled, and deployed.

Each rung's setting is the one of four with the highest NDCG@20 on the validation part (popularity
has nothing to tune). `ndcg` and `recall` are those of full-corpus lists of 20 on the test part;
`sampled ndcg` and `sampled hits` rank each item that a user chose among 100 that were drawn from
those that they did not choose, cut at rank 10, ties counted half. The columns `ahead` name what a
rung leads by the paired 95 % interval over users, by `ndcg` and by `sampled ndcg`. EASE stands
there with each of its four settings too. Online is a week with the rung fitted on the whole log.
"""

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.cases import find_case
from mlsd.experiments import run_study
from mlsd.experiments.ladder import tune_rung
from mlsd.experiments.rungs import RungInputs, select_rungs
from mlsd.policies.video import RecommenderPolicy

SEEDS = (41, 42)
RUNGS = ("popularity", "decayed_popularity", "segment_popularity", "item_cosine", "ease")
ONLINE = ("watch_hours", "satisfaction", "return_1")


def sampled_gains(model, prepared, negatives=100, k=10):
    """Return NDCG and hit rate at k of each user, each choice ranked among sampled items."""
    users, relevant = prepared.users["test"], prepared.relevant["test"]
    owner = np.repeat(np.arange(len(users)), [len(each) for each in relevant])
    known = np.zeros((len(users), len(prepared.corpus)), bool)
    known[owner, np.concatenate(relevant)] = True
    train = prepared.interactions["train"]
    rows = pd.Index(users).get_indexer(train["user_id"])
    places = prepared.corpus.get_indexer(train["item_id"])
    known[rows[rows >= 0], places[rows >= 0]] = True
    drawn = np.random.default_rng(0).integers(known.shape[1], size=(len(owner), negatives))
    listed = np.column_stack([np.concatenate(relevant), drawn])
    items = prepared.corpus.to_numpy()[listed]
    pairs = np.repeat(users[owner], negatives + 1), items.ravel()
    score = model.score(*pairs).reshape(items.shape)
    above = (score[:, 1:] > score[:, :1]) + 0.5 * (score[:, 1:] == score[:, :1])
    rank = 1 + np.where(known[owner[:, None], drawn], 0, above).sum(axis=1)
    gains = {"sampled ndcg": (rank <= k) / np.log2(rank + 1), "sampled hits": rank <= k}
    count = np.bincount(owner)
    return {name: np.bincount(owner, gain) / count for name, gain in gains.items()}


def gains_of(fitted, prepared, protocol):
    """Return every metric of every user, for a fitted rung."""
    lists = protocol.predict(fitted, prepared).predictions["items"]
    found = metrics.ranking_by_user(lists, prepared.relevant["test"], 20)
    sampled = sampled_gains(fitted.model, prepared)
    return {"ndcg": found["ndcg"], "recall": found["recall"], **sampled}


def deployed(rung, settings, replicate, whole):
    """Return what a rung brings that is fitted on the whole log."""
    model = rung.build(RungInputs(replicate.log.roles, (), replicate.seed), settings)
    model.fit(whole, users=replicate.tables["users"])
    report = replicate.world.deploy(RecommenderPolicy(model), days=7)
    return {name: report.measures[name].estimate for name in ONLINE}


def measure(seed):
    """Return one row per rung, and one per setting of EASE."""
    case = find_case("video")
    protocol = case.ladder.protocol
    (replicate,) = case.source().replicates((seed,))
    prepared = protocol.prepare(replicate)
    whole = pd.concat(prepared.interactions.values())
    by_user, rows = {}, {}
    for rung in select_rungs(case.ladder.rungs, RUNGS):
        fitted = tune_rung(rung, prepared, protocol)
        by_user[rung.name] = gains_of(fitted, prepared, protocol)
        online = deployed(rung, fitted.settings, replicate, whole)
        rows[rung.name] = {"setting": str(dict(fitted.settings)), **online}
    for settings in rung.settings(replicate.log.roles):
        name = f"ease_{settings['l2']:g}"
        by_user[name] = gains_of(protocol.fit(rung, prepared, settings), prepared, protocol)
        rows[name] = {"setting": str(settings), **dict.fromkeys(ONLINE, np.nan)}
    for name, row in rows.items():
        row |= {metric: values.mean() for metric, values in by_user[name].items()}
        for metric in ("ndcg", "sampled ndcg"):
            led = [other for other in rows if leads(by_user[name], by_user[other], metric)]
            row[f"ahead by {metric}"] = " ".join(led)
    return [{"rung": name, **row} for name, row in rows.items()]


def leads(one, other, metric):
    """Return whether the paired interval over users lies above zero."""
    return metrics.mean_interval(one[metric] - other[metric]).low > 0


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/20_offline_online")
