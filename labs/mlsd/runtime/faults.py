"""What pydantic found wrong with an input, as one line."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Sequence

from pydantic import ValidationError


def first_fault(error: ValidationError, known: Sequence[str]) -> str:
    """Return the first fault of an input: where it is, what stands there, what should.

    Parameters
    ----------
    error : ValidationError
    known : sequence of str
        The keys that the input may have at its top.

    Examples
    --------
    >>> from pydantic import BaseModel
    >>> class Slot(BaseModel, extra="forbid"):
    ...     ids: list[int]
    >>> for text in ('{"ids": [1, "x"]}', '{"ids": [], "idz": 1}', '{"'):
    ...     try:
    ...         Slot.model_validate_json(text)
    ...     except ValidationError as error:
    ...         print(first_fault(error, ["ids"]))
    ids[1] is 'x'; it should be a valid integer, ...
    unknown key 'idz'; did you mean 'ids'?
    it is not JSON (EOF while parsing a string at line 1 column 2)
    """
    fault = error.errors(include_url=False)[0]
    first, *inner = fault["loc"] or ("it",)
    # Cut short, so that an input of megabytes does not come back as the message.
    field = str(first)[:40]
    place = field + "".join(f"[{reprlib.repr(each)}]" for each in inner)
    match fault["type"]:
        case "json_invalid":
            return f"it is not JSON ({fault['ctx']['error']})"
        case "missing":
            return f"{place} is missing; add it"
        case "extra_forbidden" | "unexpected_keyword_argument" if inner:
            return f"unknown key {place}; remove it"
        case "extra_forbidden" | "unexpected_keyword_argument":
            close = difflib.get_close_matches(field, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            return f"unknown key {field!r}; {hint}"
    wanted = fault["msg"].lower().replace("input", "it", 1).replace("tuple", "list")
    return f"{place} is {reprlib.repr(fault['input'])}; {wanted}"
