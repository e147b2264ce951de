"""Deploy fitted rungs into their world, and test one against another."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.experiments.ladder import Deploy, Ladder, tune_rung
from mlsd.experiments.protocols.base import Prepared
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.runs import FittedRung
from mlsd.experiments.sources import LadderSource
from mlsd.metrics import Interval
from mlsd.runtime import InputError
from mlsd.worlds.base import Comparison


def deployer(ladder: Ladder, days: int) -> Deploy:
    """Return a function that deploys a fitted rung for `days` after the end of its history.

    It returns the estimate of every measure by name and, with ``_change``, ``_change_low`` and
    ``_change_high`` after the name, the percent by which it differs from the policy that made the
    history: both run in twin worlds, so that rungs can be told apart by less than a measure's own
    interval is wide. For the oracle it is given None instead of a fitted rung, and returns nothing
    where the ladder has no policy that knows the truth.
    """

    def deploy(fitted: FittedRung | None, prepared: Prepared) -> dict[str, float]:
        if fitted is None:
            policy = ladder.oracle_policy(prepared)
        else:
            policy = ladder.policy(fitted, prepared)
        if policy is None:
            return {}
        world, history_days = prepared.replicate.world, prepared.replicate.history_days
        twins = world.compare_with_logging(policy, days=days, history_days=history_days)
        online = {name: lift.treatment.estimate for name, lift in twins.lifts.items()}
        for name, change in twins.changes().iterrows():
            online[f"{name}_change"] = change["estimate"]
            online[f"{name}_change_low"] = change["low"]
            online[f"{name}_change_high"] = change["high"]
        return online

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
    source: LadderSource,
    ladder: Ladder,
    arms: tuple[str, str],
    *,
    design: str = "user",
    days: int = 7,
    seed: int = 7,
) -> PairTest:
    """Fit two rungs on one world's history and test them against each other.

    Parameters
    ----------
    source : LadderSource
        A world.
    ladder : Ladder
        Rungs, protocol and designs.
    arms : (str, str)
        Names of the rungs of control and treatment.
    design : str
        One of the ladder's.
    days, seed
        Of the test and of the world.

    Raises
    ------
    InputError
        For an unknown or untrainable rung, or an unknown design.
    """
    if design not in ladder.designs:
        raise InputError(f"unknown design {design!r}; choose among {', '.join(ladder.designs)}")
    rungs = {rung.name: rung for rung in select_rungs(ladder.rungs, arms)}
    if any(rung.is_oracle for rung in rungs.values()):
        raise InputError("the oracle is not a model and cannot be tested; choose another rung")
    replicate = next(iter(source.replicates((seed,))))
    protocol = ladder.protocol
    for rung in rungs.values():
        if reason := protocol.reason_to_skip(rung, replicate):
            raise InputError(f"{rung.name} cannot be fitted: {reason}; choose another rung")
    prepared = protocol.prepare(replicate)
    policies = [
        ladder.policy(tune_rung(rungs[name], prepared, protocol), prepared) for name in arms
    ]
    options = {"days": days, "history_days": replicate.history_days}
    return PairTest(
        replicate.world.ab_test(*policies, design=design, **options),
        replicate.world.compare(*policies, **options),
    )
