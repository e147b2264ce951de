"""What slates earn that are chosen as a whole, in worlds that chose nothing.

Vectors are topics, and the weight of each rule is that with most watch hours in `51_sweep.csv`; no
other vectors earn more there by more than a small part of an interval. In each world the ranker of
watch time serves a day from the top, and a day with each rule, with a cap of two videos of one
creator, with MMR and the cap, with a gentler MMR (weight 0.7), and with one video per topic.
`world` is ``plain``, or ``no sameness`` where viewers mind neither look-alikes on a slate nor a
topic that they have watched in the session: the cause is removed.

Columns: `world`, `policy`; the change of each measure against the top of the list in percent, with
``_low`` and ``_high``; `same_topic` and `over_cap` as in `slate_facts`; coverage and the Gini
coefficient of creators as reported. Run by hand; four minutes of one thread.
"""

from mlsd.cases.video.ranking import ranking_stage
from mlsd.experiments import load_study, run_study
from mlsd.lab_support.video.slate_trials import (
    catalogue_vectors,
    codes_by_item,
    deployed,
    time_ranker,
    trial_row,
)
from mlsd.policies.video import SlateArranger
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import VideoConfig

SEEDS = (521, 522, 523, 524)
# Where the cause is removed as well.
REMOVED = (521, 522)
DAYS = 1
CAP = 2
GENTLE = 0.7


def chosen_settings():
    """Return the setting of MMR and DPP on topics that earned most in the development world."""
    swept = load_study("video/51_sweep").query("vectors == 'topic' and rule in ('mmr', 'dpp')")
    best = swept.loc[swept.groupby("rule")["watch_hours"].idxmax()]
    return {row.rule: (row.weight, row.vectors) for row in best.itertuples()}


def arrangers(videos):
    """Return how slates are chosen, by name."""
    vectors, cap = (
        catalogue_vectors(videos),
        {"creators": codes_by_item(videos, "creator_id"), "cap": CAP},
    )
    rules = {
        rule: {"rule": rule, "weight": weight, "vectors": vectors[name], "log": True}
        for rule, (weight, name) in chosen_settings().items()
    }
    return {
        **{rule: SlateArranger(**each) for rule, each in rules.items()},
        "top, cap": SlateArranger(**cap),
        "mmr, cap": SlateArranger(**rules["mmr"], **cap),
        "mmr, gentle": SlateArranger(**{**rules["mmr"], "weight": GENTLE}),
        "one per topic": SlateArranger(creators=codes_by_item(videos, "topic"), cap=1),
    }


def measure(seed):
    """Return one row per world and policy."""
    configs = {"plain": None, "no sameness": VideoConfig(sameness=0.0, satiation=0.0)}
    for name, config in configs.items():
        if config is not None and seed not in REMOVED:
            continue
        world = VideoWorld(seed=seed, config=config)
        stage = ranking_stage(world)
        ranker = time_ranker(stage)
        control = deployed(world, stage.policy(ranker), DAYS)
        yield {"world": name, "policy": "top", **trial_row(world, control, control)}
        for policy, arrange in arrangers(stage.logs.videos).items():
            if config is None or policy in ("mmr", "dpp"):
                trial = deployed(world, stage.policy(ranker, arrange=arrange), DAYS)
                yield {"world": name, "policy": policy, **trial_row(world, control, trial)}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/51_slate")
