"""Grading by outcome: the answer is deployed, and has to earn more than the baseline."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Any

from mlsd.checks.result import Remark, Test
from mlsd.metrics import Interval
from mlsd.runtime import InputError

Deploy = Callable[[int, Any], "float | Interval"]


def grading_seed(seed: int) -> int:
    """Return the seed to grade on: ``MLSD_GRADING_SEED`` where an instructor set it, else `seed`.

    Raises
    ------
    InputError
        If the variable is not a whole number of zero or more.

    Examples
    --------
    >>> grading_seed(11)
    11
    """
    text = os.environ.get("MLSD_GRADING_SEED", "")
    if text and not text.isdecimal():
        raise InputError(f"MLSD_GRADING_SEED is {text!r}; set it to a whole number, as in 4711")
    return int(text) if text else seed


def value_of(outcome: float | Interval) -> float:
    """Return what a deployment was worth, without its interval.

    Examples
    --------
    >>> value_of(Interval(108.0, 106.0, 110.0)), value_of(7)
    (108.0, 7.0)
    """
    return float(outcome.estimate if isinstance(outcome, Interval) else outcome)


def beats(
    deploy: Deploy,
    baseline: Any,
    *,
    margin: float,
    seed: int,
    unit: str = "revenue",
    authors: str = "",
    hint: str = "",
) -> Test:
    """Return a test that the answer beats `baseline` by `margin` in the same fresh world.

    Parameters
    ----------
    deploy : callable
        ``deploy(seed, policy)``: what the policy was worth online, a number or an `Interval`, which
        is then printed; higher is better. Both sides are deployed on the same seed, so that they
        share all random numbers.
    baseline : object
        The policy to beat.
    margin : float
        Least gain, in the unit of `deploy`; settle it with `outcome_margin`.
    seed : int
        Of the world; ``MLSD_GRADING_SEED`` wins over it.
    unit : str
        What `deploy` measures, for the message.
    authors : str
        What the solution reaches over many seeds, as in ``"107 to 112"``.
    hint : str
        Said to an answer that falls short.

    Raises
    ------
    InputError
        See `grading_seed`.

    Examples
    --------
    >>> beats(lambda seed, price: float(price), 10, margin=2, seed=1)(11)
    'revenue 11 against 10 of the baseline, on seed 1; it takes 12 to pass'
    """
    # Here and not in the test, whose errors count as the answer's.
    world = grading_seed(seed)

    def test(answer: Any) -> str | Remark:
        outcome, reference = deploy(world, answer), value_of(deploy(world, baseline))
        earned = value_of(outcome)
        if not math.isfinite(earned):
            return f"{unit} {earned} on {_named(world, seed)}, which is not a number"
        found = f"{unit} {_shown(outcome)} against {reference:.4g} of the baseline"
        solution = f"; the authors' solution: {authors}" if authors else ""
        if earned - reference >= margin:
            return Remark(found + solution)
        wanted = f"it takes {reference + margin:.4g} to pass"
        return f"{found}, on {_named(world, seed)}; {wanted}{solution}{f'. {hint}' if hint else ''}"

    return test


def _named(world: int, own: int) -> str:
    """Return which seed was used; one that an instructor passed stays with the instructor."""
    return f"seed {world}" if world == own else "your instructor's seed"


def _shown(outcome: float | Interval) -> str:
    if not isinstance(outcome, Interval):
        return f"{outcome:.4g}"
    return f"{outcome.estimate:.4g} [{outcome.low:.4g}, {outcome.high:.4g}]"


@dataclass(frozen=True)
class OutcomeMargin:
    """A margin, and how often it would give a false verdict.

    Attributes
    ----------
    margin : float
        Halfway, in standard deviations, between the best wrong policy and the reference.
    right_fails, wrong_passes : float
        Probability of each false verdict, gains taken as normal over seeds.
    right_gain, wrong_gain : float
        Mean gain over the baseline of the reference and of the best wrong policy.
    """

    margin: float
    right_fails: float
    wrong_passes: float
    right_gain: float
    wrong_gain: float


def outcome_margin(
    deploy: Deploy, baseline: Any, *, right: Any, wrong: Sequence[Any], seeds: Sequence[int]
) -> OutcomeMargin:
    """Settle the margin of `beats` from deployments on development seeds.

    Parameters
    ----------
    deploy, baseline
        As for `beats`.
    right : object
        The policy of the solution.
    wrong : sequence
        Policies that must not pass, the strongest among them above all.
    seeds : sequence of int
        At least three, and none that a learner is graded on.

    Raises
    ------
    InputError
        With fewer than three seeds, no wrong policy, or a reference that no margin separates.

    Examples
    --------
    >>> noisy = lambda seed, policy: policy + (seed * 7919 % 13) / 100 * policy
    >>> found = outcome_margin(noisy, 1.0, right=2.0, wrong=[1.1], seeds=range(20))
    >>> found.right_fails < 0.01 and found.wrong_passes < 0.01
    True
    """
    if len(seeds) < 3 or not wrong:
        raise InputError("outcome_margin: give at least three seeds and one wrong policy")
    base = [value_of(deploy(seed, baseline)) for seed in seeds]
    right_gain, right_spread = _gain(deploy, right, seeds, base)
    rivals = [_gain(deploy, policy, seeds, base) for policy in wrong]
    wrong_gain, wrong_spread = max(rivals, key=lambda rival: rival[0] + 2 * rival[1])
    if right_gain <= wrong_gain:
        raise InputError("outcome_margin: the reference earns no more than a wrong policy")
    share = wrong_spread / (right_spread + wrong_spread) if right_spread + wrong_spread else 0.5
    margin = wrong_gain + share * (right_gain - wrong_gain)
    return OutcomeMargin(
        margin=margin,
        right_fails=_tail((margin - right_gain), right_spread),
        wrong_passes=_tail((wrong_gain - margin), wrong_spread),
        right_gain=right_gain,
        wrong_gain=wrong_gain,
    )


def _gain(
    deploy: Deploy, policy: Any, seeds: Sequence[int], base: Sequence[float]
) -> tuple[float, float]:
    gains = [value_of(deploy(seed, policy)) - value for seed, value in zip(seeds, base)]
    return fmean(gains), stdev(gains)


def _tail(distance: float, spread: float) -> float:
    return NormalDist().cdf(distance / spread) if spread else float(distance > 0)
