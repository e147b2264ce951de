"""Deploy fitted rungs into their world, and test one against another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlsd.experiments.ladder import FittedRung, select_rungs, tune_rung
from mlsd.experiments.prepared import PreparedLog, prepare_log
from mlsd.experiments.sources import WorldSource
from mlsd.metrics import Interval
from mlsd.policies import ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds.base import Comparison

DESIGNS = ("user", "budget", "switchback")


def policy_of(fitted: FittedRung, prepared: PreparedLog) -> ScorerPolicy:
    """Return the policy that serves a fitted rung, its features warm with the whole history."""
    rung, log = fitted.rung, prepared.replicate.log
    counters = prepared.counters.serving(log) if rung.uses_counters else None
    histories = prepared.histories.serving(log) if rung.uses_histories else None
    return ScorerPolicy(fitted.scorer, counters=counters, histories=histories)


def deployer(days: int) -> Callable[[FittedRung, PreparedLog], dict[str, float]]:
    """Return a function that deploys a fitted rung for `days` after the end of its history.

    It returns the estimate of every measure of the world's report by name.
    """

    def deploy(fitted: FittedRung, prepared: PreparedLog) -> dict[str, float]:
        report = prepared.replicate.world.deploy(policy_of(fitted, prepared), days=days)
        return {name: interval.estimate for name, interval in report.measures.items()}

    return deploy


@dataclass(frozen=True)
class PairTest:
    """An A/B test of two rungs, beside the truth of twin worlds."""

    test: Comparison
    truth: Comparison

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row a measure: name, both arms, observed lift, true lift, as text."""
        return [
            (
                name,
                f"{lift.control.estimate:.4g}",
                f"{lift.treatment.estimate:.4g}",
                _percent(lift.relative),
                _percent(self.truth.lifts[name].relative),
            )
            for name, lift in self.test.lifts.items()
        ]


def _percent(interval: Interval) -> str:
    values = (interval.estimate, interval.low, interval.high)
    estimate, low, high = (f"{100 * value:+.1f}" for value in values)
    return f"{estimate} % [{low}, {high}]"


def run_ab_test(
    control: str,
    treatment: str,
    *,
    design: str = "user",
    days: int = 7,
    seed: int = 7,
    size: str = "default",
) -> PairTest:
    """Fit two rungs on one world's history and test them against each other.

    Parameters
    ----------
    control, treatment : str
        Names of rungs.
    design : str
        ``"user"``, ``"budget"`` or ``"switchback"``.
    days, seed, size
        Of the test and of the world.

    Raises
    ------
    InputError
        For an unknown or untrainable rung, or an unknown design.
    """
    if design not in DESIGNS:
        raise InputError(f"unknown design {design!r}; choose among {', '.join(DESIGNS)}")
    rungs = {rung.name: rung for rung in select_rungs((control, treatment))}
    if "oracle" in rungs:
        raise InputError("the oracle is no model and cannot be deployed; choose another rung")
    replicate = next(WorldSource(size=size).replicates((seed,)))
    prepared = prepare_log(replicate)
    policies = [
        policy_of(tune_rung(rungs[n], prepared, rungs[n].settings(replicate.log.roles)), prepared)
        for n in (control, treatment)
    ]
    world = replicate.world
    return PairTest(
        world.ab_test(*policies, days=days, design=design), world.compare(*policies, days=days)
    )
