"""Whether slates without repeated topics keep the guardrail of satisfaction, in more worlds.

As `51_slate.py`, in two worlds more, which were drawn after its table had been read: the ranker of
watch time serves a day from the top, and a day with MMR on topics at both of its weights and with
one video per topic.

Columns: as those of `51_slate.csv`. Run by hand; two minutes of one thread.
"""

from mlsd.cases.video.ranking import ranking_stage
from mlsd.experiments import run_study
from mlsd.lab_support.video.slate_trials import (
    catalogue_vectors,
    codes_by_item,
    deployed,
    time_ranker,
    trial_row,
)
from mlsd.policies.video import SlateArranger
from mlsd.worlds import VideoWorld

SEEDS = (531, 532)
DAYS = 1
WEIGHTS = {"mmr": 0.3, "mmr, gentle": 0.7}


def measure(seed):
    """Return one row per policy."""
    world = VideoWorld(seed=seed)
    stage = ranking_stage(world)
    ranker = time_ranker(stage)
    vectors = catalogue_vectors(stage.logs.videos)["topic"]
    topics = codes_by_item(stage.logs.videos, "topic")
    arrangers = {
        **{name: SlateArranger("mmr", each, vectors, log=True) for name, each in WEIGHTS.items()},
        "one per topic": SlateArranger(creators=topics, cap=1),
    }
    control = deployed(world, stage.policy(ranker), DAYS)
    yield {"policy": "top", **trial_row(world, control, control)}
    for policy, arrange in arrangers.items():
        trial = deployed(world, stage.policy(ranker, arrange=arrange), DAYS)
        yield {"policy": policy, **trial_row(world, control, trial)}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/51_guardrail")
