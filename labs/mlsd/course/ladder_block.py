"""The README's ladders: a table and a figure from the committed ledger of each case."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mlsd.cases import built_cases, find_case
from mlsd.course.document import Course
from mlsd.experiments.display import SELECTED_NOTE, is_selected, rung_cell
from mlsd.runtime import InputError, atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mlsd.cases.base import Case


def picture_block(course: Course, case_id: str) -> str:
    """Return the figure of a case's ladder, with what each of its rungs earned where that is known.

    Empty while no ledger is committed.
    """
    if not (course.root / _ledger(case_id)).is_file():
        return ""
    case = find_case(case_id)
    finding = f": {case.highlights.finding}" if case.highlights else ""
    return f"![the ladder of {case.title}{finding}]({_figure(case_id).as_posix()})"


def ladder_block(course: Course, case_id: str) -> str:
    """Return the ladder of a case's default world as a table of the rungs that README shows.

    Empty while no ledger is committed.
    """
    path = course.root / _ledger(case_id)
    if not path.is_file():
        return ""
    case, ledger = find_case(case_id), _read(path, case_id)
    everything, shown = len(ledger), _shown(ledger, case)
    titles = ["rung", *(column.title for column in case.listed)]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for _, row in shown.iterrows():
        cells = [rung_cell(row), *(column.cell(row) for column in case.listed)]
        lines.append(f"| {' | '.join(cells)} |")
    first, measure = ledger.iloc[0], case.headline
    rows = f"{first['train_rows']:,} training and {first['test_rows']:,} test {case.rows_are}"
    note = f"World seeds {first['seeds']}, about {rows} each; {measure.name} is {measure.unit}."
    if any(is_selected(row) for _, row in shown.iterrows()):
        note += f" {SELECTED_NOTE}"
    if case.about_oracle and (shown["features"] == "truth").any():
        note += f" {case.about_oracle}"
    if len(shown) < everything:
        link = f"[data/ledgers/{path.name}]({_ledger(case_id).as_posix()})"
        note += f" All {everything} rungs with all columns are in {link}."
    return "\n".join(["", *lines, "", note])


def write_figures(course: Course) -> list[Path]:
    """Draw the figure of each case whose ledger has changed; return those that were drawn."""
    return [_draw(course, case_id) for case_id in _outdated(course)]


def outdated_figures(course: Course) -> list[Path]:
    """Return the figures, relative to the project, that were not drawn from the ledger as it is."""
    return [_figure(case_id) for case_id in _outdated(course)]


def _outdated(course: Course) -> list[str]:
    outdated = []
    for case_id in built_cases():
        ledger, figure = course.root / _ledger(case_id), course.root / _figure(case_id)
        drawn = figure.read_text(encoding="utf-8") if figure.is_file() else ""
        if ledger.is_file() and _digest(ledger) not in drawn:
            outdated.append(case_id)
    return outdated


def _draw(course: Course, case_id: str) -> Path:
    import matplotlib.pyplot as plt

    from mlsd.plots import course_style

    ledger, target = course.root / _ledger(case_id), course.root / _figure(case_id)
    with plt.rc_context(course_style()):
        figure = _picture(_read(ledger, case_id), find_case(case_id)).figure
        with atomic_path(target) as temporary:
            metadata = {"Date": None, "Description": _digest(ledger)}
            figure.savefig(temporary, format="svg", metadata=metadata)
        plt.close(figure)
    return _figure(case_id)


def _picture(ledger: pd.DataFrame, case: Case) -> Axes:
    """Draw what the rungs earned against how well they predict; all of them where none is named."""
    from mlsd.plots import plot_deployed, plot_ladder

    measure, figure, online = case.headline, case.figure, f"online_{case.headline.name}"
    if case.highlights is None or online not in ledger:
        return plot_ladder(ledger, **vars(figure))
    return plot_deployed(
        ledger,
        metric=figure.metric,
        label=figure.label,
        online=online,
        online_label=f"{measure.name.replace('_', ' ')} {measure.unit}, deployed",
        names=case.highlights.rungs,
        title=case.highlights.finding,
        higher_is_better=case.highlights.higher_is_better,
    )


def _shown(ledger: pd.DataFrame, case: Case) -> pd.DataFrame:
    if case.highlights is None:
        return ledger
    return ledger[ledger["rung"].isin(case.highlights.rungs)]


def _read(path: Path, case_id: str) -> pd.DataFrame:
    """Return a ledger that holds what the block and the figure need."""
    case, advice = find_case(case_id), f"run `mlsd ladder {case_id} --commit`"
    try:
        ledger = pd.read_csv(path)
    except ValueError:
        raise InputError(f"{path.name}: is no ledger; {advice}") from None
    if ledger.empty:
        raise InputError(f"{path.name}: has no row; {advice}")
    needed = {"rung", "features", "seeds", "train_rows", "test_rows", case.figure.metric}
    shown = [column for column in case.listed if column.show != "number" and column.key in ledger]
    for key in (case.figure.metric, *(column.key for column in shown)):
        needed |= {f"{key}_low", f"{key}_high"}
    missing = sorted(needed.difference(ledger.columns))
    if missing:
        raise InputError(f"{path.name}: column {missing[0]!r} is missing; {advice}")
    return ledger


def _ledger(case_id: str) -> Path:
    return Path("data/ledgers") / f"{case_id}.csv"


def _figure(case_id: str) -> Path:
    return _ledger(case_id).with_suffix(".svg")


def _digest(path: Path) -> str:
    return f"ledger sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"
