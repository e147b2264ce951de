"""What a request for a ranking looks like, and one clear line for each way to get it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlsd.runtime import InputError
from mlsd.runtime.faults import first_fault

MOST_CANDIDATES = 1_000
_LARGEST_ID = 2**31

_Number = Annotated[int, Field(gt=-_LARGEST_ID, lt=_LARGEST_ID)]
_Id = Annotated[int, Field(ge=0, lt=_LARGEST_ID)]
_Bid = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Body(BaseModel):
    # Strict: neither true nor "7" nor 7.0 is an id.
    model_config = ConfigDict(strict=True, extra="forbid")

    context: dict[str, _Number]
    ad_ids: Annotated[list[_Id], Field(min_length=1, max_length=MOST_CANDIDATES)]
    bids: list[_Bid] | None = None


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
            For text that is not a JSON object, a missing or unknown field, no candidate or more
            than 1,000 of them, ids that are not whole numbers, bids that are not one non-negative
            number per candidate.

        Examples
        --------
        >>> request = RankRequest.from_json(b'{"context": {"user_id": 7}, "ad_ids": [3, 1]}')
        >>> request.ad_ids, request.bids
        (array([3, 1]), array([1., 1.]))
        """
        try:
            fields = _Body.model_validate_json(body)
        except ValidationError as error:
            raise InputError(f"request: {first_fault(error, list(_Body.model_fields))}") from None
        rows = len(fields.ad_ids)
        bids = np.ones(rows) if fields.bids is None else np.array(fields.bids, dtype=np.float64)
        if len(bids) != rows:
            raise InputError(f"request: bids has to hold {rows} numbers, one per candidate")
        return cls(fields.context, np.array(fields.ad_ids, dtype=np.int64), bids)

    def ranking(self, probability: np.ndarray, top: int) -> dict[str, list]:
        """Return the best candidates by bid times click probability, best first.

        Parameters
        ----------
        probability : ndarray, shape (n,)
            Of a click, for each candidate.
        top : int
            Length of the ranking, at most.

        Examples
        --------
        >>> request = RankRequest({}, np.array([3, 1]), np.array([1.0, 4.0]))
        >>> request.ranking(np.array([0.2, 0.1]), top=1)
        {'ad_ids': [1], 'click_probability': [0.1]}
        """
        best = np.argsort(-self.bids * probability, kind="stable")[:top]
        return {
            "ad_ids": self.ad_ids[best].tolist(),
            "click_probability": probability[best].round(6).tolist(),
        }
