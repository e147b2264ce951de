"""``mlsd ladder``: climb the ladder of a case in its world or on real logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mlsd.runtime import InputError

if TYPE_CHECKING:
    from mlsd.cases import Case
    from mlsd.experiments.sources import LadderSource
    from mlsd.experiments.summary import LadderSummary


MOST_SEED = 2**32 - 1  # what every library takes


def parse_integers(text: str, option: str) -> tuple[int, ...]:
    """Turn ``"101,102"`` into a tuple of integers.

    Raises
    ------
    InputError
        When a part is not a whole number from zero to `MOST_SEED`.

    Examples
    --------
    >>> parse_integers("101,102", "--seeds")
    (101, 102)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"{option} {text!r}: give whole numbers separated by commas, as in 1,2,3")
    numbers = tuple(map(int, parts))
    if max(numbers) > MOST_SEED:
        raise InputError(f"{option} {text!r}: {max(numbers)} is too large; {MOST_SEED} is the most")
    return numbers


def _source(
    case: Case, dataset: str | None, spec: Path | None, size: str, variant: str | None
) -> LadderSource:
    from mlsd.data import find_entry, load_dataset, load_log, load_spec
    from mlsd.experiments import LogSource

    if dataset and spec:
        raise InputError("--dataset and --spec exclude each other; give one of them")
    if spec:
        described = load_spec(spec)
        case.require_own(described.case, str(spec))
        return LogSource(load_log(described))
    if dataset:
        case.require_own(find_entry(dataset).case, f"data set {dataset!r}")
        return LogSource(load_dataset(dataset))
    return case.source(size=size, variant=variant)


def ladder_view(summary: LadderSummary, case: Case) -> Table:
    """Return the ladder as a table for the terminal, in the columns of its case."""
    from mlsd.experiments.display import SELECTED_NOTE, rung_cell
    from mlsd.experiments.ledger import ledger_rows

    counts = ", ".join(f"{part} {count:,}" for part, count in summary.rows.items())
    table = Table(title=f"{summary.source} ({counts}; seeds {', '.join(map(str, summary.seeds))})")
    if any(rung.selected for rung in summary.rungs):
        table.caption = SELECTED_NOTE
    table.add_column("rung", no_wrap=True)
    for column in case.printed:
        table.add_column(column.title, justify="right", no_wrap=True)
    for row in ledger_rows(summary):
        table.add_row(rung_cell(row), *(column.cell(row) for column in case.printed))
    return table


def ladder(
    case: Annotated[str, typer.Argument(help="Which case study's ladder.")],
    *,
    dataset: Annotated[str | None, typer.Option(help="A catalogued public data set.")] = None,
    spec: Annotated[Path | None, typer.Option(help="A TOML file that describes a log.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the ledger as JSON.")] = None,
    commit: Annotated[bool, typer.Option("--commit", help="Write data/ledgers/.")] = False,
    seeds: Annotated[str | None, typer.Option(help="Seeds, separated by commas.")] = None,
    rungs: Annotated[str | None, typer.Option(help="Rungs, separated by commas.")] = None,
    size: Annotated[str, typer.Option(help="Size of the world.")] = "default",
    variant: Annotated[str | None, typer.Option(help="Variant of the world.")] = None,
    deploy_days: Annotated[int, typer.Option(min=0, help="Days of deployment per rung.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Keep finished runs here, and go on.")] = None,
) -> None:
    """Fit every rung of a case under one protocol and print the ledger.

    Examples: [bold]mlsd ladder ad_click[/bold];
    [bold]mlsd ladder ad_click --dataset criteo-kaggle-8k[/bold];
    [bold]mlsd ladder ad_click --spec my_log.toml --out ledger.json[/bold]
    """
    from mlsd import experiments
    from mlsd.cases import find_case

    found = find_case(case)
    if out is not None and out.is_dir():
        raise InputError(f"{out}: is a folder; give the name of a file to write")
    console = Console()
    source = _source(found, dataset, spec, size, variant)
    path = experiments.ledger_path(case, source.name) if commit else None
    chosen = parse_integers(seeds, "--seeds") if seeds else experiments.default_seeds(source)
    with console.status("starting") as status:
        runs = experiments.run_ladder(
            source,
            found.ladder,
            seeds=chosen,
            rungs=[name.strip() for name in rungs.split(",")] if rungs else None,
            deploy=experiments.deployer(found.ladder, deploy_days) if deploy_days else None,
            store=experiments.RunStore(keep, deploy_days=deploy_days) if keep else None,
            progress=lambda step: status.update(str(step)),
        )
        status.update("intervals")
        summary = experiments.summarise_ladder(runs)
    if console.is_terminal:
        console.print(ladder_view(summary, found))
    else:
        Console(width=200).print(ladder_view(summary, found))
    for rung, reason in summary.skipped.items():
        console.print(f"skipped {rung}: {reason}")
    if out:
        experiments.write_json(summary, out, case)
    if path:
        experiments.write_ledger(summary, path)
        console.print(f"wrote data/ledgers/{path.name}")
