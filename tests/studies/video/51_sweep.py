"""How much slates gain from being chosen as a whole, over rules, vectors and weights.

A development world: it chooses weight and vectors of each rule, and nothing is claimed about it.
The ranker of watch time (four penalties, chosen on the validation day) serves a day from the top,
and a day with each rule. MMR and DPP have three weights with each of three kinds of vectors; two
more where the least of the three still left slates that repeat topics. The rule ``cap`` passes over
a video whose topic is on the slate `weight` times already.

Columns: `rule`, `vectors`, `weight`; the change of each measure against the top of the list in
percent, with ``_low`` and ``_high``; `same_topic` and `over_cap` as in `slate_facts`; coverage and
the Gini coefficient of creators as reported. Run by hand; three minutes of one thread.
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

SEEDS = (511,)
DAYS = 1
WEIGHTS = {"mmr": (0.7, 0.5, 0.3), "dpp": (2.0, 1.0, 0.5)}
TOPIC_CAPS = (2, 1)
LESS = {"mmr": (0.15, 0.05), "dpp": (0.25, 0.1)}


def measure(seed):
    """Return one row per rule, vectors and weight, and one for the top of the list."""
    world = VideoWorld(seed=seed)
    stage = ranking_stage(world)
    ranker = time_ranker(stage)
    control = deployed(world, stage.policy(ranker), DAYS)
    yield {"rule": "top", **trial_row(world, control, control)}
    for name, vectors in catalogue_vectors(stage.logs.videos).items():
        for rule, weights in WEIGHTS.items():
            for weight in weights if name == "topic" else weights + LESS[rule]:
                arrange = SlateArranger(rule, weight, vectors, log=True)
                trial = deployed(world, stage.policy(ranker, arrange=arrange), DAYS)
                setting = {"rule": rule, "vectors": name, "weight": weight}
                yield {**setting, **trial_row(world, control, trial)}
    topics = codes_by_item(stage.logs.videos, "topic")
    for cap in TOPIC_CAPS:
        arrange = SlateArranger(creators=topics, cap=cap)
        trial = deployed(world, stage.policy(ranker, arrange=arrange), DAYS)
        setting = {"rule": "cap", "vectors": "topic", "weight": cap}
        yield {**setting, **trial_row(world, control, trial)}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/51_sweep")
