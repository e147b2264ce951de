"""A guess before the result, and the two side by side after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from numbers import Real
from types import EllipsisType

from mlsd.notebook.records import GuessRecord, Value, changing_guesses, read_guesses
from mlsd.runtime import InputError

# A number counts as close when it is within this factor of the result.
CLOSE_FACTOR = 1.5


@dataclass(frozen=True)
class _Question:
    unit: str = ""
    choices: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """What stands in place of the dots."""
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        return f"a number{f' ({self.unit})' if self.unit else ''}, or a range (low, high)"


# Of this notebook, so that an answer without a guess is shown with its unit all the same.
_asked: dict[str, _Question] = {}
# What could not be kept in the file holds for this notebook at least.
_unkept: dict[str, GuessRecord] = {}


def guess(
    name: str,
    value: Value | EllipsisType = ...,
    *,
    unit: str = "",
    choices: Sequence[str] = (),
) -> None:
    """Keep the reader's guess until `compare` shows the result beside it.

    Parameters
    ----------
    name : str
        Unique in the course; ``"share_of_new_ads"`` is printed as "share of new ads".
    value : float, (float, float), str or ...
        A number; a range that the reader is 80 % sure of; one of `choices`; or the dots that stand
        there until somebody guesses.
    unit : str
        Of the number, as in ``"%"``.
    choices : sequence of str
        The answers to choose from, where the guess is not a number.

    Notes
    -----
    A guess may be changed until it is compared; after that the first one counts. What cannot be a
    guess is answered with a sentence and not kept. Nothing is written while the dots stand.

    Examples
    --------
    >>> guess("share_of_new_ads", unit="%")
    share of new ads: replace ... with a number (%), or a range (low, high)
    >>> guess("revenue_by_bid", "fewer", choices=("less", "more"))
    revenue by bid: 'fewer' is not one of 'less', 'more'; guess again
    """
    question = _asked[name] = _Question(unit, tuple(choices))
    if value is ...:
        print(f"{_label(name)}: replace ... with {question.wanted}")
        return
    made = _understood(value, question)
    if made is None:
        print(f"{_label(name)}: {value!r} is not {question.wanted}; guess again")
        return
    print(f"{_label(name)}: {_keep(name, made, unit)}")


def compare(name: str, result: float | str, *, within: float | None = None) -> None:
    """Print the reader's guess beside the result, and keep both.

    Parameters
    ----------
    name : str
        As given to `guess`.
    result : float or str
        What came out, in the unit of the guess.
    within : float or None
        How far a number may be off to count as close, in its unit; a factor of 1.5 for None. To be
        given where the result is near zero.

    Raises
    ------
    InputError
        If the guess is among choices and `result` is none of them.

    Examples
    --------
    >>> guess("rows_left")
    rows left: replace ... with a number, or a range (low, high)
    >>> compare("rows_left", 1234.5)
    rows left: 1,234 (you made no guess)
    """
    result = result if isinstance(result, str) else float(result)
    question = _asked.get(name, _Question())
    if question.choices and result not in question.choices:
        raise InputError(f"compare({name!r}): {result!r} is not {question.wanted}")
    record = _kept(name)
    if record is None:
        print(f"{_label(name)}: {show(result, question.unit)} (you made no guess)")
        return
    unit = question.unit or record.unit
    verdict = judge(record.guess, result, within)
    said = f"you guessed {show(record.guess, unit)}, it is {show(result, unit)}"
    print(f"{_label(name)}: {said}: {_SAID[verdict]}")
    # The first comparison counts: a second run knows the answer.
    if record.result is None:
        complaint = _remember(name, replace(record, result=result, verdict=verdict))
        if complaint:
            print(complaint)


_SAID = {"right": "right", "close": "close", "off": "not close"}


def judge(made: Value, result: float | str, within: float | None = None) -> str:
    """Return ``"right"``, ``"close"`` or ``"off"``.

    A choice and a range are right or off; a number is close or off.

    Examples
    --------
    >>> judge((0.1, 0.3), 0.2), judge(10.0, 14.0), judge(-1.0, 14.0), judge(0.0, 0.1, within=0.2)
    ('right', 'close', 'off', 'close')
    """
    if isinstance(made, str) or isinstance(result, str):
        return "right" if made == result else "off"
    if isinstance(made, tuple):
        return "right" if made[0] <= result <= made[1] else "off"
    if within is not None:
        return "close" if abs(made - result) <= within else "off"
    if made == result:
        return "close"
    ratio = made / result if result else 0.0
    return "close" if 1 / CLOSE_FACTOR <= ratio <= CLOSE_FACTOR else "off"


def show(value: Value, unit: str = "") -> str:
    """Return a guess or a result as it is printed.

    Examples
    --------
    >>> show((0.1, 12_345.6), "%"), show(0.01234), show("more")
    ('0.1 to 12,346 %', '0.0123', 'more')
    """
    if isinstance(value, str):
        return value
    numbers = value if isinstance(value, tuple) else (value,)
    said = " to ".join(f"{n:,.0f}" if abs(n) >= 1_000 else f"{n:.3g}" for n in numbers)
    return f"{said} {unit}".strip()


def _label(name: str) -> str:
    return name.replace("_", " ")


def _understood(value: object, question: _Question) -> Value | None:
    if question.choices:
        return value if isinstance(value, str) and value in question.choices else None
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value) if isfinite(value) else None
    if isinstance(value, (tuple, list)) and len(value) == 2:
        ends = [_understood(end, question) for end in value]
        if all(isinstance(end, float) for end in ends):
            return (min(ends), max(ends))
    return None


def _keep(name: str, made: Value, unit: str) -> str:
    """Keep a guess unless its result is known, and return what is to be said of it."""
    before = _kept(name)
    said = f"your guess is {show(made, unit)}"
    if before is not None and before.result is not None:
        if before.guess == made:
            return said
        return f"your first guess counts, {show(before.guess, unit)}: its result is known"
    complaint = _remember(name, GuessRecord(made, unit))
    return f"{said} ({complaint})" if complaint else said


def _kept(name: str) -> GuessRecord | None:
    """Return the guess of this name that counts, if there is one."""
    try:
        return _unkept.get(name) or read_guesses().get(name)
    except InputError:
        return None


def _remember(name: str, record: GuessRecord) -> str:
    """Keep a guess or its result in the file, and return why that cannot be."""
    try:
        with changing_guesses() as records:
            records[name] = record
    except InputError as error:
        reason = str(error)
    except OSError as error:
        reason = f"not kept beyond this notebook: {error.strerror}"
    else:
        _unkept.pop(name, None)
        return ""
    _unkept[name] = record
    return reason
