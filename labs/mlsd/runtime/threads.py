"""How many threads the numerical libraries may use."""

from __future__ import annotations

import os
import sys

import psutil
from threadpoolctl import threadpool_limits

from mlsd.runtime.errors import InputError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def physical_cores() -> int:
    """Return the number of physical cores that this process may run on, at least one.

    Hyper-threads of one core share its arithmetic units, so that numerical code gains nothing from
    the second. Where the process is bound to fewer processors, these count.

    Examples
    --------
    >>> physical_cores() >= 1
    True
    """
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return max(1, min(cores, allowed))


def limit_threads(count: int | None = None) -> int:
    """Limit OpenMP, BLAS and torch to `count` threads, here and in processes started from here.

    Parameters
    ----------
    count : int or None
        None for the physical cores.

    Returns
    -------
    int
        The limit that holds now.

    Raises
    ------
    InputError
        If `count` is below one.

    Examples
    --------
    >>> limit_threads(1)
    1
    """
    count = physical_cores() if count is None else count
    if count < 1:
        raise InputError(f"count is {count}; at least one thread is needed")
    # Libraries that are loaded later, and child processes, read the variables; loaded ones do not.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    threadpool_limits(count)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)
    return count
