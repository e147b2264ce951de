"""What the weights of `50_sweep` bring where the sources are fitted once more before they serve.

In `50_sweep` the sources serve as the heads met them, three days old. Here the heads are the same
and the sources are refitted on the whole history, in the fresh worlds of the sweep and in the
market of the chapter (121). A feed ranks by ``(1 - weight) * seconds + weight * like``, each
prediction divided by its mean. Columns: per measure the ``_change`` in percent against the feed
that ranks by the head of watched videos, from the same sources, with the 95 % interval (paired by
viewer, delta method).
"""

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.value import mean_predictions, sum_ranker, tuned_heads
from mlsd.experiments import run_study
from mlsd.lab_support.video.taped_feeds import deployed_sums, twin_changes
from mlsd.worlds import VideoWorld

SEEDS = (111, 112, 113, 121)
DAYS, WEIGHTS = 5, (0.0, 0.4)


def measure(seed):
    """Return one row per weight of likes."""
    world = VideoWorld(seed=seed, size="small")
    stage = ranking_stage(world)
    heads = tuned_heads(stage)
    means, served = mean_predictions(stage, heads), stage.refitted()
    control = deployed_sums(world, served.policy(heads["watched"]), DAYS)
    for weight in WEIGHTS:
        ranker = sum_ranker(heads, means, {"watch_seconds": 1 - weight, "like": weight})
        sums = deployed_sums(world, served.policy(ranker), DAYS)
        row = {"weight": weight}
        for name, change in twin_changes(control, sums, "watch_hours", "return_28").iterrows():
            row[f"{name}_change"] = change["estimate"]
            row |= {f"{name}_low": change["low"], f"{name}_high": change["high"]}
        yield row


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/50_refitted")
