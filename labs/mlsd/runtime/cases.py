"""The names of the case studies: what each is called on the command line and in folders, once."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.runtime.errors import InputError


@dataclass(frozen=True)
class CaseName:
    """The two names of one case study.

    Attributes
    ----------
    id : str
        On the command line, in specs, ledgers and packages, as in ``ad_click``.
    folder : str
        Of its chapters and labs, as in ``01_ad_click_prediction``: the reading order.
    """

    id: str
    folder: str


CASE_NAMES = (
    CaseName("ad_click", "01_ad_click_prediction"),
    CaseName("video", "02_video_recommendation"),
    CaseName("event", "03_event_recommendation"),
    CaseName("fraud", "04_fraud_detection"),
)
CASE_IDS = tuple(name.id for name in CASE_NAMES)


def case_name(case_id: str) -> CaseName:
    """Return the names of a case.

    Raises
    ------
    InputError
        If there is no such case.

    Examples
    --------
    >>> case_name("fraud").folder
    '04_fraud_detection'
    """
    for name in CASE_NAMES:
        if name.id == case_id:
            return name
    raise InputError(f"unknown case {case_id!r}; choose among {', '.join(CASE_IDS)}")


def package_of(folder: str) -> str:
    """Return the name of the packages that belong to a folder of chapters.

    That is the case's id; a folder without a case (the framework, production) gives its own name
    without the number.

    Examples
    --------
    >>> package_of("01_ad_click_prediction"), package_of("00_framework")
    ('ad_click', 'framework')
    """
    for name in CASE_NAMES:
        if name.folder == folder:
            return name.id
    return folder[3:]
