"""The decision about a release, from intervals and from limits that were set before."""

from __future__ import annotations

from collections.abc import Mapping

from mlsd.runtime import InputError


def decide_release(
    changes: Mapping[str, tuple[float, float]], tolerated: Mapping[str, float], goal: str
) -> str:
    """Return ``"roll back"``, ``"release"`` or ``"keep testing"``.

    Parameters
    ----------
    changes : mapping of str to (low, high)
        Interval of the change of each measure, in percent.
    tolerated : mapping of str to float
        Largest harm that each guardrail allows, in percent: a negative number for a measure of
        which more is better, a positive one for a cost.
    goal : str
        The measure that has to rise.

    Raises
    ------
    InputError
        If a guardrail tolerates 0, whose sign does not say which way is harm.

    Notes
    -----
    Rolled back is what surely misses the goal or surely breaks a guardrail. Released is what surely
    improves the goal and surely keeps every guardrail.

    Examples
    --------
    >>> changes = {"revenue": (1.0, 4.0), "clicks": (-1.0, 2.0), "hides": (-3.0, 9.0)}
    >>> decide_release(changes, {"clicks": -2.0, "hides": 5.0}, "revenue")
    'keep testing'
    """
    for name, limit in tolerated.items():
        if limit == 0:
            raise InputError(
                f"tolerated: {name!r} is 0; give -0.01 where more is better, else 0.01"
            )
    low, high = changes[goal]
    worst, best = [low], [high]
    for name, limit in tolerated.items():
        sign = 1 if limit < 0 else -1
        margins = [sign * (end - limit) for end in changes[name]]
        worst.append(min(margins))
        best.append(max(margins))
    if min(best) < 0:
        return "roll back"
    return "release" if min(worst) > 0 else "keep testing"
