"""What towers that read content earn in the week after their training.

In each small world EASE, decayed popularity, a tower on content and one on content and ids choose
among four settings on the validation part, are judged on the test part, fitted again on the whole
history and deployed for a week against EASE. `upload_share` is the share of impressions, in
percent, of videos uploaded after the history. Run by hand; two minutes of one thread.
"""

from dataclasses import replace

import pandas as pd

from mlsd.cases.video.ladder import LADDER
from mlsd.cases.video.worlds import WORLDS
from mlsd.experiments import run_study
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime.times import DAY

SEEDS = (401, 402, 403, 404, 405, 406)
RUNGS = {
    "ease": "ease",
    "decayed_popularity": "decayed_popularity",
    "two_tower": "content and id",
    "content_two_tower": "content",
}
BATCH = 512


def measure(seed):
    """Return one row per model: NDCG@20, change of hours watched in percent, upload share."""
    replicate = WORLDS.source(size="small").simulate(seed)
    feed = LADDER.protocol.prepare(replicate)
    fits = {
        RUNGS[rung.name]: fitted(rung, replicate, feed)
        for rung in LADDER.rungs
        if rung.name in RUNGS
    }
    ndcg = {name: ndcg_on_test(fit.model, feed) for name, fit in fits.items()}
    models = {name: on_everything(fit.model, replicate, feed) for name, fit in fits.items()}
    control, rows = RecommenderPolicy(models["ease"]), []
    for name, model in models.items():
        record = RecordedPolicy(RecommenderPolicy(model))
        run = replicate.world.compare(control, record, days=7)
        shown = record.rows().query(f"ts >= {replicate.history_days * DAY}")
        share = 100 * (shown["item_id"] > replicate.tables["items"]["item_id"].max()).mean()
        change = run.changes("watch_hours").iloc[0]
        rows.append({"model": name, "ndcg": ndcg[name], **change, "upload_share": share})
    return rows


def fitted(rung, replicate, feed):
    """Return the best of the rung's settings on the validation part."""
    settings = rung.settings(replicate.log.roles)
    fits = [LADDER.protocol.fit(rung, feed, each) for each in settings]
    return max(fits, key=lambda fit: fit.validation["validation_ndcg@20"])


def ndcg_on_test(model, feed):
    """Return the mean NDCG@20 over the users of the test part."""
    lists = model.recommend(feed.users["test"], 20)[0]
    places = feed.corpus.get_indexer(lists.ravel()).reshape(lists.shape)
    return feed.truth("test").by_user(places, 20)["ndcg"].mean()


def on_everything(model, replicate, feed):
    """Return the model fitted on the whole history, a tower for as long as validation kept it."""
    interactions = pd.concat(feed.interactions.values(), ignore_index=True)
    if hasattr(model, "history_"):
        steps = -(-len(feed.interactions["train"]) // BATCH)
        model = replace(model, epochs=model.history_.best_step / steps)
    return model.fit(interactions, items=replicate.tables["items"])


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/40_uploads")
