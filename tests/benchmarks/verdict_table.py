"""What `lab_verdicts.py` says of the gains that it measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean, stdev
from typing import Any

from mlsd.checks import OutcomeMargin, outcome_margin

SOLUTION = "solution"
# By answer and seed.
Gains = dict[str, dict[int, float]]
Stopped = dict[str, set[int]]


def summary(
    gains: Gains,
    margin: float,
    stopped: Stopped,
    seconds: Gains,
    *,
    plain: Iterable[str] = (),
    share: float = 1.0,
) -> dict[str, Any]:
    """Return the figures of one lab; another condition of its check stops what is in `stopped`.

    Gains are means over the markets of a verdict, or over a share of them, which says what a
    verdict's spread is, and nothing of single verdicts.
    """
    answers = {}
    for name, by_seed in gains.items():
        right, values = name == SOLUTION or name in plain, list(by_seed.values())
        passes = sum(gain >= margin and seed not in stopped[name] for seed, gain in by_seed.items())
        mean, sd = fmean(values), stdev(values) if len(values) > 1 else math.nan
        sd *= math.sqrt(share)
        distance = (mean - margin) / sd if sd else math.copysign(math.inf, mean - margin)
        answers[name] = {
            "right": right,
            "seeds": len(values),
            "stopped": len(stopped[name]),
            "mean": mean,
            "sd": sd,
            "lowest": min(values),
            "highest": max(values),
            "distance": distance if right else -distance,
            "false": None if share < 1 else len(values) - passes if right else passes,
            "cpu_seconds": fmean(seconds[name].values()) if seconds[name] else math.nan,
        }
    return {"margin": margin, "answers": answers}


def settled_margin(gains: Gains, stopped: Stopped, right: list[str]) -> OutcomeMargin:
    """Return the margin between the solution and the wrong answers that nothing else stops."""
    seeds = sorted(set.intersection(*(set(values) for values in gains.values())))
    wrong = [name for name in gains if name not in right and len(stopped[name]) < len(gains[name])]
    return outcome_margin(
        lambda seed, values: values[seed],
        dict.fromkeys(seeds, 0.0),
        right=gains[SOLUTION],
        wrong=[gains[name] for name in wrong],
        seeds=seeds,
    )


def show(lab: str, result: dict[str, Any]) -> None:
    """Print the figures of one lab."""
    print(f"{lab}, margin {result['margin']:g}")
    for name, row in result["answers"].items():
        kind = "right" if row["right"] else "wrong"
        ends = f"mean {row['mean']:.2f} sd {row['sd']:.2f}"
        ends += f" [{row['lowest']:.2f}, {row['highest']:.2f}]"
        why = f", another condition stops {row['stopped']}" if row["stopped"] else ""
        false = "" if row["false"] is None else f", false {row['false']}"
        print(
            f"  {kind} {name:42} {ends:44} {row['distance']:6.1f} sd from it"
            f"{false} of {row['seeds']} seeds{why}; {row['cpu_seconds']:.1f} CPU s"
        )
    if "settled" in result:
        print("  settled:", ", ".join(f"{k} {v:.4g}" for k, v in result["settled"].items()))
