"""An understanding as plain text that fits 80 columns, and reads the same in a pipe."""

from __future__ import annotations

import textwrap

from mlsd.data.understanding.findings import LogWarning, Understanding

WIDTH = 79
INDENT = " " * 2
SHORT_LINES = 6


def render_full(understanding: Understanding) -> str:
    """Return every fact and every warning; lines have at most 79 characters.

    Only a line of the spec is longer where one of its names is.

    Examples
    --------
    >>> from mlsd.data.understanding.findings import Fact
    >>> print(render_full(Understanding("tiny", (Fact("rows", "3 rows in log.csv"),), ())))
    What I understood of tiny
    <BLANKLINE>
    rows: 3 rows in log.csv
    <BLANKLINE>
    No warnings.
    """
    lines = [f"What I understood of {understanding.name}", ""]
    for fact in understanding.facts:
        for number, line in enumerate(f"{fact.topic}: {fact.text}".splitlines()):
            lines += _wrapped(line, first=INDENT if number else "", rest=INDENT * 2)
    count = len(understanding.warnings)
    lines += ["", _counted(count)]
    for number, warning in enumerate(understanding.warnings, 1):
        lines += ["", *_paragraph(f"{number}. ", warning)]
    if understanding.together:
        lines += [
            "",
            "To leave out all of these columns:",
            *_spec_lines(understanding.together, ""),
        ]
    return "\n".join(lines)


def render_short(understanding: Understanding) -> str:
    """Return at most six lines: rows, time, positives or lists, and the warnings by kind.

    The worst warning stands in full.

    Examples
    --------
    >>> from mlsd.data.understanding.findings import Fact
    >>> print(render_short(Understanding("tiny", (Fact("rows", "3 rows in log.csv"),), ())))
    rows: 3 rows in log.csv
    No warnings.
    """
    known = {fact.topic: fact.text.splitlines()[0] for fact in understanding.facts}
    topics = [topic for topic in ("rows", "time", "positives", "lists") if topic in known]
    lines = [_clipped(f"{topic}: {known[topic]}") for topic in topics]
    lines.append(_clipped(_summary(understanding)))
    if understanding.warnings:
        worst = understanding.warnings[0]
        lines += _wrapped(f"{worst.kind}: {worst.text}", first="", rest=INDENT)
    if len(lines) > SHORT_LINES:
        lines = [*lines[: SHORT_LINES - 1], _clipped(lines[SHORT_LINES - 1] + " ...")]
    return "\n".join(lines)


def _counted(count: int) -> str:
    if not count:
        return "No warnings."
    return f"{count} warning{'' if count == 1 else 's'}:"


def _summary(understanding: Understanding) -> str:
    """Return how many warnings there are of each kind, and where they stand in full."""
    count = len(understanding.warnings)
    if not count:
        return _counted(count)
    kinds = ", ".join(dict.fromkeys(warning.kind for warning in understanding.warnings))
    return f"{_counted(count)} {kinds} (in full: mlsd data check)"


def _paragraph(number: str, warning: LogWarning) -> list[str]:
    indent = " " * len(number)
    lines = _wrapped(f"{warning.kind}: {warning.text}", first=number, rest=indent)
    if warning.spec_line:
        lines += _spec_lines(warning.spec_line, indent)
    return lines


def _spec_lines(spec_line: str, indent: str) -> list[str]:
    """Return section and keys on lines of their own, so that they can be copied."""
    section, _, keys = spec_line.partition(" ")
    lines = [f"{indent}In the spec, under {section}:"]
    return lines + [f"{indent}  {key}" for key in keys.splitlines()]


def _wrapped(text: str, *, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        _printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )


def _clipped(text: str) -> str:
    text = _printable(text)
    if len(text) <= WIDTH:
        return text
    # At a blank, so that no number is cut to another one.
    return text[: WIDTH - 3].rsplit(" ", 1)[0] + " ..."


def _printable(text: str) -> str:
    """Return the text without what would move the cursor or colour the terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
