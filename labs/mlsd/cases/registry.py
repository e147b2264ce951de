"""The case studies that are built, each loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlsd.runtime import CASE_IDS, InputError

if TYPE_CHECKING:
    from mlsd.cases.base import Case
    from mlsd.cases.services import CaseService


def _ad_click() -> Case:
    from mlsd.cases.ad_click.case import CASE

    return CASE


def _video() -> Case:
    from mlsd.cases.video.case import CASE

    return CASE


def _ad_click_service() -> CaseService:
    from mlsd.cases.ad_click.service import SERVICE

    return SERVICE


def _video_service() -> CaseService:
    from mlsd.cases.video.service import SERVICE

    return SERVICE


_LOADERS: dict[str, Callable[[], Case]] = {"ad_click": _ad_click, "video": _video}
_SERVICE_LOADERS: dict[str, Callable[[], CaseService]] = {
    "ad_click": _ad_click_service,
    "video": _video_service,
}


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


def find_service(case_id: str) -> CaseService:
    """Return the service of a case, without loading its world, its ladder or its models.

    Raises
    ------
    InputError
        For a case that is unknown, not built yet, or without a service.

    Examples
    --------
    >>> find_service("ad_click").route
    '/rank'
    """
    require_case(case_id)
    if case_id not in _SERVICE_LOADERS:
        raise InputError(
            f"case {case_id!r} has no service; choose among {', '.join(_SERVICE_LOADERS)}"
        )
    return _SERVICE_LOADERS[case_id]()
