"""The README's ladder: a table and a figure from the committed ledger of a case."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from mlsd.course.document import Course
from mlsd.runtime import atomic_path

_LEDGER = Path("data/ledgers/ad_click.csv")
_COLUMNS = (
    "rung",
    "normalized entropy [95 %]",
    "vs best [95 %]",
    "AUC",
    "AUC within users",
    "revenue",
    "fit, CPU s",
)


def ladder_block(course: Course) -> str:
    """Return the ladder of the default world as a table and a link to its figure.

    Empty while no ledger is committed.
    """
    path = course.root / _LEDGER
    if not path.is_file():
        return ""
    ledger = pd.read_csv(path)
    lines = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    lines += [f"| {' | '.join(_cells(row))} |" for _, row in ledger.iterrows()]
    first = ledger.iloc[0]
    rows = f"{first['train_rows']:,} training and {first['test_rows']:,} test impressions"
    note = f"World seeds {first['seeds']}, about {rows} each; revenue is per thousand requests."
    figure = f"![the ladder of ad click prediction]({figure_path(course).as_posix()})"
    return "\n".join(["", *lines, "", note, "", figure])


def figure_path(course: Course) -> Path:
    """Return where the figure lies, relative to the project."""
    return _LEDGER.with_suffix(".svg")


def write_figure(course: Course) -> bool:
    """Draw the figure anew if the ledger has changed; return whether it was drawn."""
    ledger, target = course.root / _LEDGER, course.root / figure_path(course)
    if not ledger.is_file() or figure_is_current(course):
        return False
    import matplotlib.pyplot as plt

    from mlsd.plots import course_style, plot_ladder

    with plt.rc_context(course_style()):
        figure = plot_ladder(pd.read_csv(ledger)).figure
        with atomic_path(target) as temporary:
            metadata = {"Date": None, "Description": _digest(ledger)}
            figure.savefig(temporary, format="svg", metadata=metadata)
        plt.close(figure)
    return True


def figure_is_current(course: Course) -> bool:
    """Return whether the figure was drawn from the ledger as it is, or there is no ledger."""
    ledger, target = course.root / _LEDGER, course.root / figure_path(course)
    if not ledger.is_file():
        return True
    return target.is_file() and _digest(ledger) in target.read_text(encoding="utf-8")


def _digest(path: Path) -> str:
    return f"ledger sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _cells(row: pd.Series) -> list[str]:
    low, high = row["normalized_entropy_low"], row["normalized_entropy_high"]
    return [
        row["rung"],
        f"{row['normalized_entropy']:.4f} [{low:.4f}, {high:.4f}]",
        _distance(row),
        f"{row['auc']:.4f}",
        _number(row.get("grouped_auc"), ".4f"),
        _number(row.get("online_revenue"), ".2f"),
        _number(row.get("fit_cpu_seconds"), ".1f"),
    ]


def _distance(row: pd.Series) -> str:
    """Return the paired difference to the best rung, called a tie where its interval holds 0."""
    name = "normalized_entropy_vs_best"
    if pd.isna(row.get(name)):
        return ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low == high == 0:
        return "best"
    tie = " tie" if low <= 0 <= high else ""
    return f"{row[name]:+.4f} [{low:+.4f}, {high:+.4f}]{tie}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(value, form)
