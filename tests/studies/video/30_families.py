"""Recommenders at five settings each: what two validation metrics say, and what they earn.

In each world every setting of every family is fitted on the training part and judged on the
validation part twice, by NDCG@20 over all choices and by NDCG@20 over the choices from slots that
the feed did not fill with what trends. Then it is deployed for three days. About seven CPU minutes:

    OMP_NUM_THREADS=1 python tests/studies/video/30_families.py
"""

from itertools import product

from mlsd import models
from mlsd.cases.video.ladder import LADDER
from mlsd.cases.video.worlds import WORLDS
from mlsd.experiments import run_study
from mlsd.lab_support.video.judged_users import judge_users
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime.times import DAY

SEEDS = (211, 212, 213)
TRENDING = 0


def candidates():
    """Yield family, setting in words, and a recommender."""
    for days in (None, 16, 4, 1, 0.25):
        yield (
            "popularity",
            f"half-life {days} d",
            models.PopularityRecommender(half_life=days and days * DAY),
        )
    for shrinkage, kept in ((0.0, 200), (10.0, 200), (100.0, 200), (10.0, 50), (10.0, 20)):
        yield (
            "item_cosine",
            f"shrinkage {shrinkage:g}, {kept} neighbours",
            models.ItemCosineRecommender(shrinkage=shrinkage, neighbours=kept),
        )
    for l2 in (30.0, 100.0, 300.0, 1_000.0, 3_000.0):
        yield "ease", f"l2 {l2:g}", models.EASERecommender(l2=l2)
    for dropout, l2 in ((0.3, 100.0), (0.3, 300.0), (0.5, 30.0), (0.5, 100.0), (0.5, 300.0)):
        model = models.DenoisingEASERecommender(dropout=dropout, l2=l2)
        yield "denoising_ease", f"dropout {dropout}, l2 {l2:g}", model
    for components, ideal in ((32, 0.3), (64, 0.3), (128, 0.3), (256, 0.3), (128, 0.0)):
        model = models.GraphFilterRecommender(components=components, ideal=ideal)
        yield "graph_filter", f"{components} components, ideal {ideal}", model
    for unobserved, l2 in ((0.1, 0.003), (0.1, 0.01), (0.1, 0.03), (0.3, 0.003), (0.3, 0.01)):
        model = models.ImplicitALSRecommender(unobserved=unobserved, l2=l2)
        yield "ials", f"unobserved {unobserved}, l2 {l2}", model
    for rate, l2 in (*product((0.05, 0.2), (0.003, 0.03)), (0.2, 0.1)):
        model = models.BPRRecommender(learning_rate=rate, l2=l2)
        yield "bpr", f"rate {rate}, l2 {l2}", model


def measure(seed):
    """Return one row per setting: both validation metrics, and hours watched with interval."""
    replicate = WORLDS.source().simulate(seed)
    feed = LADDER.protocol.prepare(replicate)
    validation = feed.interactions["validation"]
    elsewhere = validation[validation["source"] != TRENDING]
    rows = []
    for family, setting, model in candidates():
        model.fit(feed.interactions["train"])
        online = replicate.world.deploy(RecommenderPolicy(model), days=3).measures
        hours = online["watch_hours"]
        row = {
            "family": family,
            "setting": setting,
            "ndcg": judge_users(model, feed)["ndcg"].mean(),
            "ndcg elsewhere": judge_users(model, feed, among=elsewhere)["ndcg"].mean(),
            "watch_hours": hours.estimate,
            "low": hours.low,
            "high": hours.high,
            "satisfaction": online["satisfaction"].estimate,
            "coverage": online["coverage"].estimate,
        }
        print(seed, family, setting, round(row["ndcg"], 4), round(hours.estimate, 1), flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/30_families")
