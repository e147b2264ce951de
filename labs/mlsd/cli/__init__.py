"""The command ``mlsd``: used by people; everything it does is a function of a lower layer."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from mlsd.runtime import InputError

INTERRUPTED = 130  # what a shell expects of a program that was stopped with Ctrl-C


def build_app() -> typer.Typer:
    """Assemble the command line from its parts.

    Sub-commands are imported here, not with the package, so that ``import mlsd.cli`` stays cheap.
    """
    from mlsd.cli.ab import ab
    from mlsd.cli.course import course_app
    from mlsd.cli.data import data_app
    from mlsd.cli.doctor import doctor
    from mlsd.cli.lab import lab
    from mlsd.cli.ladder import ladder

    app = typer.Typer(
        name="mlsd",
        help="The ML System Design Workbook: worlds, ladders, chapters and labs.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for command in (doctor, lab, ladder, ab):
        app.command()(command)
    app.add_typer(data_app, name="data")
    app.add_typer(course_app, name="course")
    return app


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 2."""
    error_console = Console(stderr=True, soft_wrap=True)
    try:
        build_app()()
    except InputError as error:
        error_console.print(f"mlsd: {error}", markup=False, highlight=False)
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            error_console.print("mlsd: interrupted; nothing was written")
        raise
