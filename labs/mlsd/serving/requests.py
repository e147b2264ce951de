"""What a request for a ranking looks like, and one clear line for each way to get it wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mlsd.runtime import InputError

MOST_CANDIDATES = 1_000
_LARGEST_ID = 2**31


@dataclass(frozen=True)
class RankRequest:
    """One request for a ranking.

    Attributes
    ----------
    context : mapping of str to int
        Who asks and where.
    ad_ids : ndarray of int64, shape (n,)
        The candidates; their features are looked up on the server.
    bids : ndarray of float64, shape (n,)
        What a click is worth; 1 each where the request has none.
    """

    context: Mapping[str, int]
    ad_ids: np.ndarray
    bids: np.ndarray

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a request.

        Raises
        ------
        InputError
            For text that is no JSON object, a missing or strange field, no candidate or more than
            1,000 of them, ids that are no whole numbers, bids that are not one non-negative number
            a candidate.

        Examples
        --------
        >>> request = RankRequest.from_json(b'{"context": {"user_id": 7}, "ad_ids": [3, 1]}')
        >>> request.ad_ids, request.bids
        (array([3, 1]), array([1., 1.]))
        """
        try:
            fields = json.loads(body)
        except ValueError as error:
            raise InputError(f"request: the body is no JSON ({error})") from error
        if not isinstance(fields, dict) or not {"context", "ad_ids"} <= fields.keys():
            raise InputError("request: give an object with 'context' and 'ad_ids'")
        strange = sorted(fields.keys() - {"context", "ad_ids", "bids"})
        if strange:
            raise InputError(f"request: unknown field {strange[0]!r}; give context, ad_ids, bids")
        ad_ids = _candidate_ids(fields["ad_ids"])
        return cls(_context(fields["context"]), ad_ids, _bids(fields.get("bids"), len(ad_ids)))


def _context(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise InputError("request: context has to be an object of names and whole numbers")
    for name, number in value.items():
        if type(number) is not int or abs(number) >= _LARGEST_ID:
            raise InputError(f"request: context {name!r} is {number!r}; give a whole number")
    return value


def _candidate_ids(value: Any) -> np.ndarray:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_CANDIDATES:
        raise InputError(f"request: ad_ids has to be a list of 1 to {MOST_CANDIDATES} ids")
    for position, each in enumerate(value):
        if type(each) is not int or not 0 <= each < _LARGEST_ID:
            raise InputError(f"request: ad_ids[{position}] is {each!r}; give a whole number")
    return np.array(value, dtype=np.int64)


def _bids(value: Any, rows: int) -> np.ndarray:
    if value is None:
        return np.ones(rows)
    try:
        bids = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("request: bids has to be a list of numbers") from error
    if bids.shape != (rows,) or not (np.isfinite(bids).all() and (bids >= 0).all()):
        raise InputError(f"request: bids has to hold {rows} numbers of 0 or more, one a candidate")
    return bids
