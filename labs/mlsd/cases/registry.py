"""The case studies that are built, each loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from mlsd.cases.base import Case
from mlsd.runtime import CASE_IDS, InputError


def _ad_click() -> Case:
    from mlsd.cases.ad_click.case import CASE

    return CASE


_LOADERS: dict[str, Callable[[], Case]] = {"ad_click": _ad_click}


def built_cases() -> tuple[str, ...]:
    """Return the ids of the cases that are built, in reading order.

    Examples
    --------
    >>> built_cases()[0]
    'ad_click'
    """
    return tuple(case_id for case_id in CASE_IDS if case_id in _LOADERS)


def require_case(case_id: str) -> None:
    """Stop with one line when a case is unknown or not built yet.

    Raises
    ------
    InputError
        Names the cases there are.
    """
    if case_id in _LOADERS:
        return
    problem = "is not built yet" if case_id in CASE_IDS else "is unknown"
    raise InputError(f"case {case_id!r} {problem}; choose among {', '.join(built_cases())}")


def find_case(case_id: str) -> Case:
    """Return a case by its id.

    Raises
    ------
    InputError
        For a case that is unknown or not built yet.

    Examples
    --------
    >>> find_case("ad_click").world_name
    'ad_click_world'
    """
    require_case(case_id)
    return _LOADERS[case_id]()
