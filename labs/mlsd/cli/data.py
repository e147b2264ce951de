"""``mlsd data``: list, describe and fetch public data sets, and check a log of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from mlsd.runtime import InputError, atomic_path

data_app = typer.Typer(
    help="Public data sets: list them, read their cards, fetch them. Your own log: check it.",
    no_args_is_help=True,
)
Root = Annotated[
    Path | None,
    typer.Option(help="Folder with one folder a data set; default MLSD_DATA, else data/fetched."),
]


@data_app.command("list")
def list_sets(root: Root = None) -> None:
    """List the catalogued data sets and whether their files are here.

    Example: [bold]mlsd data list[/bold]
    """
    from mlsd.data import catalogue, data_root

    folder = data_root(root)
    table = Table(title="public data sets", caption=f"looked for under {folder}")
    for title in ("name", "case", "rows", "here", "title"):
        table.add_column(
            title, justify="right" if title == "rows" else "left", no_wrap=title != "title"
        )
    for entry in catalogue().values():
        here = "yes" if (folder / entry.folder).is_dir() else "no"
        table.add_row(entry.name, entry.case, f"{entry.rows:,}", here, entry.title)
    Console().print(table)


@data_app.command("card")
def card(
    name: Annotated[str, typer.Argument(help="A data set, or a world.")],
    *,
    commit: Annotated[
        bool, typer.Option("--commit", help="Measure the world again and write data/cards/.")
    ] = False,
) -> None:
    """Print the card of a data set or world: content, terms, published figures, limits.

    Examples: [bold]mlsd data card movielens-100k-clicks[/bold];
    [bold]mlsd data card ad_click_world --commit[/bold]
    """
    from mlsd.data import card_path

    if commit:
        _write_card(name)
    Console().print(Markdown(card_path(name).read_text(encoding="utf-8")))


def _write_card(name: str) -> None:
    """Measure the world of this name and write its card, whole or not at all."""
    from mlsd.cases import built_cases, find_case
    from mlsd.data import cards_folder

    worlds = {case.world_name: case for case in map(find_case, built_cases())}
    if name not in worlds:
        raise InputError(
            f"{name}: only the card of a world is measured; choose among {', '.join(worlds)}"
        )
    with atomic_path(cards_folder() / f"{name}.md") as temporary:
        temporary.write_text(worlds[name].card(), encoding="utf-8", newline="\n")


@data_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="A name from 'mlsd data list'.")],
    root: Root = None,
    mirror: Annotated[
        str | None, typer.Option(help="Take the files from this address instead.")
    ] = None,
) -> None:
    """Download a data set from its official address, with its hash checked.

    Examples: [bold]mlsd data fetch movielens-100k-clicks[/bold];
    [bold]mlsd data fetch movielens-100k --mirror http://classroom.example/data[/bold]
    """
    from mlsd.data import fetch_dataset, find_entry

    entry, console = find_entry(name), Console()
    console.print(f"{entry.title}\nterms: {entry.licence}\nsource: {entry.homepage}", markup=False)
    folder = fetch_dataset(name, root=root, base_url=mirror, progress=True)
    for file in entry.files:
        known = file.hash or "hash not published; what was fetched is recorded in SHA256SUMS"
        console.print(f"{file.path}: {known}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"in {folder}", markup=False, highlight=False, soft_wrap=True)


@data_app.command("check")
def check(
    *,
    spec: Annotated[Path | None, typer.Option(help="The TOML file that describes a log.")] = None,
    dataset: Annotated[str | None, typer.Option(help="A name from 'mlsd data list'.")] = None,
    root: Root = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on a warning.")] = False,
) -> None:
    """Say what was understood of a log, and what is probably wrong with it or with its spec.

    It says how files, times, users and columns were read, and warns, with the line to write into
    the spec, of times in another unit, leaks, columns written after the fact, duplicates, parts out
    of order, and more. The leak alarm was wrong on 0 of 624 columns of public sets and simulated
    worlds, but none of these came near its bar: an honest column that all but decides the label
    alarms too. What it misses is said in mlsd.data.understanding.leaks.

    It exits with 0 whatever it warns of, unless --strict is given; with 2 where the log cannot be
    read.

    Examples: [bold]mlsd data check --spec my_log.toml[/bold];
    [bold]mlsd data check --dataset criteo-kaggle-8k --strict[/bold]
    """
    from mlsd.data import data_root, find_entry, read_log
    from mlsd.data.understanding import render_full, understand

    if (spec is None) == (dataset is None):
        raise InputError("mlsd data check: give either --spec or --dataset")
    if spec is not None:
        loaded = read_log(spec, root=root)
    else:
        loaded = read_log(find_entry(dataset).spec, root=data_root(root))
    understanding = understand(loaded)
    typer.echo(render_full(understanding))
    if strict and understanding.warnings:
        raise typer.Exit(1)
