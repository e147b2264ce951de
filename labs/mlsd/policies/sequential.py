"""How far one arm's rate lies from the other's, and how far is too far when one looks all the time.

Users are the unit: they are what a canary or an experiment splits, and the rows of one user have
his habits in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlsd.runtime import InputError


@dataclass(frozen=True)
class RateGap:
    """The relative change of a rate in the new arm, with its standard error.

    Attributes
    ----------
    change : float
        Rate of the new arm over that of the old one, minus 1.
    error : float
        Standard error of the change if both arms are the same; infinite without data.
    """

    change: float
    error: float

    @property
    def score(self) -> float:
        """The change in standard errors."""
        return self.change / self.error


def rate_gap(successes: np.ndarray, trials: np.ndarray, is_new: np.ndarray) -> RateGap:
    """Return the relative change of a ratio metric between two groups of users.

    With R the rate of both arms together and x, n a user's successes and trials, the delta method
    gives the ratio's variance per trial as ``S / N``, S = sum of (x - R n)^2 over users and N their
    trials. Rows that were independent would give ``R (1 - R)``; the quotient of the two is the
    design effect.

    Parameters
    ----------
    successes, trials : array, shape (users,)
        Such as clicks and impressions of each user.
    is_new : array of bool, shape (users,)
        Whether the user has the new system.

    Returns
    -------
    RateGap

    References
    ----------
    Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018.

    Examples
    --------
    >>> clicks, views = np.array([9, 11, 9, 11, 5, 7]), np.full(6, 100)
    >>> gap = rate_gap(clicks, views, np.array([False] * 4 + [True] * 2))
    >>> round(gap.change, 3), round(gap.score, 1)
    (-0.4, -2.2)
    """
    views = np.array([trials[~is_new].sum(), trials[is_new].sum()], float)
    wins = np.array([successes[~is_new].sum(), successes[is_new].sum()], float)
    if views.min() == 0 or wins[0] == 0:
        return RateGap(0.0, math.inf)
    old, new = wins / views
    residual = successes - wins.sum() / views.sum() * trials
    variance = (residual**2).sum() / views.sum() * (1 / views).sum()
    error = math.sqrt(variance) / old if variance > 0 else math.inf
    return RateGap(float(new / old - 1), float(error))


def always_valid_limit(error: float, *, promise: float, harm: float) -> float:
    """Return how many standard errors behind is too far, however often one looks.

    One-sided mixture SPRT: with V the squared error, h the harm and a the promise,
    ``sqrt((1 + V / h^2) (log(1 + h^2 / V) - 2 log(2 a)))``. A system that changes nothing crosses
    it at any time of an endless test with a probability of at most a, as far as the change is
    normal; that includes symmetry, which halves the two-sided bound.

    Parameters
    ----------
    error : float
        Standard error of the change, relative.
    promise : float
        Largest probability of a false alarm, below one half.
    harm : float
        Size of the changes that it should find fast, relative: standard deviation of the mixture.

    Raises
    ------
    InputError
        For a promise or a harm out of range.

    References
    ----------
    Johari, Koomen, Pekelis and Walsh, "Peeking at A/B Tests", KDD 2017.

    Examples
    --------
    >>> [round(always_valid_limit(e, promise=0.01, harm=0.2), 1) for e in (0.4, 0.1, 0.03)]
    [6.3, 3.4, 3.4]
    """
    if not 0 < promise < 0.5 or not harm > 0:
        raise InputError(f"promise {promise}, harm {harm}: give 0 to 0.5, and a number above 0")
    if math.isinf(error):
        return math.inf
    ratio = (error / harm) ** 2
    return math.sqrt((1 + ratio) * (math.log1p(1 / ratio) - 2 * math.log(2 * promise)))
