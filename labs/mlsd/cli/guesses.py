"""``mlsd guesses``: how well the reader's guesses were calibrated over the course."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from mlsd.runtime import CASE_NAMES, InputError, project_root


def guesses(
    export: Annotated[
        Path | None, typer.Option(help="Write a card to share: a name in .md or .html.")
    ] = None,
    forget: Annotated[
        str | None, typer.Option(help="Take a guess back, so that it can be made again.")
    ] = None,
) -> None:
    """Show how your guesses turned out: what was right, how far off, and which ranges held.

    Example: [bold]mlsd guesses --export card.md[/bold]
    """
    from mlsd.course.guess_card import by_chapter, write_card
    from mlsd.course.guessed import asked_in
    from mlsd.notebook import read_guesses

    console = Console(soft_wrap=True, highlight=False, markup=False)
    if forget is not None:
        _forget(forget)
        console.print(f"forgot {forget}")
        return
    records = read_guesses()
    if not records:
        console.print("no guesses yet: replace the dots of a guess(...) in a chapter, then run it")
        return
    root = project_root()
    ids = {case.folder: case.id for case in CASE_NAMES}
    asked = {
        name: f"{ids.get(unit.case, unit.case)}/{unit.name}"
        for name, unit in asked_in(root).items()
    }
    calibrations = by_chapter(records, asked)
    if export is not None:
        write_card(calibrations, export)
        console.print(f"wrote {export}")
        return
    _show(console, calibrations)


def _show(console: Console, calibrations: dict) -> None:
    from mlsd.course.guess_card import COLUMNS, sentences, table_row

    table = Table(Column(COLUMNS[0], no_wrap=True), *COLUMNS[1:])
    for place, found in calibrations.items():
        if place == "all":
            table.add_section()
        table.add_row(*table_row(place, found))
    Console().print(table)
    everything = calibrations["all"]
    for sentence in sentences(everything):
        console.print(sentence)
    if everything.waiting:
        console.print(f"not compared yet: {', '.join(everything.waiting)}")


def _forget(name: str) -> None:
    from mlsd.notebook import changing_guesses, guesses_path, read_guesses

    known = read_guesses()
    if name not in known:
        names = f"; you made {', '.join(known)}" if known else "; you made none yet"
        raise InputError(f"there is no guess called {name!r}{names}")
    try:
        with changing_guesses() as records:
            records.pop(name, None)
    except OSError as error:
        raise InputError(f"{guesses_path()}: cannot be written ({error.strerror})") from None
