"""What a feed brings as the weights of its value model change, and which early signs predict it.

Six worlds are small and one is of the default size. In each, heads of logistic regression are
fitted, with four settings of which validation chose one. A prediction is divided by its mean over
the validation rows. `sum` ranks by ``(1 - weight) * seconds + weight * like``, `product` by
``seconds ** (1 - weight) * like ** weight``; `watched` and `click` rank by that head alone. Every
feed is deployed for five days.

Columns: `part` (``development``, ``fresh`` or ``default size``); per measure the ``_change`` in
percent against the feed that ranks by the head of watched videos, with the 95 % interval (paired by
viewer, delta method). `likes`, `completions` and `refusals` are per started video, `stars` is the
mean answer of the survey: what a company sees besides the world's own measures.
"""

import numpy as np

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.value import mean_predictions, sum_ranker, tuned_heads
from mlsd.experiments import run_study
from mlsd.lab_support.video.taped_feeds import deployed_sums, twin_changes
from mlsd.models import ValueRanker
from mlsd.worlds import VideoWorld

SEEDS = (101, 102, 103, 111, 112, 113, 131)
PARTS = dict(zip(SEEDS, ["development"] * 3 + ["fresh"] * 3 + ["default size"]))
DAYS = 5
SUMS, PRODUCTS = (0.0, 0.2, 0.4, 0.6, 1.0), (0.5,)


def feeds(heads, means):
    """Return family, weight and ranker of each feed."""
    for name in ("watched", "click"):
        yield name, np.nan, heads[name]
    for weight in SUMS:
        weights = {"watch_seconds": 1 - weight, "like": weight}
        yield "sum", weight, sum_ranker(heads, means, weights)
    pair = {name: heads[name] for name in ("watch_seconds", "like")}
    for weight in PRODUCTS:
        yield "product", weight, ValueRanker(heads=pair, value=product_of(weight))


def product_of(weight):
    """Return the value that multiplies; dividing by a mean would change nothing in its order."""

    def value(predicted):
        return predicted["watch_seconds"] ** (1 - weight) * predicted["like"] ** weight

    return value


def measure(seed):
    """Return one row per feed."""
    world = VideoWorld(seed=seed, size="default" if PARTS[seed] == "default size" else "small")
    stage = ranking_stage(world)
    heads, control = tuned_heads(stage), None
    for family, weight, ranker in feeds(heads, mean_predictions(stage, heads)):
        sums = deployed_sums(world, stage.policy(ranker), DAYS)
        control = sums if control is None else control
        row = {"part": PARTS[seed], "family": family, "weight": weight}
        for name, change in twin_changes(control, sums).iterrows():
            row[f"{name}_change"] = change["estimate"]
            row |= {f"{name}_low": change["low"], f"{name}_high": change["high"]}
        yield row


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/50_sweep")
