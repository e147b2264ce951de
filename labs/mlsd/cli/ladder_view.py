"""A ladder in a terminal, in the columns that fit it, and in a pipe, in lines that never change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mlsd.cases import Case
from mlsd.experiments.display import SELECTED_NOTE, TableColumn, at_rank, rung_cell
from mlsd.experiments.ledger import ledger_rows
from mlsd.experiments.summary import LadderSummary

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class LadderView:
    """A table in the terminal, and the titles of the columns that had no room in it."""

    table: Table
    left_out: tuple[str, ...]
    width: int


def ladder_view(
    summary: LadderSummary, case: Case, *, width: int = 80, wide: bool = False
) -> LadderView:
    """Return the columns of a ladder that fit a width; those of a case that are essential first.

    Where not even those fit, an interval stands below its estimate; where that is not enough, the
    last of them are left out. Names of rungs are never cut.

    Parameters
    ----------
    summary : LadderSummary
    case : Case
        Names the columns.
    width : int
        Of the terminal, in characters.
    wide : bool
        Show every column, however wide that makes the table.
    """
    rows = ledger_rows(summary)
    columns = _columns(case, rows)
    for chosen, stacked in [(columns, False)] if wide else _choices(columns):
        table = _table(rows, chosen, stacked=stacked)
        needed = _natural_width(table)
        if wide or needed <= width:
            break
    left_out = tuple(column.title for column in columns if column not in chosen)
    return LadderView(table, left_out, max(needed, width))


def print_ladder(
    console: Console, summary: LadderSummary, case: Case, *, wide: bool = False
) -> None:
    """Print a ladder: a table in a terminal, plain lines with tabs elsewhere."""
    if not console.is_terminal:
        for line in plain_lines(summary, case):
            console.file.write(line + "\n")
        return
    view = ladder_view(summary, case, width=console.width, wide=wide)
    for sentence in head_lines(summary):
        console.print(Text(sentence, style="italic"))
    # rich cuts a table to the console's own width, which a name or --wide may need to pass.
    screen_width, console.width = console.width, view.width
    console.print(view.table, crop=False)
    console.width = screen_width
    for sentence in foot_lines(summary, case):
        console.print(Text(sentence))
    if view.left_out:
        console.print(Text(f"without {', '.join(view.left_out)}: --wide shows every column"))


def plain_lines(summary: LadderSummary, case: Case) -> Iterator[str]:
    """Yield a header and a line per rung, cells padded and parted by tabs; the rest after ``#``.

    The lines do not depend on the terminal, so that ``cut``, ``awk`` and ``column`` can read them.
    """
    rows = ledger_rows(summary)
    columns = _columns(case, rows)
    table = [["rung", *(column.title for column in columns)]]
    table += [[rung_cell(row), *(column.cell(row) for column in columns)] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*table)]
    yield from (f"# {sentence}" for sentence in head_lines(summary))
    for first, *others in table:
        yield "\t".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])])
    yield from (f"# {sentence}" for sentence in foot_lines(summary, case))


def _columns(case: Case, rows: Rows) -> list[TableColumn]:
    """Return the columns of a case of which some row has a figure."""
    columns = at_rank(case.printed, rows[0] if rows else ())
    return [column for column in columns if any(column.cell(row) for row in rows)]


def head_lines(summary: LadderSummary) -> list[str]:
    """Return what stands above a ladder: where its rows come from and what they weigh."""
    counts = ", ".join(f"{part} {count:,}" for part, count in summary.rows.items())
    lines = [f"{summary.source} ({counts}; seeds {', '.join(map(str, summary.seeds))})"]
    if summary.weights:
        effective, rows = summary.weights.effective_test_rows, summary.rows["test"]
        said = f"weighted by {summary.weights.column}: the {rows:,} test rows say as much as"
        lines.append(f"{said} {effective:,.0f} whose weight depends on the label alone")
    return lines


def foot_lines(summary: LadderSummary, case: Case) -> list[str]:
    """Return what stands below a ladder: how to read its rows, and what is not there, and why."""
    marked = [SELECTED_NOTE] if any(rung.selected for rung in summary.rungs) else []
    skipped = [f"skipped {rung}: {reason}" for rung, reason in summary.skipped.items()]
    oracle = [case.about_oracle] if any(rung.rung.is_oracle for rung in summary.rungs) else []
    return [*marked, *filter(None, oracle), *summary.notes, *skipped]


def _choices(columns: list[TableColumn]) -> Iterator[tuple[list[TableColumn], bool]]:
    """Yield choices of columns, and whether intervals stand below, from the most to the least."""
    essential = [column for column in columns if column.essential] or columns[:1]
    others = [column for column in columns if column not in essential]
    for kept in range(len(others), -1, -1):
        chosen = [*essential, *others[:kept]]
        yield [column for column in columns if column in chosen], False
    for kept in range(len(essential), 0, -1):
        yield essential[:kept], True


def _table(rows: Rows, columns: list[TableColumn], *, stacked: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("rung", no_wrap=True)
    cells = [[column.cell(row) for row in rows] for column in columns]
    if stacked:
        cells = [[cell.replace(" [", "\n[") for cell in column] for column in cells]
    for column, texts in zip(columns, cells):
        lines = itertools.chain.from_iterable(map(str.splitlines, texts))
        table.add_column(_header(column.title, max(map(len, lines))), justify="right", no_wrap=True)
    for row, texts in zip(rows, zip(*cells)):
        table.add_row(Text(rung_cell(row)), *map(Text, texts))
    return table


def _header(title: str, width: int) -> Text:
    """Break a title into lines of at most `width`, or of its longest word."""
    lines = [""]
    for word in title.replace("[95 %]", "[95\u00a0%]").split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return Text("\n".join(filter(None, lines)))


def _natural_width(table: Table) -> int:
    console = Console(width=10_000)
    return Measurement.get(console, console.options, table).maximum
