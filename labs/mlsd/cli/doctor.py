"""``mlsd doctor``: examine the machine and the environment."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlsd.runtime.doctor import Finding, Status, examine

_MARKS: dict[Status, str] = {
    "ok": "[green]ok[/green]",
    "warning": "[yellow]warning[/yellow]",
    "broken": "[red]broken[/red]",
}


def findings_table(findings: list[Finding]) -> Table:
    """Return the findings as a table for the terminal.

    Examples
    --------
    >>> findings_table([Finding("cores", "ok", "2 physical")]).row_count
    1
    """
    table = Table("what", "status", "found", "advice", title="mlsd doctor")
    for finding in findings:
        detail, advice = escape(finding.detail), escape(finding.advice)
        table.add_row(finding.name, _MARKS[finding.status], detail, advice)
    return table


def doctor() -> None:
    """Examine the machine and the environment, and say what to do about each fault.

    Exits with code 1 if something is broken; a warning alone is not a failure.

    Example: [bold]mlsd doctor[/bold]
    """
    with Console(stderr=True).status("Loading every library once"):
        findings = examine()
    Console().print(findings_table(findings))
    broken = [finding.name for finding in findings if finding.status == "broken"]
    if broken:
        Console(stderr=True).print(f"mlsd doctor: broken: {', '.join(broken)}")
        raise typer.Exit(1)
