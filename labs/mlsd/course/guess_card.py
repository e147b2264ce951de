"""What ``mlsd guesses`` shows: a reader's calibration by chapter, and a card to share."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

from mlsd.notebook.calibration import MEANT, Calibration, calibrate
from mlsd.notebook.records import GuessRecord
from mlsd.runtime import InputError, atomic_path

COLUMNS = ("asked in", "compared", "choices right", "numbers close", "off by", "ranges held")
TITLE = "My guesses in the ML System Design Workbook"
_ELSEWHERE = "a notebook of your own"


def by_chapter(
    records: Mapping[str, GuessRecord], asked: Mapping[str, str]
) -> dict[str, Calibration]:
    """Return the calibration per chapter, in the order of the course, and of all under ``"all"``.

    Parameters
    ----------
    records : mapping of str to GuessRecord
    asked : mapping of str to str
        Which chapter asks for a guess, by its name.
    """
    places = [*dict.fromkeys(asked.values()), _ELSEWHERE]
    parts = {place: [] for place in places}
    for name, record in records.items():
        parts[asked.get(name, _ELSEWHERE)].append((name, record))
    found = {place: calibrate(part) for place, part in parts.items() if part}
    return found | {"all": calibrate(records.items())}


def table_row(place: str, found: Calibration) -> tuple[str, ...]:
    """Return the row of a chapter, one text per column of `COLUMNS`.

    Examples
    --------
    >>> table_row("all", Calibration(numbers=4, close=1, factors=(2.0, 2.0)))
    ('all', '4', '-', '1 of 4', '2.0x', '-')
    """
    return (
        place,
        str(found.compared),
        _share(found.right, found.choices),
        _share(found.close, found.numbers),
        f"{found.typical_factor:.1f}x" if found.factors else "-",
        _share(found.held, found.ranges),
    )


def sentences(found: Calibration) -> list[str]:
    """Return what the figures mean.

    Examples
    --------
    >>> sentences(Calibration(ranges=10, held=5))
    ['5 of 10 ranges held the result where 80 % were meant: they are too narrow.']
    """
    said = []
    if found.factors:
        lead = f"Numbers were off by a factor of {found.typical_factor:.1f} on average"
        said.append(f"{lead}: {found.too_high} too high, {found.too_low} too low.")
    if found.ranges:
        lead = f"{found.held} of {found.ranges} ranges held the result where {MEANT:.0%} were meant"
        lead = lead.replace("80%", "80 %")
        verdict = (
            f"they are {found.ranges_are}" if found.ranges_are else "chance alone may explain it"
        )
        said.append(f"{lead}: {verdict}.")
    return said


def write_card(calibrations: Mapping[str, Calibration], path: Path) -> None:
    """Write a card as Markdown or, for ``.html``, as a page of its own.

    Raises
    ------
    InputError
        For another suffix, a file that is there and is no such card, or one that cannot be written.
    """
    if path.suffix not in (".md", ".html"):
        raise InputError(f"{path}: a card is Markdown or HTML; end its name in .md or .html")
    text = _markdown(calibrations) if path.suffix == ".md" else _page(calibrations)
    try:
        if path.exists() and TITLE not in path.read_text(encoding="utf-8", errors="replace")[:400]:
            raise InputError(f"{path}: is there already and is no card; give another name")
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _share(some: int, all_: int) -> str:
    return f"{some} of {all_}" if all_ else "-"


def _markdown(calibrations: Mapping[str, Calibration]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    rows += [table_row(place, found) for place, found in calibrations.items()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([f"# {TITLE}", *sentences(calibrations["all"]), table]) + "\n"


def _page(calibrations: Mapping[str, Calibration]) -> str:
    said = "".join(f"<p>{html.escape(text)}</p>\n" for text in sentences(calibrations["all"]))
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in table_row(*entry)) + "</tr>"
        for entry in calibrations.items()
    )
    style = "body{font:16px sans-serif;max-width:50em;margin:2em auto}td,th{padding:.3em .8em}"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{TITLE}</title>\n'
        f"<style>{style}</style>\n<h1>{TITLE}</h1>\n{said}<table>\n<tr>{head}</tr>\n{rows}\n"
        "</table></html>\n"
    )
