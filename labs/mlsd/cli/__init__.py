"""The command ``mlsd``: used by people; everything it does is a function of a lower layer."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # Importing typing would take longer than a quick Ctrl-C.
if TYPE_CHECKING:
    from typing import NoReturn

    import typer

CANNOT_PRINT = 1
# Writing and grading need them, and `pip install .` for a reader leaves them out.
CONTRIBUTORS_PACKAGES = ("jupytext", "nbgrader", "nbval", "pytest")


def build_app() -> typer.Typer:
    """Assemble the command line from its parts.

    Sub-commands are imported here, not with the package, so that ``import mlsd.cli`` stays cheap.
    """
    import typer

    from mlsd.cli.ab import ab
    from mlsd.cli.course import course_app
    from mlsd.cli.data import data_app
    from mlsd.cli.doctor import doctor
    from mlsd.cli.guesses import guesses
    from mlsd.cli.lab import lab
    from mlsd.cli.ladder import ladder
    from mlsd.cli.serve import serve

    app = typer.Typer(
        name="mlsd",
        help="The ML System Design Workbook: worlds, ladders, chapters and labs.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for command in (doctor, lab, guesses, ladder, ab, serve):
        app.command()(command)
    app.add_typer(data_app, name="data")
    app.add_typer(course_app, name="course")
    return app


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 2."""
    from mlsd.cli.interrupts import INTERRUPTED, NOTHING_WRITTEN, leaving_at_once

    if sys.stdout is None:  # Closed by the shell, as with >&-.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    with leaving_at_once():
        from mlsd.runtime import InputError

        app = build_app()
    try:
        app()
    except InputError as error:
        _leave(2, str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in CONTRIBUTORS_PACKAGES:
            raise
        advice = "run `make setup-dev`, or `pip install -e .[dev]` in the clone"
        _leave(2, f"{package} is not installed, which writing and grading need; {advice}")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            _leave(INTERRUPTED, f"interrupted; {getattr(stop, 'kept', NOTHING_WRITTEN)}")
        _leave(stop.code)
    except OSError:
        # The buffer that did not get out is gone, so that only one more line tells.
        unprinted = _unprinted("\n")
        if unprinted is None:
            raise
        _leave(CANNOT_PRINT, unprinted=unprinted)


def _leave(
    code: str | int | None, sentence: str = "", *, unprinted: OSError | None = None
) -> NoReturn:
    """Say the last sentence and exit, once all that was printed has reached its reader."""
    unprinted = unprinted or _unprinted()
    if sentence:
        print(f"mlsd: {sentence}", file=sys.stderr)
    if unprinted is not None:
        # What cannot be printed would be tried again, and complained of, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(unprinted, BrokenPipeError):
            reason = unprinted.strerror
            print(f"mlsd: what was to be printed cannot be ({reason})", file=sys.stderr)
        code = code or CANNOT_PRINT
    sys.exit(code)


def _unprinted(more: str = "") -> OSError | None:
    """Print what is left, and `more`; return why that cannot be, None where it can."""
    try:
        print(more, end="", flush=True)
    except OSError as error:
        return error
    return None
