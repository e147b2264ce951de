"""How well a reader guessed: what held, how far numbers were off, and whether ranges held."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mlsd.notebook.records import GuessRecord

# A range is asked for as one that the reader is so sure of.
MEANT = 0.8
_RARE = 0.05


@dataclass(frozen=True)
class Calibration:
    """The guesses of a reader, counted.

    Attributes
    ----------
    choices, right : int
        Guesses among choices, and those that were right.
    numbers, close : int
        Guesses of a number, and those that were close.
    factors : tuple of float
        Guess over result, of the numbers for which it says something: both of one sign.
    ranges, held : int
        Ranges, and those that held the result.
    waiting : tuple of str
        Names of guesses that are not compared yet.
    """

    choices: int = 0
    right: int = 0
    numbers: int = 0
    close: int = 0
    factors: tuple[float, ...] = ()
    ranges: int = 0
    held: int = 0
    waiting: tuple[str, ...] = ()

    @property
    def compared(self) -> int:
        """Guesses of which the result is known."""
        return self.choices + self.numbers + self.ranges

    @property
    def typical_factor(self) -> float:
        """Geometric mean of how far numbers were off, whichever way; NaN without a number.

        Examples
        --------
        >>> Calibration(factors=(2.0, 0.5)).typical_factor
        2.0
        """
        if not self.factors:
            return math.nan
        return math.exp(sum(abs(math.log(f)) for f in self.factors) / len(self.factors))

    @property
    def too_high(self) -> int:
        """Numbers that were guessed too high."""
        return sum(factor > 1 for factor in self.factors)

    @property
    def too_low(self) -> int:
        """Numbers that were guessed too low."""
        return sum(factor < 1 for factor in self.factors)

    @property
    def ranges_are(self) -> str:
        """What the ranges are, if chance does not explain how many held: too narrow or too wide.

        Were each to hold with 80 %, fewer (or more) would hold less than once in twenty readers.

        Examples
        --------
        >>> Calibration(ranges=10, held=5).ranges_are, Calibration(ranges=10, held=7).ranges_are
        ('too narrow', '')
        """
        weights = [
            math.comb(self.ranges, k) * MEANT**k * (1 - MEANT) ** (self.ranges - k)
            for k in range(self.ranges + 1)
        ]
        if sum(weights[: self.held + 1]) < _RARE:
            return "too narrow"
        return "too wide" if sum(weights[self.held :]) < _RARE else ""


def calibrate(records: Iterable[tuple[str, GuessRecord]]) -> Calibration:
    """Count guesses.

    Parameters
    ----------
    records : iterable of (str, GuessRecord)
        Name and guess, as in ``read_guesses().items()``.

    Examples
    --------
    >>> found = calibrate([("rise", GuessRecord(4.0, "%", result=5.0, verdict="close"))])
    >>> found.numbers, found.close, found.factors
    (1, 1, (0.8,))
    """
    records = list(records)
    known = [record for _, record in records if record.result is not None]
    choices = [r.verdict for r in known if isinstance(r.guess, str)]
    ranges = [r.verdict for r in known if isinstance(r.guess, tuple)]
    numbers = [r for r in known if isinstance(r.guess, float) and not isinstance(r.result, str)]
    return Calibration(
        choices=len(choices),
        right=choices.count("right"),
        numbers=len(numbers),
        close=sum(r.verdict == "close" for r in numbers),
        factors=tuple(r.guess / r.result for r in numbers if r.guess * r.result > 0),
        ranges=len(ranges),
        held=ranges.count("right"),
        waiting=tuple(name for name, record in records if record.result is None),
    )
