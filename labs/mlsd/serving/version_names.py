"""Names of versions: what is written later sorts later, whatever the clock says."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

_STAMP = "%Y%m%dT%H%M%S.%fZ"


def version_name(created_at: float, others: Iterable[str]) -> str:
    """Return a name that sorts by time, and after the others where the clock was set back.

    Two versions of one microsecond differ by chance.

    Parameters
    ----------
    created_at : float
        Unix seconds.
    others : iterable of str
        Names that are taken; those of another form are passed over.

    Examples
    --------
    >>> version_name(0.5, [])[:-6], version_name(0.5, ["19700102T000000.000000Z-0"])[:-6]
    ('19700101T000000.500000Z-', '19700102T000000.000001Z-')
    """
    moment = datetime.fromtimestamp(created_at, UTC)
    for name in others:
        with suppress(ValueError):
            taken = datetime.strptime(name.partition("-")[0], _STAMP)
            moment = max(moment, taken.replace(tzinfo=UTC) + timedelta(microseconds=1))
    return f"{moment:{_STAMP}}-{secrets.token_hex(3)}"
