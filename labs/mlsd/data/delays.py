"""How much of what will be credited has come by an age: the product-limit estimate."""

from __future__ import annotations

import numpy as np

from mlsd.runtime import InputError


def conversions_at_risk(delay: np.ndarray, age: np.ndarray, moment: float) -> int:
    """Return how many known conversions could have been seen both before and at a delay.

    A conversion is on record only if its delay is at most the age of its click. Among those on
    record with a delay of at most `moment`, only the ones whose click is at least `moment` old
    would also be there had they taken that long; only they can be compared.

    Parameters
    ----------
    delay, age : ndarray, shape (n,)
        Of the conversions on record: delay after the click, and age of the click today, in the
        same unit.
    moment : float

    Examples
    --------
    >>> delay, age = np.array([1.0, 2.0, 5.0]), np.array([3.0, 10.0, 10.0])
    >>> [conversions_at_risk(delay, age, moment) for moment in (1.0, 2.0, 5.0)]
    [1, 2, 2]
    """
    return int(np.sum((delay <= moment) & (age >= moment)))


def completeness_curve(
    delay: np.ndarray, age: np.ndarray, window: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Return by which share the conversions have come, by delay, without a law.

    The product-limit estimate for data truncated on the right (Lynden-Bell 1971): with n(d) the
    conversions at risk at the delay d, the share that takes no longer than v is the product of
    1 - 1 / n(d) over the observed delays d above v.

    Parameters
    ----------
    delay, age : ndarray, shape (n,)
        Of the conversions on record, as for `conversions_at_risk`.
    window : float
        Longest delay that is credited; an older click can add nothing more.

    Returns
    -------
    delay : ndarray, shape (n,)
        Sorted.
    share : ndarray, shape (n,)
        Of the conversions that come within the longest delay on record, those that have come by
        each; 1 at the last. Read it in between with `numpy.interp`.

    Raises
    ------
    InputError
        If there is no conversion, shapes differ, or a delay exceeds its age or the window.

    Notes
    -----
    A conversion that is alone at risk would set all earlier shares to 0; it counts as one of two.

    Examples
    --------
    >>> delay, share = completeness_curve([1.0, 2.0, 5.0], [3.0, 10.0, 10.0])
    >>> share.tolist()
    [0.25, 0.5, 1.0]
    """
    delay, age = np.asarray(delay, float), np.asarray(age, float)
    if delay.ndim != 1 or delay.shape != age.shape or not len(delay):
        raise InputError(f"delay and age have shapes {delay.shape} and {age.shape}; give n of each")
    if not (delay <= age).all():
        raise InputError("delay: one exceeds the age of its click; give conversions on record")
    if delay.max() > window:
        raise InputError(f"delay: one is {delay.max():g}, beyond the window of {window:g}; drop it")
    moments, ages = np.sort(delay), np.sort(np.minimum(age, window))
    at_risk = np.searchsorted(moments, moments, "right") - np.searchsorted(ages, moments, "left")
    kept = np.cumprod((1 - 1 / np.maximum(at_risk, 2))[::-1])[::-1]
    return moments, np.append(kept[1:], 1.0)
