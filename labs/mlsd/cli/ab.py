"""``mlsd ab``: an A/B test of two rungs in the world, beside the truth."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def ab(
    case: Annotated[str, typer.Argument(help="Which case study.")],
    *,
    control: Annotated[str, typer.Option(help="Rung of the control arm.")],
    treatment: Annotated[str, typer.Option(help="Rung of the treatment arm.")],
    design: Annotated[
        str | None,
        typer.Option(help="One of the case's, such as switchback; its first by default."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days of the test.")] = 7,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the world.")] = 7,
    size: Annotated[str, typer.Option(help="Size of the world.")] = "default",
) -> None:
    """Test two rungs against each other and compare the estimate with the twin-world truth.

    Example: [bold]mlsd ab ad_click --control hashed_lr --treatment dcn_v2 --design user[/bold]
    """
    from mlsd.cases import find_case
    from mlsd.experiments import run_ab_test

    found = find_case(case)
    design = found.ladder.designs[0] if design is None else design
    console = Console(highlight=False)
    with console.status("fitting both rungs"):
        result = run_ab_test(
            found.source(size=size),
            found.ladder,
            (control, treatment),
            design=design,
            days=days,
            seed=seed,
        )
    table = Table(title=Text(f"{treatment} against {control}, {days} days, split by {design}"))
    table.add_column("measure", no_wrap=True)
    for title in ("control", "treatment", "A/B lift [95 %]", "true lift [95 %]"):
        table.add_column(Text(title), justify="right")
    for row in result.rows():
        table.add_row(*map(Text, row))
    console.print(table)
    console.print(
        "A/B lift: what a company could observe in one shared world. "
        "True lift: each policy alone in a twin world with common luck."
    )
