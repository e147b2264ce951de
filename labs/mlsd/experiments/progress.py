"""What a ladder is at, and how long it will take from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LadderStep:
    """What a ladder begins, or has just finished.

    Attributes
    ----------
    seed : int
    rung : str or None
        None while the log is prepared.
    finished : bool
    fits : int
        Settings that the rung was or will be fitted with.
    seconds : float
        Wall seconds from begin to end; 0 before.
    measured : mapping of str to float
        What was measured on the validation part, by column; empty before the end.
    kept : bool
        Whether the run was found among kept ones.
    seconds_left : float or None
        Of the whole ladder, as far as can be said from the rungs finished so far.
    unseen : bool
        Whether a rung is still to come of which nothing is known; later rungs are mostly slower.

    Examples
    --------
    >>> print(LadderStep(101, "hashed_lr", fits=4, seconds_left=200.0))
    seed 101: hashed_lr, 4 fits; about 3 min left
    """

    seed: int
    rung: str | None = None
    finished: bool = False
    fits: int = 0
    seconds: float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)
    kept: bool = False
    seconds_left: float | None = None
    unseen: bool = False

    def __str__(self) -> str:
        left = ""
        if self.seconds_left is not None:
            time = duration(self.seconds_left)
            left = f"; {time} left or more" if self.unseen else f"; about {time} left"
        if self.rung is None:
            return f"seed {self.seed}: preparing the log{left}"
        fits = f", {self.fits} fit{'s' if self.fits > 1 else ''}" if self.fits else ""
        if not self.finished:
            return f"seed {self.seed}: {self.rung}{fits}{left}"
        took = ", kept from before" if self.kept else f"{fits} in {duration(self.seconds)}"
        losses = "".join(
            f", {name.replace('_', ' ')} {value:.5f}"
            for name, value in self.measured.items()
            if np.isfinite(value)
        )
        return f"seed {self.seed}: {self.rung}{took}{losses}{left}"


Progress = Callable[[LadderStep], None]


def duration(seconds: float) -> str:
    """Return seconds as a person says them.

    Examples
    --------
    >>> [duration(each) for each in (0.4, 75, 200, 5_000)]
    ['1 s', '75 s', '3 min', '1 h 23 min']
    """
    if seconds < 119.5:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Pace:
    """Foretells how long the rest of a ladder takes, from what was finished.

    In the first replicate a rung is fitted with each of its settings, in later ones with the one
    that was chosen. A rung whose pace is not known yet is taken to need the mean of the others.

    Parameters
    ----------
    replicates : int

    Examples
    --------
    >>> pace = Pace(2)
    >>> pace.plan({"linear": 4, "trees": 4})
    >>> pace.finish("linear", seconds=10.0, fit_seconds=2.0)
    >>> pace.left()
    18.0
    """

    def __init__(self, replicates: int) -> None:
        self.replicates = replicates
        self.fits: dict[str, int] = {}
        self.todo: dict[str, int] = {}
        self.tuned: dict[str, float] = {}
        self.given: dict[str, float] = {}

    def plan(self, fits: Mapping[str, int]) -> None:
        """Say with how many settings each rung is fitted; only the first call counts."""
        if not self.fits:
            self.fits = dict(fits)
            self.todo = dict.fromkeys(fits, self.replicates)

    def finish(
        self, rung: str, *, seconds: float, fit_seconds: float = 0.0, kept: bool = False
    ) -> None:
        """Note that a rung is done in one replicate; a kept one says nothing about the others.

        Parameters
        ----------
        rung : str
        seconds, fit_seconds : float
            Of the whole run, and of the fit of its chosen setting.
        kept : bool
        """
        first = self.todo[rung] == self.replicates
        self.todo[rung] -= 1
        if kept:
            return
        if first:
            self.tuned[rung] = seconds
        # Of a tuned run, what remains with one fit instead of several.
        spared = (self.fits[rung] - 1) * fit_seconds if first else 0.0
        self.given[rung] = max(seconds - spared, fit_seconds)

    @property
    def unseen(self) -> bool:
        """Whether a rung has not been run yet in this ladder."""
        return any(rung not in self.given for rung, runs in self.todo.items() if runs)

    def left(self) -> float | None:
        """Return the seconds that the rest will take, None before the first rung has ended."""
        if not self.given:
            return None
        per_given = float(np.mean(list(self.given.values())))
        per_tuned = float(np.mean(list(self.tuned.values() or self.given.values())))
        seconds = 0.0
        for rung, runs in self.todo.items():
            tuned = runs == self.replicates
            later = runs - tuned
            seconds += tuned * per_tuned + later * self.given.get(rung, per_given)
        return seconds
