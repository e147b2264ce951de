"""The size profile: the default sizes fit two cores and 4 GB; `full` enlarges them."""

from __future__ import annotations

import os

from mlsd.runtime.errors import InputError

PROFILES = ("default", "full")


def profile() -> str:
    """Return the profile named by the environment variable ``MLSD_PROFILE``.

    Returns
    -------
    str
        ``"default"`` or ``"full"``.

    Raises
    ------
    InputError
        For any other value.

    Examples
    --------
    >>> profile() in PROFILES
    True
    """
    name = os.environ.get("MLSD_PROFILE", "default")
    if name not in PROFILES:
        raise InputError(f"MLSD_PROFILE is {name!r}; set it to one of {', '.join(PROFILES)}")
    return name
