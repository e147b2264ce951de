"""What a request for a page of the home feed looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlsd.runtime import InputError
from mlsd.runtime.faults import first_fault

MOST_VIDEOS = 500
_LARGEST_ID = 2**31

_Id = Annotated[int, Field(ge=0, lt=_LARGEST_ID)]
_Ids = Annotated[list[_Id], Field(max_length=MOST_VIDEOS)]


class _Body(BaseModel):
    # Strict: neither true nor "7" nor 7.0 is an id.
    model_config = ConfigDict(strict=True, extra="forbid")

    user_id: _Id
    rung: Annotated[str, Field(max_length=40)] | None = None
    hour: Annotated[int, Field(ge=0, le=23)] = 20
    weekday: Annotated[int, Field(ge=0, le=6)] = 0
    device: Annotated[int, Field(ge=0, le=9)] = 0
    step: Annotated[int, Field(ge=0, le=999)] = 0
    watched: _Ids = []
    shown: _Ids = []


@dataclass(frozen=True)
class FeedRequest:
    """One request for a page of videos.

    Attributes
    ----------
    user_id : int
        A viewer that the artifact does not know is a new one.
    rung : str or None
        Which rung of the ladder answers; the artifact's own where None.
    hour, weekday, device : int
        Of the request; Monday is 0.
    step : int
        How many pages the session has seen.
    watched : ndarray of int64, shape (n,)
        What the viewer started since the artifact was made, newest last.
    shown : ndarray of int64, shape (m,)
        What the session has been shown, and is not shown again.
    """

    user_id: int
    rung: str | None
    hour: int
    weekday: int
    device: int
    step: int
    watched: np.ndarray
    shown: np.ndarray

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a request.

        Raises
        ------
        InputError
            For text that is not a JSON object, a missing or unknown field, ids that are not whole
            numbers from 0, more than 500 videos in a list, an hour or a weekday that is none.

        Examples
        --------
        >>> request = FeedRequest.from_json(b'{"user_id": 7, "watched": [3]}')
        >>> request.user_id, request.watched, request.rung
        (7, array([3]), None)
        """
        try:
            fields = _Body.model_validate_json(body)
        except ValidationError as error:
            raise InputError(f"request: {first_fault(error, list(_Body.model_fields))}") from None
        values = fields.model_dump()
        for name in ("watched", "shown"):
            values[name] = np.array(values[name], dtype=np.int64)
        return cls(**values)
