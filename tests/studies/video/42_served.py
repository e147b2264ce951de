"""What three objectives earn when the sources are fitted once more before they serve.

As in `42_rankers`, but sources and ranker are served as a company would: the ranker has learned
from the scores of the sources of the eleventh day, and reads those of the same sources fitted on
all fourteen. It is compared with EASE of all fourteen days, whose own lists fill the slates of a
twin world for two days. The settings of each rung are chosen on the validation day. Columns: `name`
of the rung; ``<measure>_change`` in percent with its 95 % interval by user.
"""

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.ranking_rungs import RANKER_RUNGS, tune
from mlsd.experiments import run_study
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds import VideoWorld

SEEDS = (29,)
RUNGS = ("logistic, click", "logistic, watched", "logistic, watch time")
DAYS = 2
MEASURES = ("watch_hours", "clicks", "satisfaction", "session_slates", "return_28")


def measure(seed):
    """Return one row per rung."""
    stage = ranking_stage(VideoWorld(seed=seed))
    served = stage.refitted()
    alone = RecommenderPolicy(served.features.sources["ease"])
    for rung in RANKER_RUNGS:
        if rung.name not in RUNGS:
            continue
        policy = served.policy(tune(rung, stage).ranker)
        row = {"name": rung.name}
        for name, change in served.world.compare(alone, policy, DAYS).changes(*MEASURES).iterrows():
            row[f"{name}_change"] = change["estimate"]
            row |= {f"{name}_low": change["low"], f"{name}_high": change["high"]}
        yield row


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/42_served")
