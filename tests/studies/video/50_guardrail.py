"""How often two rules for a guardrail let a launch pass, and what tests of two launches report.

A company serves ten markets, each a small world. Of its three feeds `watched` ranks by the
head of watched videos, `balanced` and `seconds` by the sum of `50_sweep` with weights 0.4 and 0 of
likes. A launch replaces one by another, ``"nothing"`` a feed by itself (`LAUNCHES`).

`kind` ``"split"``: twin deployments of five days say what each viewer does under both feeds, so a
test can be repeated. Viewers are split at random 500 times, and each time the arms are analysed as
a company would. `truth`, with its interval, is the change in percent over all viewers, paired by
viewer; `error` is the mean standard error of a test, `worse` the share of tests that are
significantly worse (two-sided, 5 %), `better` the same for better, and ``passes_M`` the share in
which the lower end of the 90 % interval lies above a loss of M %.

`kind` ``"test"``: one A/B test of five days in each market, all analysed together.
`estimate`, `low` and `high` with 95 %, and `low_90`.
"""

import numpy as np
import pandas as pd

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.value import mean_predictions, sum_ranker, tuned_heads
from mlsd.experiments import ratio_lift, run_study
from mlsd.lab_support.video.taped_feeds import (
    RATIOS,
    TapedFeed,
    arm_changes,
    deployed_sums,
    twin_changes,
    viewer_sums,
)
from mlsd.worlds import VideoWorld

SEEDS = (111,)
MARKETS, DAYS, SPLITS = 10, 5, 500
SHARES = (0.1, 0.25, 0.5, 1.0)
WEIGHTS = {
    "balanced": {"watch_seconds": 0.6, "like": 0.4},
    "seconds": {"watch_seconds": 1.0},
}
LAUNCHES = {
    "nothing": ("watched", "watched"),
    "balanced": ("watched", "balanced"),
    "seconds": ("balanced", "seconds"),
    "seconds at once": ("watched", "seconds"),
}
TESTED = ("balanced", "seconds")
METRICS = ("watch_hours", "session_slates", "return_1", "likes", "satisfaction")
# No test of five days knows it; the twins do.
LATE = "return_28"
MARGINS = (0, 1, 2, 4, 6, 8)


def market(seed):
    """Return the world of a market and its three feeds by name."""
    world = VideoWorld(seed=seed, size="small")
    stage = ranking_stage(world)
    heads = tuned_heads(stage)
    means = mean_predictions(stage, heads)
    feeds = {"watched": stage.policy(heads["watched"])}
    for name, weights in WEIGHTS.items():
        feeds[name] = stage.policy(sum_ranker(heads, means, weights))
    return world, feeds


def repeated(control, treatment, share):
    """Return the rates of one launch for each metric, over random splits of a share of viewers."""
    viewers = control.index.union(treatment.index)
    control, treatment = (sums.reindex(viewers, fill_value=0.0) for sums in (control, treatment))
    truth = twin_changes(control, treatment, *METRICS, LATE)
    # Below half the share one arm, above it the other, the rest in neither.
    draws = np.random.default_rng(0).random((SPLITS, len(viewers)))
    for name in (*METRICS, LATE):
        one, two = (sums[list(RATIOS[name])].to_numpy().T for sums in (control, treatment))
        lifts = [
            ratio_lift(one[:, u < share / 2], two[:, (u >= share / 2) & (u < share)], level=0.9)
            for u in draws
        ]
        tests = 100 * pd.DataFrame([vars(lift) for lift in lifts])
        error = (tests["high"] - tests["low"]) / 2 / 1.645
        z = tests["estimate"] / error
        row = {"metric": name, "viewers": share * len(viewers)}
        row |= {"truth": truth["estimate"][name], "error": error.mean()}
        row |= {"truth_low": truth["low"][name], "truth_high": truth["high"][name]}
        row |= {"worse": (z < -1.96).mean(), "better": (z > 1.96).mean()}
        yield row | {f"passes_{margin}": (tests["low"] > -margin).mean() for margin in MARGINS}


def tested(world, feeds, launch):
    """Return the viewers' sums of both arms of an A/B test of a launch."""
    before, after = LAUNCHES[launch]
    taped = TapedFeed(feeds[before])
    test = world.ab_test(taped, feeds[after], days=DAYS)
    return [viewer_sums(report, taped.tape) for report in (test.control, test.treatment)]


def measure(seed):
    """Return the rates for each share of the viewers, then the tests of all of them."""
    sums, arms = {}, {name: [] for name in TESTED}
    for number in range(MARKETS):
        world, feeds = market(seed + number)
        for name, feed in feeds.items():
            sums.setdefault(name, []).append(deployed_sums(world, feed, DAYS))
        for launch in TESTED:
            arms[launch].append(tested(world, feeds, launch))
    together = {name: pd.concat(dict(enumerate(each))) for name, each in sums.items()}
    for share in SHARES:
        for launch, (before, after) in LAUNCHES.items():
            for row in repeated(together[before], together[after], share):
                yield {"kind": "split", "share": share, "launch": launch} | row
    for launch, pairs in arms.items():
        both = [pd.concat(dict(enumerate(each))) for each in zip(*pairs)]
        ninety = arm_changes(*both, *METRICS, level=0.9)["low"]
        for name, change in arm_changes(*both, *METRICS).iterrows():
            row = {"kind": "test", "share": 1.0, "launch": launch, "metric": name}
            row |= {"viewers": sum(map(len, both))} | dict(change)
            yield row | {"low_90": ninety[name]}


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/50_guardrail")
