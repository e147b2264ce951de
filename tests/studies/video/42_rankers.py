"""What rankers find offline and earn when deployed, and what candidates limit them to.

Each rung of `cases.video.ranking_rungs` has four settings, chosen on the validation day. The chosen
one is measured on the test day, by the NDCG of each outcome, and deployed for two days in a world
that is the twin of one served by the best single source. Sources are those of the ranking stage,
three days old when the deployment begins, on both sides; `42_served` fits them once more. Then the
ranker of watch time is deployed with fewer and with more candidates, and the heads of the mixture
of experts one by one. In a second world the three objectives of logistic regression are repeated.

Columns: `kind` is ``rung``, ``head`` or ``candidates``; `settings` as chosen; `validation` all four
values; ``ndcg_<outcome>`` of the test day, ``_low`` and ``_high`` its 95 % interval by user;
``<measure>`` the value deployed, ``<measure>_change`` with its interval the change in percent
against the source's own lists.
"""

import json
import time

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.ranking_rungs import RANKER_RUNGS, TASKS, head_of, offline_interval, tune
from mlsd.experiments import run_study
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds import VideoWorld

SEEDS = (13, 29)
# Beyond the first world only the objectives are repeated.
REPEATED = ("logistic, click", "logistic, watched", "logistic, watch time")
DAYS = 2
OUTCOMES = ("click", "watched", "like", "watch_seconds")
MEASURES = ("watch_hours", "clicks", "satisfaction", "session_slates", "return_28")
CANDIDATES = (6, 10, 20, 40, 80)


def offline(stage, ranker):
    """Return the NDCG of each outcome on the test day, with its interval by user."""
    found = {}
    for outcome in OUTCOMES:
        interval = offline_interval(stage, ranker, outcome)
        found[f"ndcg_{outcome}"] = interval.estimate
        found |= {f"ndcg_{outcome}_low": interval.low, f"ndcg_{outcome}_high": interval.high}
    return found


def online(stage, policy):
    """Return the deployed value of each measure, and its change against the best source alone."""
    alone = RecommenderPolicy(stage.features.sources["ease"])
    twins = stage.world.compare(alone, policy, days=DAYS)
    found = {}
    for name, change in twins.changes(*MEASURES).iterrows():
        found[name] = twins.lifts[name].treatment.estimate
        found[f"{name}_alone"] = twins.lifts[name].control.estimate
        found[f"{name}_change"] = change["estimate"]
        found |= {f"{name}_low": change["low"], f"{name}_high": change["high"]}
    return found


def measure(seed):
    """Return one row per rung, per head of the mixture, and per number of candidates."""
    stage = ranking_stage(VideoWorld(seed=seed))
    rankers = {}
    for rung in RANKER_RUNGS:
        if seed != SEEDS[0] and rung.name not in REPEATED:
            continue
        started = time.process_time()
        tuned = tune(rung, stage)
        seconds = (time.process_time() - started) / len(rung.settings)
        rankers[rung.name] = tuned.ranker
        yield {
            "kind": "rung",
            "name": rung.name,
            "settings": json.dumps(tuned.settings),
            "validation": json.dumps([round(value, 5) for value in tuned.validation]),
            "fit_cpu_seconds": seconds,
            **offline(stage, tuned.ranker),
            **online(stage, stage.policy(tuned.ranker)),
        }
    if seed != SEEDS[0]:
        return
    for task in TASKS:
        head = head_of(rankers["MMoE, watched"], task)
        shown = online(stage, stage.policy(head)) if task != "watched" else {}
        yield {"kind": "head", "name": task, **offline(stage, head), **shown}
    for count in CANDIDATES:
        policy = stage.policy(rankers["logistic, watch time"], candidates=count)
        yield {"kind": "candidates", "name": count, **online(stage, policy)}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/42_rankers")
